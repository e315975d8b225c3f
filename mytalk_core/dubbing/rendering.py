"""Draw new lips into the frames of a piece of a film, in the film's own samples."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import FaceCrops, resized_points
from mytalk_core.appearance.grain import Grain
from mytalk_core.appearance.person_references import PersonReferences, input_size
from mytalk_core.appearance.redraw import predict
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.face_in_film import DrawnFace, with_face
from mytalk_core.dubbing.film_crop import reduced_crop
from mytalk_core.dubbing.geometry import FaceGeometry
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.plane_regions import largest_outside_change
from mytalk_core.media.planes import Planes
from mytalk_core.media.prefetch import mapped_ahead

_BATCH = 16  # frames rendered together


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


_Finish: TypeAlias = Callable[[], DubbedFrame]
"""The rest of the work on a frame, once its crops are drawn."""


def render_piece(
    frames: Iterable[PlaneFrame], faces: Sequence[FaceToDraw]
) -> Iterator[DubbedFrame]:
    """Every frame of a piece in order, with new lips for all faces.

    A second thread puts drawn faces into their frames while the next ones are predicted.

    Args:
        frames: consecutive; every face has a strength above 0 in all of them.
        faces: none leaves the frames as they are.
    """
    drawn = _drawn(frames, [_FaceDrawing(face) for face in faces])
    return mapped_ahead(lambda finish: finish(), drawn, threads=1, depth=_BATCH)


def _drawn(frames: Iterable[PlaneFrame], faces: Sequence["_FaceDrawing"]) -> Iterator[_Finish]:
    passing = iter(frames)
    if not faces:
        yield from (partial(_untouched, frame) for frame in passing)
        return
    scheme = faces[0].scheme
    while batch := list(islice(passing, _BATCH)):
        redraws = [face.draw(batch) for face in faces]
        for frame, of_frame in zip(batch, zip(*redraws, strict=True), strict=True):
            yield partial(_composed, frame, of_frame, scheme)


class _FaceDrawing:
    """Draws the crops of one face, frame after frame."""

    def __init__(self, face: FaceToDraw) -> None:
        self._face = face
        self._block = next(face.geometry)

    @property
    def scheme(self) -> LandmarkScheme:
        """Of the face's landmarks."""
        return self._face.planned.track.scheme

    def draw(self, frames: Sequence[PlaneFrame]) -> list[DrawnFace]:
        """Draw consecutive frames of the track, all with a strength above 0."""
        places = [self._place(frame) for frame in frames]
        person, planned = self._face.person, self._face.planned
        track, size, strength = planned.track, planned.crop.size, planned.drawing.strength
        own = [frame.index - track.first for frame in frames]
        timestamps = np.array([float(track.starts[place]) for place in own])
        drawings = predict(
            self._face.renderer, self._crops(frames, places), timestamps, person, track.scheme
        )
        return [
            DrawnFace(
                drawing, person, self._face.grain, block, at, size, float(strength[place]), frame
            )
            for drawing, (block, at), place, frame in zip(
                drawings, places, own, (frame.index for frame in frames), strict=True
            )
        ]

    def _crops(
        self, frames: Sequence[PlaneFrame], places: Sequence[tuple[FaceGeometry, int]]
    ) -> FaceCrops:
        """The face in some frames as the renderer sees it."""
        size = self._face.planned.crop.size
        seen = input_size(size, self._face.renderer)
        return FaceCrops(
            np.stack(
                [
                    reduced_crop(frame.planes, block.boxes[at], size, seen)
                    for frame, (block, at) in zip(frames, places, strict=True)
                ]
            ),
            *(
                resized_points(
                    np.stack([getattr(block, name)[at] for block, at in places]), seen / size
                )
                for name in ("points", "before", "after", "mask_outlines", "face_points")
            ),
        )

    def _place(self, frame: PlaneFrame) -> tuple[FaceGeometry, int]:
        """The block of geometry that has a frame, and the frame's place in it."""
        place = frame.index - self._face.planned.track.first
        while place >= self._block.first + len(self._block.boxes):
            self._block = next(self._face.geometry)
        return self._block, place - self._block.first


def _untouched(frame: PlaneFrame) -> DubbedFrame:
    return DubbedFrame(frame, frame, (), 0)


def _composed(frame: PlaneFrame, faces: Sequence[DrawnFace], scheme: LandmarkScheme) -> DubbedFrame:
    """Put the drawn faces into a frame, one after the other."""
    planes, outside = frame.planes, 0
    openings: list[tuple[int, float]] = []
    for place, face in enumerate(faces):
        drawn = with_face(planes, face, scheme)
        if not _differ(planes, drawn):
            continue
        openings.append((place, float(face.block.opening[face.at])))
        change = _outside_change(planes, drawn, face.mask_outline)
        planes, outside = drawn, max(outside, change)
    if not openings:
        return _untouched(frame)
    return DubbedFrame(frame, replace(frame, planes=planes), tuple(openings), outside)


def _differ(before: Planes, after: Planes) -> bool:
    """Whether any sample does."""
    return any(
        old is not new and not np.array_equal(old, new)
        for old, new in ((before.y, after.y), (before.u, after.u), (before.v, after.v))
    )


def _outside_change(before: Planes, after: Planes, outline: NDArray[np.float32]) -> int:
    """Largest change of a sample outside the mask's outline (O, 2), drawn again."""
    inside = np.zeros((before.height, before.width), np.uint8)
    cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], color=[1])
    return largest_outside_change(before, after, inside.view(np.bool_))
