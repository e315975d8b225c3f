"""Pictures of the worst cases of stage 2 and of one case of each speaker."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mytalk_core.evaluation.figures import jpeg_uri
from mytalk_core.evaluation.redrawing import Pictures, RedrawCase
from mytalk_core.evaluation.redrawn_strip import redrawn_strip
from mytalk_core.evaluation.shown_case import ShownCase

FAILURES_NOTE = (
    "The worst cases of ours by each measure, some frames from left to right. Cross has no truth."
)
EXAMPLES_NOTE = (
    "The first clip measured of each speaker, regardless of its scores: with its own lips, and with"
    " those of the speaker's next clip."
)

_Badness = Callable[[float], float]


def _apart_from_one(ratio: float) -> float:
    return abs(math.log(max(ratio, 1e-6)))


_OWN_WAYS: Mapping[str, tuple[str, _Badness]] = {
    "psnr_mouth": ("mouth PSNR", lambda value: -value),
    "lpips_mouth": ("mouth LPIPS", lambda value: value),
    "identity_l2": ("identity L2", lambda value: value),
}
_CROSS_WAYS: Mapping[str, tuple[str, _Badness]] = {
    "asked_lmd": ("lips from target", lambda value: value),
    "asked_r": ("opening r", lambda value: -value),
    "sharpness": ("sharpness", _apart_from_one),
    "flicker": ("flicker", lambda value: value),
    "seam": ("seam", lambda value: value),
}


@dataclass
class AppearancePictures:
    """Collects the pictures of the worst and the first cases while all are drawn."""

    # The worst case so far by metric: its badness, a description of the fault, and the case.
    _worst: dict[str, tuple[float, str, ShownCase]] = field(default_factory=dict)
    # The first case by speaker and whether it is a reconstruction.
    _first: dict[tuple[str, bool], ShownCase] = field(default_factory=dict)

    def add(self, case: RedrawCase, ours: Pictures, scores: Mapping[str, float]) -> None:
        """Add a case with the pictures of ours, (N, C, C, 3), and their scores."""
        ways = _OWN_WAYS if case.is_reconstruction else _CROSS_WAYS
        shown: ShownCase | None = None
        for metric, (title, badness) in ways.items():
            value = scores.get(metric, math.nan)
            bad = badness(value)
            if math.isnan(bad) or (metric in self._worst and bad <= self._worst[metric][0]):
                continue
            shown = shown or _shown(case, ours)
            self._worst[metric] = (bad, f"{title} {value:.3g}", shown)
        first = case.speaker, case.is_reconstruction
        if first not in self._first:
            self._first[first] = shown or _shown(case, ours)

    def failures(self) -> tuple[ShownCase, ...]:
        """Return the worst cases, each once, with every metric by which it is the worst."""
        faults: dict[ShownCase, list[str]] = {}
        for _, fault, shown in self._worst.values():
            faults.setdefault(shown, []).append(fault)
        return tuple(
            ShownCase(
                shown.speaker, shown.source, shown.target, shown.what, tuple(found), shown.picture
            )
            for shown, found in faults.items()
        )

    def examples(self) -> tuple[ShownCase, ...]:
        """Return one reconstruction and one cross of each speaker."""
        return tuple(shown for _, shown in sorted(self._first.items(), key=lambda item: item[0]))


def _shown(case: RedrawCase, ours: Pictures) -> ShownCase:
    what = (
        f"{case.source} with its own lips"
        if case.is_reconstruction
        else f"{case.source} with the lips of {case.target}"
    )
    picture = jpeg_uri(redrawn_strip(case, ours))
    return ShownCase(case.speaker, case.source, case.target, what, (), picture)
