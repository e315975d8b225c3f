"""Stage 2 against copying: clips of held-out people drawn again, and what judges say of them."""

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
from mytalk_core.evaluation.lip_fidelity import leak_scores, lip_scores
from mytalk_core.evaluation.pasting import CLIP_PASTED, MEAN_MOUTH
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
    Metric("psnr_mouth_pooled", "the same, pooled (dB)", "higher", 2),
    Metric("ssim_mouth", "SSIM mouth", "higher"),
)
_LPIPS_METRICS = (
    Metric("lpips_mouth", "LPIPS mouth", "lower"),
    Metric("lpips_face", "LPIPS lower face", "lower"),
)
_LIP_METRICS = (
    Metric("asked_lmd", "lips from asked", "lower", 4),
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

# One has the lips of ours, the other those of nobody: the landmarker need not look.
_UNSEEN = frozenset({RAW, MEAN_MOUTH})
# Has no face of its own, or one that says no more than what is compared already: an embedding takes
# 0.1 s.
_FACELESS = frozenset({RAW, APART, CLIP_PASTED, MEAN_MOUTH, TRUTH, UNTOUCHED})


@dataclass
class AppearanceTables:
    """Measurements of reconstruction and of cross as they come in, clip after clip."""

    drawers: Mapping[str, Drawer]
    judges: Judges
    own: list[Measurement] = field(default_factory=list)
    cross: list[Measurement] = field(default_factory=list)
    # By speaker and clip: the embedding of one of its true frames.
    _faces: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def add(self, case: RedrawCase) -> tuple[dict[str, Pictures], dict[str, float]]:
        """Draw a case by every method and measure it; what they drew, and the scores of ours."""
        drawn = drawings(case, self.drawers)
        untouched = TRUTH if case.is_reconstruction else UNTOUCHED
        pictures = {**drawn, untouched: case.pictures}
        blind = None
        if self.judges.lips and not case.is_reconstruction:
            blind = in_place(case, drawn_blind(case, self.drawers[OURS]))
        # Judging networks of one thread each look while pictures are compared.
        with ThreadPoolExecutor(1) as other:
            looking = other.submit(self._looked_at, case, pictures, blind)
            scores = self._compared(case, pictures)
            seen = looking.result()
        rows = self.own if case.is_reconstruction else self.cross
        for method, found in scores.items():
            found |= seen[method]
            weights = {f"{name}_weight" for name in found} & found.keys()
            rows += [
                Measurement(
                    method,
                    case.speaker,
                    name,
                    value,
                    case.source,
                    found.get(f"{name}_weight", 0.0) or 1.0,
                )
                for name, value in found.items()
                if name not in weights
            ]
        return drawn, scores[OURS]

    def _compared(
        self, case: RedrawCase, drawn: Mapping[str, Pictures]
    ) -> dict[str, dict[str, float]]:
        source, lpips = source_texture(case), self.judges.lpips
        scores = {name: texture_scores(case, each, source) for name, each in drawn.items()}
        if case.is_reconstruction:
            truth = truth_of(case, lpips)
            for name, each in drawn.items():
                scores[name] |= picture_scores(case, each, lpips, truth)
        return scores

    def _looked_at(
        self, case: RedrawCase, drawn: Mapping[str, Pictures], blind: Pictures | None
    ) -> dict[str, dict[str, float]]:
        reader, embedder = self.judges.lips, self.judges.embedder
        scores: dict[str, dict[str, float]] = {name: {} for name in drawn}
        unseen = reader.find(blind) if reader and blind is not None else None
        for name, each in drawn.items():
            if reader and reader.scheme == case.scheme and name not in _UNSEEN:
                found = reader.find(each)
                scores[name] |= lip_scores(case, found)
                if unseen is not None:
                    scores[name] |= leak_scores(case, found, unseen)
            if embedder and name not in _FACELESS:
                face = middle_face(case, each, embedder)
                scores[name] |= _identity(face, self._true_face(case, embedder))
        return scores

    def _true_face(self, case: RedrawCase, embedder: FaceEmbedder) -> NDArray[np.float64]:
        clip = case.speaker, case.source
        if clip not in self._faces:
            self._faces[clip] = middle_face(case, case.pictures, embedder)
        return self._faces[clip]

    def tables(self) -> dict[str, MetricTable]:
        """What was measured so far, by title."""
        judges = self.judges
        lips = _LIP_METRICS if judges.lips else ()
        identity = _IDENTITY_METRICS if judges.embedder else ()
        near = _PICTURE_METRICS + (_LPIPS_METRICS if judges.lpips else ())
        own = MetricTable(
            near + lips + _TEXTURE_METRICS + identity,
            self.own + self._between_clips(),
            frozenset({TRUTH, OTHER_CLIP}),
        )
        tables = {RECONSTRUCTION: own}
        if self.cross:
            tables[CROSS] = MetricTable(
                lips + (_LEAK_METRICS if judges.lips else ()) + _TEXTURE_METRICS + identity,
                self.cross + self._between_clips(),
                frozenset({UNTOUCHED, OTHER_CLIP}),
            )
        return tables | {DERIVED: acceptance_table(own)}

    def _between_clips(self) -> list[Measurement]:
        """True faces of each clip and of the speaker's next one, the last and the first."""
        rows = []
        by_speaker = defaultdict(list)
        for (speaker, _), face in sorted(self._faces.items(), key=lambda item: item[0]):
            by_speaker[speaker].append(face)
        for speaker, faces in by_speaker.items():
            if len(faces) > 1:
                for face, other in zip(faces, faces[1:] + faces[:1], strict=True):
                    rows += measurements(OTHER_CLIP, speaker, _identity(face, other).items())
        return rows


def drawings(case: RedrawCase, drawers: Mapping[str, Drawer]) -> dict[str, Pictures]:
    """What every method makes of a case, (N, C, C, 3); ours without blending, too."""
    found = {}
    for method, draw in drawers.items():
        if method == APART and not case.is_reconstruction:
            continue  # ours is, there
        drawn = draw(case)
        found[method] = in_place(case, drawn)
        if method == OURS:
            found[RAW] = as_drawn(drawn)
    return found


def _identity(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float]:
    return {"identity_l2": identity_distance(a, b), "csim": csim(a, b)}
