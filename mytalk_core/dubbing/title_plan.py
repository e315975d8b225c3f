"""The plan of a title: which faces are drawn in which frames, and why all others are left alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.left_alone import fading
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.passages import Passage
from mytalk_core.dubbing.planned_track import PlannedTrack


@dataclass(frozen=True)
class TrackPlan:
    """A face that has something to do in the dub."""

    studied: PlannedTrack  # its drawing says in which frames it could be drawn
    member: str
    passages: tuple[Passage, ...]
    strength: NDArray[np.float32]  # (T,) 0..1 opacity of the drawn mouth; 0 leaves a frame alone
    reasons: tuple[LeftAlone | None, ...]  # of each frame; None where it is drawn

    @property
    def drawn(self) -> bool:
        """Whether any frame is."""
        return bool((self.strength > 0).any())


@dataclass(frozen=True, order=True)
class Redraw:
    """A passage of a track."""

    track: int  # place in `TitlePlan.tracks`
    passage: int  # place in its passages


@dataclass(frozen=True)
class Segment:
    """Frames [first, end) in which the same passages are drawn, or none."""

    first: int
    end: int
    redraws: tuple[Redraw, ...]


@dataclass(frozen=True)
class TitlePlan:
    """What is drawn of a film with F frames."""

    tracks: tuple[TrackPlan, ...]  # by first frame
    segments: tuple[Segment, ...]  # all frames of the film, by first frame
    left_alone: tuple[LeftAlone | None, ...]  # (F,) why a frame is; None where a face is drawn

    def reasons(self, changed: NDArray[np.bool_]) -> list[LeftAlone | None]:
        """Why each frame keeps its own mouths; None where it does not.

        Args:
            changed: (F,) whether drawing changed a sample of the frame.
        """
        return [
            None if done else reason or LeftAlone.UNCHANGED
            for done, reason in zip(changed.tolist(), self.left_alone, strict=True)
        ]


def plan_track(
    studied: PlannedTrack, member: str, passages: tuple[Passage, ...], fade: float
) -> TrackPlan:
    """Combine where a face could be drawn with where it has to be.

    Args:
        fade: seconds over which drawing fades in and out.
    """
    track, drawing = studied.track, studied.drawing
    needed = np.zeros(len(track), np.bool_)
    for passage in passages:
        needed[passage.first - track.first : passage.end - track.first] = True
    alone = ~needed | np.array([reason is not None for reason in drawing.reasons])
    reasons = tuple(
        reason or (None if need else LeftAlone.SILENT)
        for reason, need in zip(drawing.reasons, needed.tolist(), strict=True)
    )
    strength = fading(alone, round(fade * float(track.fps)))
    return TrackPlan(studied, member, passages, strength, reasons)


def plan_title(
    tracks: Sequence[TrackPlan], unplanned: Sequence[LeftAlone | None], longest: int
) -> TitlePlan:
    """Decide for every frame of a film which passages are drawn in it.

    Args:
        tracks: by first frame.
        unplanned: (F,) why no face of a frame could be drawn; None where one could.
        longest: frames of a segment.
    """
    redraws: list[tuple[Redraw, ...]] = [()] * len(unplanned)
    left_alone = [reason or LeftAlone.SILENT for reason in unplanned]
    for number, each in enumerate(tracks):
        first = each.studied.track.first
        left_alone[first : first + len(each.reasons)] = [
            reason or LeftAlone.SILENT for reason in each.reasons
        ]
        for place, passage in enumerate(each.passages):
            drawn = each.strength[passage.first - first : passage.end - first] > 0
            for frame in (np.flatnonzero(drawn) + passage.first).tolist():
                redraws[frame] = (*redraws[frame], Redraw(number, place))
    return TitlePlan(
        tuple(tracks),
        tuple(_segments(redraws, longest)),
        tuple(None if drawn else reason for drawn, reason in zip(redraws, left_alone, strict=True)),
    )


def segment_length(frames: int) -> int:
    """The longest segment of a film, frames: a film that is short is cut too, for all processors.

    It depends on the film alone, so that every machine cuts it alike.
    """
    return min(max(frames // 8, 64), 200)


def _segments(redraws: Sequence[tuple[Redraw, ...]], longest: int) -> list[Segment]:
    """The longest runs of frames with equal redraws, cut into parts of nearly equal length."""
    found: list[Segment] = []
    first = 0
    for drawn, run in groupby(redraws):
        length = len(list(run))
        parts = -(-length // longest)
        edges = np.linspace(first, first + length, parts + 1).round().astype(int).tolist()
        found += [Segment(low, high, drawn) for low, high in pairwise(edges)]
        first += length
    return found
