"""Draw new lips into the frames of a film, as a stream, in the film's own samples."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.blending import BlendConfig, DrawnCrop, blend
from mytalk_core.appearance.composite import composite
from mytalk_core.appearance.conditioning import fill_regions
from mytalk_core.appearance.face_crops import FaceCrops
from mytalk_core.appearance.face_hulls import face_hulls
from mytalk_core.appearance.grain import Grain
from mytalk_core.appearance.redraw import encode_person, redraw
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.geometry import FaceGeometry
from mytalk_core.dubbing.references import TrackAppearance, film_crop
from mytalk_core.dubbing.title_plan import PlannedTrack, Segment
from mytalk_core.faces.crop import invert_box
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.plane_regions import largest_outside_change, with_region
from mytalk_core.media.planes import Planes
from mytalk_core.media.prefetch import mapped_ahead
from mytalk_core.media.tone import tone_of

_BATCH = 16  # frames rendered together
_BLEND = BlendConfig()


@dataclass(frozen=True)
class DubbedFrame:
    """A frame of the dubbed film beside its source."""

    source: PlaneFrame
    dubbed: PlaneFrame  # the same object where no sample was changed
    # Target mouth opening, inter-ocular units, by number of the track, of each face that was drawn.
    openings: tuple[tuple[int, float], ...]
    outside_change: int  # largest change of a sample outside the masks before encoding


@dataclass(frozen=True)
class TrackToDraw:
    """A planned track, and what its frames are drawn with."""

    planned: PlannedTrack
    geometry: Iterator[FaceGeometry]  # of all its frames
    renderer: Renderer  # the shipped one, or the one that learned the person


@dataclass(frozen=True)
class _Redraw:
    """One face of one frame, with its new crop."""

    number: int  # of the track
    block: FaceGeometry
    at: int  # place of the frame in the block
    strength: float
    crop: FaceCrops  # of one frame
    drawn: NDArray[np.float32]  # (C, C, 3)
    grain: Grain
    scheme: LandmarkScheme


_Finish: TypeAlias = Callable[[], DubbedFrame]
"""The rest of the work on a frame, once its crops are drawn."""


def render_film(
    frames: Iterable[PlaneFrame],
    segments: Sequence[Segment],
    tracks: Sequence[TrackToDraw],
    appearances: Iterator[TrackAppearance],
) -> Iterator[DubbedFrame]:
    """Every frame of the film in order, with new lips where a segment has redraws.

    A second thread puts crops into their frames while the next ones are drawn.

    Args:
        segments: of the film.
        tracks: that the segments refer to.
        appearances: of each track, in order; each is taken when its track is first drawn.
    """
    drawn = _drawn_film(frames, segments, _Drawings(tracks, appearances))
    return mapped_ahead(lambda finish: finish(), drawn, threads=1, depth=_BATCH)


def _drawn_film(
    frames: Iterable[PlaneFrame], segments: Sequence[Segment], drawings: "_Drawings"
) -> Iterator[_Finish]:
    following = deque(segments)
    waiting: list[PlaneFrame] = []  # of the first of them
    for frame in frames:
        if following and frame.index >= following[0].end:
            yield from drawings.draw(waiting, following.popleft())
            waiting = []
            drawings.release(frame.index)
        if following and frame.index >= following[0].first:
            waiting.append(frame)
            if len(waiting) == _BATCH:
                yield from drawings.draw(waiting, following[0])
                waiting = []
        else:
            yield partial(_untouched, frame)
    if following:
        yield from drawings.draw(waiting, following[0])


class _Drawings:
    """The tracks that are being drawn."""

    def __init__(
        self, tracks: Sequence[TrackToDraw], appearances: Iterator[TrackAppearance]
    ) -> None:
        self._tracks = tracks
        self._appearances = appearances
        self._given = 0  # appearances taken
        self._current: dict[int, _TrackDrawing] = {}

    def draw(self, frames: Sequence[PlaneFrame], segment: Segment) -> Iterator[_Finish]:
        """Draw the faces of some frames of a segment."""
        if not frames:
            return
        redraws = [self._drawing(number).draw(frames) for number in segment.redraws]
        for frame, faces in zip(frames, zip(*redraws, strict=True), strict=True):
            yield partial(_composed, frame, faces)

    def release(self, frame: int) -> None:
        """Forget the tracks that end before a frame."""
        for number in [*self._current]:
            if self._tracks[number].planned.track.end <= frame:
                del self._current[number]

    def _drawing(self, number: int) -> "_TrackDrawing":
        while self._given <= number:
            track, appearance = self._tracks[self._given], next(self._appearances)
            self._current[self._given] = _TrackDrawing(self._given, track, appearance)
            self._given += 1
        return self._current[number]


class _TrackDrawing:
    """Draws the crops of one track."""

    def __init__(self, number: int, track: TrackToDraw, appearance: TrackAppearance) -> None:
        self._number = number
        self._track = track
        self._grain = appearance.grain
        self._scheme = track.planned.track.scheme
        self._person = encode_person(
            track.renderer, appearance.references, appearance.timestamps, self._scheme
        )
        self._block = next(track.geometry)

    def draw(self, frames: Sequence[PlaneFrame]) -> list[_Redraw]:
        """Draw consecutive frames of the track, all with a strength above 0."""
        places = [self._place(frame) for frame in frames]
        size = self._person.windows.shape[-1] * 3 // 2
        crops = FaceCrops(
            np.stack(
                [
                    film_crop(frame.planes, block.boxes[at], size)
                    for frame, (block, at) in zip(frames, places, strict=True)
                ]
            ),
            *(
                np.stack([getattr(block, name)[at] for block, at in places])
                for name in ("points", "before", "after", "mask_outlines", "face_points")
            ),
        )
        track, strength = self._track.planned.track, self._track.planned.drawing.strength
        own = [frame.index - track.first for frame in frames]
        timestamps = np.array([float(track.starts[place]) for place in own])
        drawn = redraw(self._track.renderer, crops, timestamps, self._person, self._scheme)
        return [
            _Redraw(
                number=self._number,
                block=block,
                at=at,
                strength=float(strength[place]),
                crop=crops.choose(slice(row, row + 1)),
                drawn=drawn[row],
                grain=self._grain,
                scheme=self._scheme,
            )
            for row, (place, (block, at)) in enumerate(zip(own, places, strict=True))
        ]

    def _place(self, frame: PlaneFrame) -> tuple[FaceGeometry, int]:
        """The block of geometry that has a frame, and the frame's place in it."""
        place = frame.index - self._track.planned.track.first
        while place >= self._block.first + len(self._block.boxes):
            self._block = next(self._track.geometry)
        return self._block, place - self._block.first


def _untouched(frame: PlaneFrame) -> DubbedFrame:
    return DubbedFrame(frame, frame, (), 0)


def _composed(frame: PlaneFrame, faces: Sequence[_Redraw]) -> DubbedFrame:
    """Put the drawn faces into a frame, one after the other."""
    planes, outside = frame.planes, 0
    openings: list[tuple[int, float]] = []
    for face in faces:
        drawn = _in_film(face, planes, frame.index)
        if not _differ(planes, drawn):
            continue
        openings.append((face.number, float(face.block.opening[face.at])))
        change = _outside_change(
            planes, drawn, face.crop.mask_outlines[0], face.block.boxes[face.at]
        )
        planes, outside = drawn, max(outside, change)
    if not openings:
        return _untouched(frame)
    return DubbedFrame(frame, replace(frame, planes=planes), tuple(openings), outside)


def _in_film(face: _Redraw, planes: Planes, frame: int) -> Planes:
    """The film's picture with a redrawn crop in its place."""
    crop, at = face.crop, face.at
    film = crop.pictures[0].astype(np.float32, copy=False)
    mask, _ = fill_regions(crop.mask_outlines[0], crop.face_points[0], len(film))
    hulls = face_hulls(face.block.own[at], crop.points[0], crop.face_points[0], face.scheme)
    drawn = DrawnCrop(face.drawn, mask, hulls, frame)
    picture, share = blend(film, drawn, face.grain, _BLEND)
    box = face.block.boxes[at]
    patch = composite(picture, share, box, planes.width, planes.height, face.strength)
    if patch is None:
        return planes
    height, width = patch.share.shape
    tone = tone_of(planes, patch.left, patch.top, patch.left + width, patch.top + height)
    return with_region(planes, patch.rgb, patch.share, patch.left, patch.top, tone)


def _differ(before: Planes, after: Planes) -> bool:
    """Whether any sample does."""
    return any(
        old is not new and not np.array_equal(old, new)
        for old, new in ((before.y, after.y), (before.u, after.u), (before.v, after.v))
    )


def _outside_change(
    before: Planes, after: Planes, outline: NDArray[np.float32], box: NDArray[np.float32]
) -> int:
    """Largest change of a sample outside the mask's outline, drawn again in the film's pixels."""
    inverse = invert_box(box)
    placed = np.rint(outline @ inverse[:2] + inverse[2:]).astype(np.int32)
    inside = np.zeros((before.height, before.width), np.uint8)
    cv2.fillPoly(inside, [placed], color=[1])
    return largest_outside_change(before, after, inside.view(np.bool_))
