"""Frames of a clip to draw again, with the lips of the clip itself or of another of the speaker.

In reconstruction the true pictures are known. In cross, which is what dubbing does, they are not:
the head, the light and the references are of one clip, and the lips move as in the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.album import AlbumConfig, AlbumPage, with_others
from mytalk_core.appearance.blending import BlendConfig, blended_crops, takeover
from mytalk_core.appearance.clip import steady_landmarks
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.face_crops import FaceCrops, crop_regions, face_crops
from mytalk_core.appearance.face_hulls import FaceHulls, face_hulls
from mytalk_core.appearance.grain import Grain, measure_grain
from mytalk_core.appearance.redraw import encode_person, redraw
from mytalk_core.appearance.reference_choice import (
    SAME_MOMENT,
    SHOWN,
    Moments,
    Mouths,
    mouths_of,
    serving_frames,
    unlikeness,
)
from mytalk_core.appearance.reference_frames import spread_by_opening
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.schema import ClipSample
from mytalk_core.faces.alignment import Points, inter_ocular, to_pixels
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.face_motion import FaceMotion, face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture

Pictures: TypeAlias = NDArray[np.uint8]
Drawn: TypeAlias = NDArray[np.float32]

OURS = "ours"
RAW = "ours, raw"
APART = "ours, from other moments"

REFERENCES = SHOWN
_BLEND = BlendConfig()
_GRAIN_FRAMES = 9  # in a row, from which a clip's grain is measured
# Measured are runs of consecutive frames, which flicker needs, spread over the clip.
RUNS = 3
RUN = 5
# Frames beside a measured one that are nearly it: no reference, and nothing to paste.
NEAR = 2


@dataclass(frozen=True)
class RedrawCase:
    """A clip of T frames, N of them to draw again, and K to look at. Points are crop pixels."""

    speaker: str
    source: str  # key of the clip whose pictures they are
    target: str  # key of the clip whose lips are asked for; the same in reconstruction
    scheme: LandmarkScheme
    fps: float
    crops: FaceCrops  # of all T frames, with the points asked for
    landmarks: Points  # (T, P, 2) of the clip itself
    lips: Points  # (T, L, 3) of the clip itself, aligned, inter-ocular units
    asked_lips: Points  # (T, L, 3) asked for, likewise
    runs: tuple[slice, ...]  # of consecutive frames to draw
    references: NDArray[np.int64]  # (K,) far from all of them

    @property
    def is_reconstruction(self) -> bool:
        """Whether the clip's own pictures are the answer."""
        return self.source == self.target

    @cached_property
    def frames(self) -> NDArray[np.int64]:
        """(N,) the frames to draw, run after run."""
        return np.concatenate([np.arange(run.start, run.stop) for run in self.runs])

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """(T,) whether a frame is none of those to draw, nor nearly one."""
        usable = np.ones(len(self.landmarks), bool)
        for run in self.runs:
            usable[max(run.start - NEAR, 0) : run.stop + NEAR] = False
        return usable

    @cached_property
    def moments(self) -> Moments:
        """(T,) seconds."""
        return np.arange(len(self.landmarks)) / self.fps

    @cached_property
    def asked(self) -> Mouths:
        """Of all frames for which lips are asked."""
        mouths = mouths_of(self.crops, self.moments, self.scheme)
        return mouths.choose(np.arange(len(self.asked_lips)))

    def serving(self, count: int, among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """`count` references as a dub chooses them, out of the usable frames `among` (T,)."""
        free = np.flatnonzero(self.usable if among is None else self.usable & among)
        own = mouths_of(self.own, self.moments, self.scheme).choose(free)
        return free[serving_frames(unlikeness(self.asked, own), count)]

    def over_opening(self, count: int) -> NDArray[np.int64]:
        """`count` usable frames, evenly over the opening of the mouth."""
        opening = aperture(self.landmarks, self.scheme)
        return spread_by_opening(np.where(self.usable, opening, np.float32(np.nan)), count)

    @cached_property
    def pictures(self) -> Pictures:
        """(N, C, C, 3) RGB: the clip's own frames, which surround what is drawn."""
        own = self.crops.pictures[self.frames]
        return own.astype(np.uint8, copy=False)

    @cached_property
    def own(self) -> FaceCrops:
        """All frames with their own points."""
        points = self.landmarks[:, list(self.scheme.moving)]
        return FaceCrops(
            self.crops.pictures,
            points,
            points,  # the renderer looks at no motion of a reference
            points,
            self.crops.mask_outlines,
            self.crops.face_points,
        )

    @cached_property
    def shown(self) -> FaceCrops:
        """The references with their own points."""
        return self.own.choose(self.references)

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """(N,) the inter-ocular distance of every frame to draw, pixels."""
        return inter_ocular(self.landmarks[self.frames], self.scheme)

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """(N, C, C) 1 where the face is drawn anew."""
        masks, _ = crop_regions(self.crops.choose(self.frames))
        return masks

    @cached_property
    def shares(self) -> NDArray[np.float32]:
        """(N, C, C) 0..1 how much of the finest detail is the drawing's."""
        size = self.masks.shape[1]
        return np.stack(
            [
                takeover(mask, hulls, size, _BLEND).fine
                for mask, hulls in zip(self.masks, self.hulls, strict=True)
            ]
        )

    @cached_property
    def hulls(self) -> tuple[FaceHulls, ...]:
        """N: of every frame to draw, as its face is and as it is asked for."""
        own = self.landmarks[:, list(self.scheme.moving)]
        return tuple(
            face_hulls(
                own[frame], self.crops.points[frame], self.crops.face_points[frame], self.scheme
            )
            for frame in self.frames.tolist()
        )

    @cached_property
    def grain(self) -> Grain:
        """Of the clip, from frames in a row of which none is drawn."""
        start = self.runs[0].start
        quiet = self.crops.choose(slice(max(start - _GRAIN_FRAMES, 0), start))
        _, skins = crop_regions(quiet)
        return measure_grain(quiet.pictures.astype(np.float32, copy=False), skins)


Drawer = Callable[[RedrawCase], Drawn]
"""Draws the frames of a case, (N, C, C, 3) RGB 0..255; only what the masks cover counts."""


def reconstruction_case(sample: ClipSample, speaker: str, mask: MaskConfig) -> RedrawCase:
    """A clip with its own lips."""
    scheme = SCHEMES[sample.meta.scheme]
    sample = _steady(sample)
    motion = face_motion(sample.landmarks, scheme)
    return _case(sample, speaker, sample.meta.key, sample.landmarks, motion, None, mask)


def cross_case(
    sample: ClipSample, speaker: str, target: str, shape: Points, mask: MaskConfig
) -> RedrawCase:
    """A clip with the lips and the jaw of another one, put on its own resting face and posed.

    Args:
        target: the other clip's key.
        shape: (T', M, 3) aligned moving points of the other clip; only frames that both clips
            have are drawn.
    """
    scheme = SCHEMES[sample.meta.scheme]
    sample = _steady(sample)
    moving = list(scheme.moving)
    motion = face_motion(sample.landmarks, scheme)
    frames = min(len(shape), len(sample.landmarks))
    asked = motion.shape[:, moving].copy()
    asked[:frames] = resting_shape(asked) + (shape[:frames] - resting_shape(shape))
    landmarks = sample.landmarks.copy()
    landmarks[:, moving] = to_pixels(asked, motion.pose)
    return _case(sample, speaker, target, landmarks, motion, asked[:frames], mask)


def _steady(sample: ClipSample) -> ClipSample:
    """The sample with landmarks as the renderer knows them."""
    return replace(sample, landmarks=steady_landmarks(sample.landmarks, sample.meta))


def _case(
    sample: ClipSample,
    speaker: str,
    target: str,
    asked_landmarks: Points,
    motion: FaceMotion,
    asked_shape: Points | None,
    mask: MaskConfig,
) -> RedrawCase:
    scheme = SCHEMES[sample.meta.scheme]
    landmarks = apply_box(sample.landmarks, sample.boxes)
    lips = motion.shape[:, list(scheme.lips)]
    asked = lips if asked_shape is None else asked_shape[:, : len(scheme.lips)]
    runs = spread_runs(len(asked), RUNS, RUN)
    case = RedrawCase(
        speaker=speaker,
        source=sample.meta.key,
        target=target,
        scheme=scheme,
        fps=float(sample.meta.fps),
        crops=face_crops(sample.crops, asked_landmarks, sample.boxes, motion, scheme, mask),
        landmarks=landmarks,
        lips=lips,
        asked_lips=asked,
        runs=runs,
        references=np.empty(0, np.int64),
    )
    return replace(case, references=case.serving(REFERENCES))


def spread_runs(frames: int, count: int, length: int) -> tuple[slice, ...]:
    """Runs of consecutive frames, each in the middle of an equal part of the clip.

    Fewer than `count`, and shorter ones, where a clip is so short that more than half of it would
    lie in a run or near one: there must be frames to look at.
    """
    count = max(min(count, frames // (2 * (length + 2 * NEAR))), 1)
    length = max(min(length, frames // 2 - 2 * NEAR), 1)
    part = frames / count
    starts = [int((number + 0.5) * part - length / 2) for number in range(count)]
    return tuple(slice(start, start + length) for start in starts)


def renderer_drawer(
    renderer: Renderer, apart: bool = False, others: Sequence[AlbumPage] = ()
) -> Drawer:
    """What the renderer draws, looking at the references of the case, and at frames of `others`.

    In reconstruction it may look at all of them, as those may that paste. In cross, or if `apart`,
    it avoids those of nearly the same moment, as in a dub.

    Args:
        others: pages of other clips of the person, whose moments are NaN.
    """

    def draw(case: RedrawCase) -> Drawn:
        shown = case.moments[case.references]
        if case.is_reconstruction and not apart:
            shown[:] = np.nan  # of no moment, so near none
        known, when = with_others(case.shown, shown, case.asked, others, case.scheme, AlbumConfig())
        person = encode_person(renderer, known, when, case.scheme)
        crops = case.crops.choose(case.frames)
        return redraw(renderer, crops, case.moments[case.frames], person, case.scheme)

    return draw


def drawn_blind(case: RedrawCase, draw: Drawer) -> Drawn:
    """What `draw` makes of a case where nothing tells it how the frames' own mouths stood.

    What it sees of a face around the mouth is of half a clip later, and of the references none is
    within SAME_MOMENT of what it draws, or as near as that in a clip so short: whatever it has in
    common with the original's mouth, the landmarks asked for have.
    """
    pictures = case.crops.pictures.copy()
    later = (case.frames + len(pictures) // 2) % len(pictures)
    pictures[case.frames] = case.crops.pictures[later]
    drawn = []
    for run in case.runs:
        away = np.abs(case.moments[:, None] - case.moments[run]).min(axis=1)
        far = away >= min(SAME_MOMENT, away[case.usable].max())
        crops = replace(case.crops, pictures=pictures)
        references = case.serving(REFERENCES, far)
        drawn.append(draw(replace(case, crops=crops, runs=(run,), references=references)))
    return np.concatenate(drawn)


def in_place(case: RedrawCase, drawn: Drawn) -> Pictures:
    """Drawn pictures blended into the clip's own frames as a dub does; (N, C, C, 3) RGB."""
    frames = case.frames.tolist()
    return blended_crops(case.pictures, drawn, case.masks, case.hulls, frames, case.grain, _BLEND)


def as_drawn(drawn: Drawn) -> Pictures:
    """Drawn pictures up to the very edge of their masks."""
    return np.rint(drawn).clip(0, 255).astype(np.uint8)
