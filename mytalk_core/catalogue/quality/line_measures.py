"""What the lines of a report come to: numbers that add up over members, titles and groups."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import add
from typing import Any

from mytalk_core.dubbing.line_findings import IN_STEP, UNSURE
from mytalk_core.dubbing.title_report.values import LineState

Line = Mapping[str, Any]
"""A line of a report, as `report.schema.json` describes it."""


@dataclass(frozen=True)
class LineMeasures:
    """Numbers of lines, and sums and extremes of what was measured of them."""

    lines: int = 0
    lines_drawn: int = 0  # the lips of their speakers follow them
    lines_off_screen: int = 0  # no lips are to be drawn
    lines_undecided: int = 0  # evidence for a speaker is too weak: no lips are drawn
    lines_not_drawn: int = 0  # the speaker is in the picture, but no lips are drawn
    lines_too_long: int = 0  # for their slots
    lines_out_of_sync: int = 0  # the lips are more than two frames of 1/25 s off the sound
    lines_failed: int = 0  # undecided, not drawn, too long or out of sync
    lines_unsure: int = 0  # the confidence of a decided speaker is below 0.8
    lines_fitted: int = 0  # with sound
    lines_judged: int = 0  # lips against sound
    stretch_sum: float = 0.0  # of fitted lines: how much faster or slower, 0.1 for 10 %
    stretch_largest: float = 0.0
    excess_sum: float = 0.0  # seconds by which lines are too long
    excess_largest: float = 0.0
    confidence_sum: float = 0.0  # of speakers, 0..1
    confidence_least: float = 1.0
    offset_sum: float = 0.0  # of judged lines: frames of 1/25 s, without the sign
    offset_largest: float = 0.0
    sync_confidence_sum: float = 0.0  # of judged lines, as the sync expert states it

    def __add__(self, other: "LineMeasures") -> "LineMeasures":
        """Add up two sets of lines."""
        pairs = zip(_JOINS, vars(self).values(), vars(other).values(), strict=True)
        return LineMeasures(*(join(mine, theirs) for join, mine, theirs in pairs))


_JOINS = tuple(
    max if each.name.endswith("_largest") else min if each.name.endswith("_least") else add
    for each in fields(LineMeasures)
)


def line_measures(lines: Sequence[Line]) -> LineMeasures:
    """Measure lines of a report."""
    states = Counter(line["state"] for line in lines)
    fits = [line["fit"] for line in lines if line["fit"]]
    stretches = [abs(_ratio(fit["speed"]) - 1) for fit in fits]
    excesses = [fit["excess"]["seconds"] for fit in fits]
    sure = [line["speaker"]["confidence"] for line in lines]
    syncs = [line["sync"] for line in lines if line["sync"]]
    offsets = [abs(sync["offset"]) for sync in syncs]
    return LineMeasures(
        lines=len(lines),
        lines_drawn=states[LineState.DRAWN],
        lines_off_screen=states[LineState.OFF_SCREEN],
        lines_undecided=states[LineState.UNDECIDED],
        lines_not_drawn=states[LineState.SKIPPED],
        lines_too_long=sum(map(_is_too_long, lines)),
        lines_out_of_sync=sum(map(_is_out_of_sync, lines)),
        lines_failed=sum(map(_is_failed, lines)),
        lines_unsure=sum(map(_is_unsure, lines)),
        lines_fitted=len(fits),
        lines_judged=len(syncs),
        stretch_sum=sum(stretches),
        stretch_largest=max(stretches, default=0.0),
        excess_sum=sum(excesses),
        excess_largest=max(excesses, default=0.0),
        confidence_sum=sum(sure),
        confidence_least=min(sure, default=1.0),
        offset_sum=float(sum(offsets)),
        offset_largest=float(max(offsets, default=0)),
        sync_confidence_sum=sum(sync["confidence"] for sync in syncs),
    )


_WITHOUT_LIPS = (LineState.UNDECIDED, LineState.SKIPPED)


def _is_failed(line: Line) -> bool:
    return line["state"] in _WITHOUT_LIPS or _is_too_long(line) or _is_out_of_sync(line)


def _is_too_long(line: Line) -> bool:
    return line["fit"] is not None and bool(line["fit"]["excess"]["seconds"] > 0)


def _is_out_of_sync(line: Line) -> bool:
    return line["sync"] is not None and abs(line["sync"]["offset"]) > IN_STEP


def _is_unsure(line: Line) -> bool:
    is_decided = line["state"] != LineState.UNDECIDED
    return is_decided and bool(line["speaker"]["confidence"] < UNSURE)


def _ratio(text: str) -> float:
    """A fraction such as 113/100."""
    above, _, below = text.partition("/")
    return int(above) / int(below or 1)
