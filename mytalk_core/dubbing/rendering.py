"""The second look at a film: every frame with its new lips, as a stream, in the film's samples."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.blending import BlendConfig, blend
from mytalk_core.appearance.composite import composite
from mytalk_core.appearance.conditioning import fill_regions
from mytalk_core.appearance.face_crops import FaceCrops
from mytalk_core.appearance.face_hulls import face_hulls
from mytalk_core.appearance.grain import Grain
from mytalk_core.appearance.redraw import PersonReferences, encode_person, redraw
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.geometry import FaceGeometry
from mytalk_core.dubbing.references import RunLook, film_crop
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
    dubbed: PlaneFrame  # the same object where nothing was re-rendered
    opening: float  # asked mouth opening, inter-ocular units; NaN where no sample was changed
    outside_change: int  # largest change of a sample outside the mask before encoding


@dataclass(frozen=True)
class RunToRender:
    """A run with all that its frames need."""

    first: int  # frame of the film
    end: int
    look: RunLook
    geometry: Iterator[FaceGeometry]
    starts: Sequence[Fraction]  # of each of its frames, seconds of the film
    strength: NDArray[np.float32]  # of each of its frames, 0..1; 0 where it is left alone
    renderer: Renderer  # the shipped one, or the person's own


@dataclass(frozen=True)
class _Waiting:
    """A frame that is to be drawn, and its place in a block of geometry."""

    frame: PlaneFrame
    block: FaceGeometry
    at: int
    moment: float  # seconds of the film
    strength: float


_Finish: TypeAlias = Callable[[], DubbedFrame]
"""The rest of the work on a frame, once its crop is drawn."""


def render_film(
    frames: Iterable[PlaneFrame], runs: Iterator[RunToRender], scheme: LandmarkScheme
) -> Iterator[DubbedFrame]:
    """Every frame of the film in order, with new lips where its run says so.

    Crops are put into their frames by a thread of its own while the next ones are drawn.

    Args:
        runs: in order of time, without overlap; each is asked for when it begins.
    """
    drawn = _drawn_film(frames, runs, scheme)
    return mapped_ahead(lambda finish: finish(), drawn, threads=1, depth=_BATCH)


def _drawn_film(
    frames: Iterable[PlaneFrame], runs: Iterator[RunToRender], scheme: LandmarkScheme
) -> Iterator[_Finish]:
    drawing: _RunDrawing | None = None
    following = next(runs, None)
    for frame in frames:
        if drawing is not None and frame.index >= drawing.run.end:
            yield from drawing.finish()
            drawing = None
        if following is not None and frame.index >= following.first:
            drawing = _RunDrawing(following, scheme)
            following = next(runs, None)
        if drawing is None:
            yield partial(_untouched, frame)
        else:
            yield from drawing.feed(frame)
    if drawing is not None:
        yield from drawing.finish()


class _RunDrawing:
    """Draws the frames of one run in batches, and gives all of them back in order."""

    def __init__(self, run: RunToRender, scheme: LandmarkScheme) -> None:
        self.run = run
        self._block = next(run.geometry)
        self._scheme = scheme
        self._person = encode_person(run.renderer, run.look.references, run.look.moments, scheme)
        self._waiting: list[_Waiting] = []

    def feed(self, frame: PlaneFrame) -> Iterator[_Finish]:
        """The next frame of the run; what is done by now."""
        while frame.index >= self._block.first + len(self._block.boxes):
            self._block = next(self.run.geometry)
        strength = float(self.run.strength[frame.index - self.run.first])
        if strength <= 0:
            yield from self.finish()
            yield partial(_untouched, frame)
            return
        at = frame.index - self._block.first
        moment = float(self.run.starts[frame.index - self.run.first])
        self._waiting.append(_Waiting(frame, self._block, at, moment, strength))
        if len(self._waiting) == _BATCH:
            yield from self.finish()

    def finish(self) -> Iterator[_Finish]:
        """The frames that wait."""
        if self._waiting:
            yield from _rendered(
                self._waiting, self.run.renderer, self._person, self.run.look.grain, self._scheme
            )
        self._waiting = []


def _untouched(frame: PlaneFrame) -> DubbedFrame:
    return DubbedFrame(frame, frame, float("nan"), 0)


def _rendered(
    waiting: list[_Waiting],
    renderer: Renderer,
    person: PersonReferences,
    grain: Grain,
    scheme: LandmarkScheme,
) -> Iterator[_Finish]:
    size = person.windows.shape[-1] * 3 // 2
    crops = FaceCrops(
        np.stack([film_crop(one.frame.planes, one.block.boxes[one.at], size) for one in waiting]),
        *(
            np.stack([getattr(one.block, name)[one.at] for one in waiting])
            for name in ("points", "before", "after", "mask_outlines", "face_points")
        ),
    )
    moments = np.array([one.moment for one in waiting])
    drawn = redraw(renderer, crops, moments, person, scheme)
    for number, one in enumerate(waiting):
        crop = crops.choose(slice(number, number + 1))
        yield partial(_composed, one, crop, drawn[number], grain, scheme)


def _composed(
    one: _Waiting,
    crop: FaceCrops,
    drawn: NDArray[np.float32],
    grain: Grain,
    scheme: LandmarkScheme,
) -> DubbedFrame:
    planes = _in_film(one, crop, drawn, grain, scheme)
    source = one.frame
    if not _differ(source.planes, planes):
        return _untouched(source)
    outline, box = crop.mask_outlines[0], one.block.boxes[one.at]
    return DubbedFrame(
        source,
        replace(source, planes=planes),
        float(one.block.opening[one.at]),
        _outside_change(source.planes, planes, outline, box),
    )


def _in_film(
    one: _Waiting,
    crop: FaceCrops,
    drawn: NDArray[np.float32],
    grain: Grain,
    scheme: LandmarkScheme,
) -> Planes:
    """The film's picture with a redrawn crop in its place."""
    film = crop.pictures[0].astype(np.float32, copy=False)
    mask, _ = fill_regions(crop.mask_outlines[0], crop.face_points[0], len(film))
    hulls = face_hulls(one.block.own[one.at], crop.points[0], crop.face_points[0], scheme)
    picture, share = blend(film, drawn, mask, hulls, one.frame.index, grain, _BLEND)
    planes = one.frame.planes
    box = one.block.boxes[one.at]
    patch = composite(picture, share, box, planes.width, planes.height, one.strength)
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
    """Largest change of a sample outside the mask's outline, drawn anew in the film's pixels."""
    inverse = invert_box(box)
    placed = np.rint(outline @ inverse[:2] + inverse[2:]).astype(np.int32)
    inside = np.zeros((before.height, before.width), np.uint8)
    cv2.fillPoly(inside, [placed], color=[1])
    return largest_outside_change(before, after, inside.view(np.bool_))
