"""Draw new lips into the frames of a piece of a film, in the film's own samples."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
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
from mytalk_core.appearance.redraw import PersonReferences, redraw
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.geometry import FaceGeometry
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.track_look import film_crop
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
    # Target mouth opening, inter-ocular units, by place of the face, of each that was drawn.
    openings: tuple[tuple[int, float], ...]
    outside_change: int  # largest change of a sample outside the masks before encoding


@dataclass(frozen=True)
class FaceToDraw:
    """A face that is drawn in every frame of a piece, and what it is drawn with."""

    planned: PlannedTrack
    geometry: Iterator[FaceGeometry]  # of all its frames
    person: PersonReferences
    grain: Grain
    renderer: Renderer  # the shipped one, or the one that learned the person


@dataclass(frozen=True)
class _Redraw:
    """One face of one frame, with its new crop."""

    face: int  # place among the faces of the piece
    block: FaceGeometry
    at: int  # place of the frame in the block
    strength: float
    crop: FaceCrops  # of one frame
    drawn: NDArray[np.float32]  # (C, C, 3)
    grain: Grain
    scheme: LandmarkScheme


_Finish: TypeAlias = Callable[[], DubbedFrame]
"""The rest of the work on a frame, once its crops are drawn."""


def render_piece(
    frames: Iterable[PlaneFrame], faces: Sequence[FaceToDraw]
) -> Iterator[DubbedFrame]:
    """Every frame of a piece in order, with new lips for all faces.

    A second thread puts crops into their frames while the next ones are drawn.

    Args:
        frames: consecutive; every face has a strength above 0 in all of them.
        faces: none leaves the frames as they are.
    """
    drawn = _drawn(frames, [_FaceDrawing(place, face) for place, face in enumerate(faces)])
    return mapped_ahead(lambda finish: finish(), drawn, threads=1, depth=_BATCH)


def _drawn(frames: Iterable[PlaneFrame], faces: Sequence["_FaceDrawing"]) -> Iterator[_Finish]:
    passing = iter(frames)
    if not faces:
        yield from (partial(_untouched, frame) for frame in passing)
        return
    while batch := list(islice(passing, _BATCH)):
        redraws = [face.draw(batch) for face in faces]
        for frame, of_frame in zip(batch, zip(*redraws, strict=True), strict=True):
            yield partial(_composed, frame, of_frame)


class _FaceDrawing:
    """Draws the crops of one face, frame after frame."""

    def __init__(self, place: int, face: FaceToDraw) -> None:
        self._place_of_face = place
        self._face = face
        self._scheme = face.planned.track.scheme
        self._block = next(face.geometry)

    def draw(self, frames: Sequence[PlaneFrame]) -> list[_Redraw]:
        """Draw consecutive frames of the track, all with a strength above 0."""
        places = [self._place(frame) for frame in frames]
        person = self._face.person
        size = person.windows.shape[-1] * 3 // 2
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
        track, strength = self._face.planned.track, self._face.planned.drawing.strength
        own = [frame.index - track.first for frame in frames]
        timestamps = np.array([float(track.starts[place]) for place in own])
        drawn = redraw(self._face.renderer, crops, timestamps, person, self._scheme)
        return [
            _Redraw(
                face=self._place_of_face,
                block=block,
                at=at,
                strength=float(strength[place]),
                crop=crops.choose(slice(row, row + 1)),
                drawn=drawn[row],
                grain=self._face.grain,
                scheme=self._scheme,
            )
            for row, (place, (block, at)) in enumerate(zip(own, places, strict=True))
        ]

    def _place(self, frame: PlaneFrame) -> tuple[FaceGeometry, int]:
        """The block of geometry that has a frame, and the frame's place in it."""
        place = frame.index - self._face.planned.track.first
        while place >= self._block.first + len(self._block.boxes):
            self._block = next(self._face.geometry)
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
        openings.append((face.face, float(face.block.opening[face.at])))
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
