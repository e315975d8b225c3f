"""Stage 2 against copying baselines, on clips of held-out speakers."""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mytalk_core.evaluation.appearance_acceptance import acceptance_table
from mytalk_core.evaluation.appearance_scores import (
    Judges,
    middle_face,
    picture_scores,
    source_texture,
    texture_scores,
    truth_of,
)
from mytalk_core.evaluation.identity import csim
from mytalk_core.evaluation.independent_judge import (
    LIP_METRICS as INDEPENDENT_LIP_METRICS,
)
from mytalk_core.evaluation.independent_judge import TRUE_LIP_METRICS, independent_lip_scores
from mytalk_core.evaluation.lip_fidelity import leak_scores, lip_scores
from mytalk_core.evaluation.pasting import CLIP_PASTED, MEAN_MOUTH, PASTED
from mytalk_core.evaluation.redrawing import (
    APART,
    OURS,
    RAW,
    Drawer,
    Pictures,
    RedrawCase,
    as_drawn,
    drawn_blind,
    in_place,
)
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable, measurements
from mytalk_core.faces.embedding import FaceEmbedder, identity_distance

RECONSTRUCTION = "reconstruction (own lips)"
CROSS = "cross (lips of another clip of the same speaker)"
DERIVED = "by which it is accepted"
TRUTH = "truth"
UNTOUCHED = "source untouched"
OTHER_CLIP = "another clip of the person"

_PICTURE_METRICS = (
    Metric("psnr_mouth", "PSNR mouth (dB)", "higher", 2),
    Metric("psnr_mouth_pooled", "PSNR mouth, pooled (dB)", "higher", 2),
    Metric("ssim_mouth", "SSIM mouth", "higher"),
)
_LPIPS_METRICS = (
    Metric("lpips_mouth", "LPIPS mouth", "lower"),
    Metric("lpips_face", "LPIPS lower face", "lower"),
)
_LIP_METRICS = (
    Metric("asked_lmd", "lips from target", "lower", 4),
    Metric("asked_r", "opening r", "higher"),
    Metric("asked_r_pooled", "opening r, pooled", "higher"),
    Metric("found", "faces found", "higher", 2),
)
_LEAK_METRICS = (
    Metric("own_r", "r with own opening", "neither"),
    Metric("own_share", "share of own opening", "neither"),
    Metric("leak_r", "r beyond blind", "neither"),
    Metric("leak_share", "share beyond blind", "neither"),
)
_TEXTURE_METRICS = (
    Metric("sharpness", "sharpness over source", "neither", 2),
    Metric("flicker", "flicker over source", "neither", 2),
    Metric("seam", "seam over source", "neither"),
    Metric("outside", "outside change", "lower", 0),
)
_IDENTITY_METRICS = (
    Metric("identity_l2", "identity L2", "lower"),
    Metric("csim", "CSIM", "higher", 4),
)

# Methods whose lips are not measured: RAW has those of ours, a mean mouth has no shape of its own.
_LIPS_SKIPPED = frozenset({RAW, MEAN_MOUTH})
# The independent judge takes over half a second a picture, so it measures these only.
_INDEPENDENTLY_JUDGED = frozenset({OURS, PASTED, TRUTH, UNTOUCHED})
# Methods without an identity score: it would repeat another method's, and an embedding takes 0.1 s.
_IDENTITY_SKIPPED = frozenset({RAW, APART, CLIP_PASTED, MEAN_MOUTH, TRUTH, UNTOUCHED})


@dataclass
class AppearanceTables:
    """Measurements of reconstruction and cross, added clip by clip."""

    drawers: Mapping[str, Drawer]
    judges: Judges
    own: list[Measurement] = field(default_factory=list)
    cross: list[Measurement] = field(default_factory=list)
    # The embedding of one true frame, by speaker and clip.
    _faces: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def add(self, case: RedrawCase) -> tuple[dict[str, Pictures], dict[str, float]]:
        """Draw a case by every method and measure it.

        Returns:
            The pictures by method, (N, C, C, 3) each, and the scores of ours.
        """
        drawn = drawings(case, self.drawers)
        untouched = TRUTH if case.is_reconstruction else UNTOUCHED
        pictures = {**drawn, untouched: case.pictures}
        blind = None
        if self.judges.lips and not case.is_reconstruction:
            blind = in_place(case, drawn_blind(case, self.drawers[OURS]))
        # The judging networks, of one thread each, run while pictures are compared.
        with ThreadPoolExecutor(1) as executor:
            judged = executor.submit(self._judge_scores, case, pictures, blind)
            scores = self._pixel_scores(case, pictures)
            for method, found in judged.result().items():
                scores[method] |= found
        rows = self.own if case.is_reconstruction else self.cross
        for method, found in scores.items():
            rows += _measurements(case, method, found)
        return drawn, scores[OURS]

    def _pixel_scores(
        self, case: RedrawCase, drawn: Mapping[str, Pictures]
    ) -> dict[str, dict[str, float]]:
        source, lpips = source_texture(case), self.judges.lpips
        scores = {name: texture_scores(case, each, source) for name, each in drawn.items()}
        if case.is_reconstruction:
            truth = truth_of(case, lpips)
            for name, each in drawn.items():
                scores[name] |= picture_scores(case, each, lpips, truth)
        return scores

    def _judge_scores(
        self, case: RedrawCase, drawn: Mapping[str, Pictures], blind: Pictures | None
    ) -> dict[str, dict[str, float]]:
        reader, embedder = self.judges.lips, self.judges.embedder
        scores: dict[str, dict[str, float]] = {name: {} for name in drawn}
        blind_found = reader.find(blind) if reader and blind is not None else None
        for name, each in drawn.items():
            if reader and reader.scheme == case.scheme and name not in _LIPS_SKIPPED:
                found = reader.find(each)
                scores[name] |= lip_scores(case, found)
                if blind_found is not None:
                    scores[name] |= leak_scores(case, found, blind_found)
            if embedder and name not in _IDENTITY_SKIPPED:
                face = middle_face(case, each, embedder)
                scores[name] |= _identity(face, self._true_face(case, embedder))
        for name, found_scores in self._independent_scores(case, drawn).items():
            scores[name] |= found_scores
        return scores

    def _independent_scores(
        self, case: RedrawCase, drawn: Mapping[str, Pictures]
    ) -> dict[str, dict[str, float]]:
        judge = self.judges.independent
        if judge is None or judge.reader is None:
            return {}
        own = judge.reader.find(case.pictures)
        scores = {}
        for name in _INDEPENDENTLY_JUDGED & drawn.keys():
            untouched = name in (TRUTH, UNTOUCHED)
            found = own if untouched else judge.reader.find(drawn[name])
            scores[name] = independent_lip_scores(case, found, own, judge.reader.scheme)
        return scores

    def _true_face(self, case: RedrawCase, embedder: FaceEmbedder) -> NDArray[np.float64]:
        clip = case.speaker, case.source
        if clip not in self._faces:
            self._faces[clip] = middle_face(case, case.pictures, embedder)
        return self._faces[clip]

    def tables(self) -> dict[str, MetricTable]:
        """Return the tables of everything measured so far, by title."""
        judges = self.judges
        independent = judges.independent is not None and judges.independent.reader is not None
        lips = _LIP_METRICS if judges.lips else ()
        own_lips = lips + (TRUE_LIP_METRICS if independent else ())
        cross_lips = lips + (INDEPENDENT_LIP_METRICS if independent else ())
        identity = _IDENTITY_METRICS if judges.embedder else ()
        near = _PICTURE_METRICS + (_LPIPS_METRICS if judges.lpips else ())
        own = MetricTable(
            near + own_lips + _TEXTURE_METRICS + identity,
            self.own + self._between_clips(),
            frozenset({TRUTH, OTHER_CLIP}),
        )
        tables = {RECONSTRUCTION: own}
        if self.cross:
            leak = _LEAK_METRICS if judges.lips else ()
            tables[CROSS] = MetricTable(
                cross_lips + leak + _TEXTURE_METRICS + identity,
                self.cross + self._between_clips(),
                frozenset({UNTOUCHED, OTHER_CLIP}),
            )
        return tables | {DERIVED: acceptance_table(own)}

    def _between_clips(self) -> list[Measurement]:
        """Compare the true faces of each clip and the speaker's next, the last with the first."""
        rows = []
        by_speaker = defaultdict(list)
        for (speaker, _), face in sorted(self._faces.items(), key=lambda item: item[0]):
            by_speaker[speaker].append(face)
        for speaker, faces in by_speaker.items():
            if len(faces) > 1:
                for face, other in zip(faces, faces[1:] + faces[:1], strict=True):
                    rows += measurements(OTHER_CLIP, speaker, _identity(face, other).items())
        return rows


def _measurements(case: RedrawCase, method: str, scores: Mapping[str, float]) -> list[Measurement]:
    """Return one measurement per score; a score `NAME_weight` is the weight of `NAME`."""
    weights = {f"{name}_weight" for name in scores} & scores.keys()
    return [
        Measurement(
            method, case.speaker, name, value, case.source, scores.get(f"{name}_weight", 0.0) or 1.0
        )
        for name, value in scores.items()
        if name not in weights
    ]


def drawings(case: RedrawCase, drawers: Mapping[str, Drawer]) -> dict[str, Pictures]:
    """Draw a case by every method, (N, C, C, 3) each, and by ours also without blending."""
    found = {}
    for method, draw in drawers.items():
        if method == APART and not case.is_reconstruction:
            continue  # equal to ours in cross
        drawn = draw(case)
        found[method] = in_place(case, drawn)
        if method == OURS:
            found[RAW] = as_drawn(drawn)
    return found


def _identity(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float]:
    return {"identity_l2": identity_distance(a, b), "csim": csim(a, b)}
