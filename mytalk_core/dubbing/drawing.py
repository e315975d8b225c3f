"""Draw a planned title: encode its picture, and measure it on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.other_tracks import Portrait, portrait_of
from mytalk_core.dubbing.rendering import DubbedFrame
from mytalk_core.dubbing.report_pictures import TellingFrames, close_up, frame_pair
from mytalk_core.dubbing.title_plan import TitlePlan
from mytalk_core.dubbing.title_report.values import FramePair
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import squared
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.progress import Progress
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.plane_regions import as_rgb
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo

_PAIRS = 6  # frames shown in the report
_AHEAD = 12  # frames rendered before they are encoded
_BLOCK = 1000  # frames whose opening is measured together
_PORTRAIT_SIZE = 120  # pixels, width and height
_MOST_PORTRAITS = 300  # faces that the report shows pictures of


@dataclass(frozen=True)
class TrackOpening:
    """Mouth opening of a track's T frames, inter-ocular units."""

    target: NDArray[np.float64]  # (T,) of the dub; NaN where drawing changed no sample
    source: NDArray[np.float64]  # (T,) of the film


@dataclass(frozen=True)
class DrawnFilm:
    """The encoded picture of a dub with F frames, and what was measured of it."""

    duration: Fraction  # seconds
    changed: NDArray[np.bool_]  # (F,) whether drawing changed a sample
    openings: tuple[TrackOpening, ...]  # of each track of the plan
    outside_change: int  # largest change of a sample outside the masks before encoding
    pairs: tuple[FramePair, ...]  # some frames before and after, by time
    # Pictures of the faces as data URIs, of the tracks of the plan first; at most 300.
    portraits: tuple[str, ...]


def draw_film(
    path: Path,
    info: VideoInfo,
    plan: TitlePlan,
    frames: Iterator[DubbedFrame],
    crf: int,
    progress: Progress,
) -> DrawnFilm:
    """Encode the frames of a title while the next ones are rendered.

    Args:
        path: of the picture's file.
        frames: all of the film, from `render_film` for the segments of the plan.
        crf: x264's quality, 0 (lossless) to 51.

    Raises:
        OSError: where the disk is full.
    """
    total = len(plan.left_alone)
    openings = [
        TrackOpening(np.full(len(each.track), np.nan), source_opening(each.track))
        for each in plan.tracks
    ]
    portraits = _Portraits(plan)
    changed = np.zeros(total, np.bool_)
    outside = 0
    telling = TellingFrames[DubbedFrame](total, _PAIRS)
    with VideoWriter(path, info, crf) as writer:
        for number, frame in enumerate(prefetched(frames, _AHEAD)):
            writer.write(frame.dubbed)
            for track, opening in frame.openings:
                place = number - plan.tracks[track].track.first
                openings[track].target[place] = opening
            telling.offer(number, _change(frame, plan, openings), frame)
            portraits.offer(frame)
            changed[number] = bool(frame.openings)
            outside = max(outside, frame.outside_change)
            progress("rendering", number + 1, total)
    return DrawnFilm(
        duration=writer.duration,
        changed=changed,
        openings=tuple(openings),
        outside_change=outside,
        pairs=tuple(_frame_pair(frame, plan) for frame in telling.finish()),
        portraits=portraits.finish(),
    )


def source_opening(track: FaceTrack) -> NDArray[np.float64]:
    """Mouth opening of a track in the film, (T,) inter-ocular units."""
    landmarks, scheme = track.landmarks, track.scheme
    blocks = []
    for first in range(0, len(track), _BLOCK):
        block = np.asarray(landmarks[first : first + _BLOCK])
        blocks.append(aperture(block, scheme) / inter_ocular(block, scheme))
    return np.concatenate(blocks).astype(np.float64)


def _change(frame: DubbedFrame, plan: TitlePlan, openings: Sequence[TrackOpening]) -> float:
    """How far the mouth that changed most was opened or shut; NaN where none was drawn."""
    changes = []
    for number, opening in frame.openings:
        place = frame.source.index - plan.tracks[number].track.first
        changes.append(abs(opening - float(openings[number].source[place])))
    return max(changes, default=float("nan"))


def _frame_pair(frame: DubbedFrame, plan: TitlePlan) -> FramePair:
    """A frame before and after, as it went into the encoder, with the mouth of its largest face."""
    index = frame.source.index
    faces = [plan.tracks[number].track for number, _ in frame.openings]
    lips = [
        np.asarray(track.landmarks[index - track.first, list(track.scheme.lips)]) for track in faces
    ]
    largest = max(lips, key=lambda points: float(np.ptp(points[:, 0])))
    aspect = plan.timing.pixel_aspect
    return frame_pair(
        plan.timing.starts[index],
        squared(as_rgb(frame.source.planes), aspect),
        squared(as_rgb(frame.dubbed.planes), aspect),
        largest,
    )


class _Portraits:
    """Pictures of the faces of a film, taken as its frames pass."""

    def __init__(self, plan: TitlePlan) -> None:
        boxes = [_portrait(each.track) for each in plan.tracks]
        boxes += [other.portrait for other in plan.others]
        self._boxes = boxes[:_MOST_PORTRAITS]
        self._aspect = plan.timing.pixel_aspect
        self._at: dict[int, list[int]] = {}
        for number, box in enumerate(self._boxes):
            self._at.setdefault(box.frame, []).append(number)
        self._pictures: dict[int, str] = {}

    def offer(self, frame: DubbedFrame) -> None:
        """Take the portraits of the next frame."""
        numbers = self._at.get(frame.source.index, [])
        if not numbers:
            return
        image = squared(as_rgb(frame.source.planes), self._aspect)
        for number in numbers:
            self._pictures[number] = close_up(image, self._boxes[number].box, _PORTRAIT_SIZE)

    def finish(self) -> tuple[str, ...]:
        """All of them, in order."""
        return tuple(self._pictures[number] for number in range(len(self._boxes)))


def _portrait(track: FaceTrack) -> Portrait:
    """The face in the middle of a track."""
    seen = np.flatnonzero(track.seen)
    place = int(seen[len(seen) // 2])
    return portrait_of(track.first + place, np.asarray(track.landmarks[place]))
