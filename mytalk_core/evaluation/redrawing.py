"""Frames of a clip to redraw, with the clip's own lips or those of another clip of the speaker.

In reconstruction the true pictures are known. In cross, as in a dub, they are not: the head, the
light and the references belong to one clip, the lip motion to the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.album import AlbumConfig, AlbumPage, with_others
from mytalk_core.appearance.blending import BlendConfig, DrawnPicture, blended_crops, takeover
from mytalk_core.appearance.clip import steady_landmarks
from mytalk_core.appearance.drawing_config import DUB_REFERENCES, MaskConfig
from mytalk_core.appearance.face_crops import FaceCrops, crop_regions, face_crops
from mytalk_core.appearance.face_hulls import FaceHulls, face_hulls
from mytalk_core.appearance.grain import Grain, measure_grain
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.redraw import redraw
from mytalk_core.appearance.reference_choice import (
    NEARBY_SECONDS,
    Mouths,
    Timestamps,
    mouth_distances,
    mouths_of,
    serving_frames,
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

REFERENCES = DUB_REFERENCES
_BLEND = BlendConfig()
_GRAIN_FRAMES = 9  # consecutive frames from which a clip's grain is measured
# Runs of consecutive frames, which flicker needs, are measured; they are spread over the clip.
RUNS = 3
RUN = 5
# Frames on either side of a measured frame that are too similar to be references or to be pasted.
NEAR = 2


@dataclass(frozen=True)
class RedrawCase:
    """A clip of T frames: N to redraw and K reference frames. Points are crop pixels."""

    speaker: str
    source: str  # key of the clip that gives the pictures
    target: str  # key of the clip that gives the lips; the same in reconstruction
    scheme: LandmarkScheme
    fps: float
    crops: FaceCrops  # of all T frames, with the target points
    landmarks: Points  # (T, P, 2) of the clip itself
    lips: Points  # (T, L, 3) of the clip itself, aligned, inter-ocular units
    target_lips: Points  # (T, L, 3) likewise
    runs: tuple[slice, ...]  # of consecutive frames to draw
    references: NDArray[np.int64]  # (K,) reference frames, none in or near a run

    @property
    def is_reconstruction(self) -> bool:
        """Whether the clip's own pictures are the truth."""
        return self.source == self.target

    @cached_property
    def frames(self) -> NDArray[np.int64]:
        """The frames to draw, (N,), run after run."""
        return np.concatenate([np.arange(run.start, run.stop) for run in self.runs])

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Whether a frame is more than NEAR frames away from every frame to draw, (T,)."""
        usable = np.ones(len(self.landmarks), bool)
        for run in self.runs:
            usable[max(run.start - NEAR, 0) : run.stop + NEAR] = False
        return usable

    @cached_property
    def timestamps(self) -> Timestamps:
        """Times of the frames, (T,) seconds."""
        return np.arange(len(self.landmarks)) / self.fps

    @cached_property
    def target_mouths(self) -> Mouths:
        """The target mouths of all frames that have target lips."""
        mouths = mouths_of(self.crops, self.timestamps, self.scheme)
        return mouths.choose(np.arange(len(self.target_lips)))

    def serving(self, count: int, among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Choose `count` references as a dub does, out of the usable frames in `among` (T,)."""
        free = np.flatnonzero(self.usable if among is None else self.usable & among)
        own = mouths_of(self.own, self.timestamps, self.scheme).choose(free)
        return free[serving_frames(mouth_distances(self.target_mouths, own), count)]

    def over_opening(self, count: int) -> NDArray[np.int64]:
        """Choose `count` usable frames evenly over the sorted mouth opening."""
        opening = aperture(self.landmarks, self.scheme)
        return spread_by_opening(np.where(self.usable, opening, np.float32(np.nan)), count)

    @cached_property
    def pictures(self) -> Pictures:
        """The clip's own frames at the frames to draw, (N, C, C, 3) RGB."""
        own = self.crops.pictures[self.frames]
        return own.astype(np.uint8, copy=False)

    @cached_property
    def own(self) -> FaceCrops:
        """All frames with their own points."""
        points = self.landmarks[:, list(self.scheme.moving)]
        return FaceCrops(
            self.crops.pictures,
            points,
            points,  # the renderer ignores the motion of a reference
            points,
            self.crops.mask_outlines,
            self.crops.face_points,
        )

    @cached_property
    def reference_crops(self) -> FaceCrops:
        """The reference frames with their own points."""
        return self.own.choose(self.references)

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The inter-ocular distance of every frame to draw, (N,) pixels."""
        return inter_ocular(self.landmarks[self.frames], self.scheme)

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """The masks, (N, C, C), 1 where the face is redrawn."""
        masks, _ = crop_regions(self.crops.choose(self.frames))
        return masks

    @cached_property
    def shares(self) -> NDArray[np.float32]:
        """The drawing's share of the finest detail after blending, (N, C, C) 0..1."""
        size = self.masks.shape[1]
        return np.stack(
            [
                takeover(mask, hulls, size, _BLEND).fine
                for mask, hulls in zip(self.masks, self.hulls, strict=True)
            ]
        )

    @cached_property
    def hulls(self) -> tuple[FaceHulls, ...]:
        """The hulls of every frame to draw, over its own and its target points."""
        own = self.landmarks[:, list(self.scheme.moving)]
        return tuple(
            face_hulls(
                own[frame], self.crops.points[frame], self.crops.face_points[frame], self.scheme
            )
            for frame in self.frames.tolist()
        )

    @cached_property
    def grain(self) -> Grain:
        """The clip's grain, measured on consecutive frames before the first run."""
        start = self.runs[0].start
        quiet = self.crops.choose(slice(max(start - _GRAIN_FRAMES, 0), start))
        _, skins = crop_regions(quiet)
        return measure_grain(quiet.pictures.astype(np.float32, copy=False), skins)


Drawer = Callable[[RedrawCase], Drawn]
"""Draws the frames of a case, (N, C, C, 3) RGB 0..255; pixels outside the masks are ignored."""


@dataclass(frozen=True)
class _Target:
    """The lips to draw."""

    key: str  # of the clip they come from
    landmarks: Points  # (T, P, 3) source pixels
    lips: Points  # (T', L, 3) aligned, inter-ocular units; T' <= T


def reconstruction_case(sample: ClipSample, speaker: str, mask: MaskConfig) -> RedrawCase:
    """Return a clip with its own lips as the target."""
    scheme = SCHEMES[sample.meta.scheme]
    sample = _steady(sample)
    motion = face_motion(sample.landmarks, scheme)
    lips = motion.shape[:, list(scheme.lips)]
    target = _Target(sample.meta.key, sample.landmarks, lips)
    return _case(sample, speaker, target, motion, mask)


def cross_case(
    sample: ClipSample, speaker: str, target: str, shape: Points, mask: MaskConfig
) -> RedrawCase:
    """Return a clip with another clip's lips and jaw, on its own resting face and posed.

    Args:
        target: the other clip's key.
        shape: (T', M, 3) aligned moving points of the other clip; frames past the end of the
            shorter clip are not drawn.
    """
    scheme = SCHEMES[sample.meta.scheme]
    sample = _steady(sample)
    moving = list(scheme.moving)
    motion = face_motion(sample.landmarks, scheme)
    frames = min(len(shape), len(sample.landmarks))
    moved = motion.shape[:, moving].copy()
    moved[:frames] = resting_shape(moved) + (shape[:frames] - resting_shape(shape))
    landmarks = sample.landmarks.copy()
    landmarks[:, moving] = to_pixels(moved, motion.pose)
    lips = moved[:frames, : len(scheme.lips)]
    return _case(sample, speaker, _Target(target, landmarks, lips), motion, mask)


def _steady(sample: ClipSample) -> ClipSample:
    """Return the sample with steadied landmarks, as the renderer is trained on."""
    return replace(sample, landmarks=steady_landmarks(sample.landmarks, sample.meta))


def _case(
    sample: ClipSample, speaker: str, target: _Target, motion: FaceMotion, mask: MaskConfig
) -> RedrawCase:
    scheme = SCHEMES[sample.meta.scheme]
    case = RedrawCase(
        speaker=speaker,
        source=sample.meta.key,
        target=target.key,
        scheme=scheme,
        fps=float(sample.meta.fps),
        crops=face_crops(sample.crops, target.landmarks, sample.boxes, motion, scheme, mask),
        landmarks=apply_box(sample.landmarks, sample.boxes),
        lips=motion.shape[:, list(scheme.lips)],
        target_lips=target.lips,
        runs=spread_runs(len(target.lips), RUNS, RUN),
        references=np.empty(0, np.int64),
    )
    return replace(case, references=case.serving(REFERENCES))


def spread_runs(frames: int, count: int, length: int) -> tuple[slice, ...]:
    """Return runs of consecutive frames, each in the middle of an equal part of the clip.

    There are fewer or shorter runs than requested where more than half of the clip would be in a
    run or near one, so that frames remain for references.
    """
    count = max(min(count, frames // (2 * (length + 2 * NEAR))), 1)
    length = max(min(length, frames // 2 - 2 * NEAR), 1)
    part = frames / count
    starts = [int((number + 0.5) * part - length / 2) for number in range(count)]
    return tuple(slice(start, start + length) for start in starts)


def renderer_drawer(
    renderer: Renderer, apart: bool = False, others: Sequence[AlbumPage] = ()
) -> Drawer:
    """Return a drawer that uses the renderer with the case's references and frames of `others`.

    In reconstruction all references are equally eligible, as for the pasting baselines. In cross,
    or if `apart`, references close in time are avoided, as in a dub.

    Args:
        others: pages of other clips of the person, with NaN timestamps.
    """

    def draw(case: RedrawCase) -> Drawn:
        times = case.timestamps[case.references]
        if case.is_reconstruction and not apart:
            times[:] = np.nan  # near no frame
        known, known_times = with_others(
            case.reference_crops, times, case.target_mouths, others, case.scheme, AlbumConfig()
        )
        person = PersonReferences(renderer, known, known_times, case.scheme)
        crops = case.crops.choose(case.frames)
        return redraw(renderer, crops, case.timestamps[case.frames], person, case.scheme)

    return draw


def drawn_blind(case: RedrawCase, draw: Drawer) -> Drawn:
    """Draw a case without information on the frames' own mouths.

    The face around the mouth is replaced by that of half a clip later, and no reference is within
    NEARBY_SECONDS of the frames drawn (or as far away as a short clip allows). What the result has
    in common with the original mouth comes from the target landmarks.
    """
    pictures = case.crops.pictures.copy()
    later = (case.frames + len(pictures) // 2) % len(pictures)
    pictures[case.frames] = case.crops.pictures[later]
    drawn = []
    for run in case.runs:
        away = np.abs(case.timestamps[:, None] - case.timestamps[run]).min(axis=1)
        far = away >= min(NEARBY_SECONDS, away[case.usable].max())
        crops = replace(case.crops, pictures=pictures)
        references = case.serving(REFERENCES, far)
        drawn.append(draw(replace(case, crops=crops, runs=(run,), references=references)))
    return np.concatenate(drawn)


def in_place(case: RedrawCase, drawn: Drawn) -> Pictures:
    """Blend drawn pictures into the clip's own frames as a dub does; (N, C, C, 3) RGB."""
    each = zip(drawn, case.masks, case.hulls, case.frames.tolist(), strict=True)
    drawings = [DrawnPicture(*one) for one in each]
    return blended_crops(case.pictures, drawings, case.grain, _BLEND)


def as_drawn(drawn: Drawn) -> Pictures:
    """Convert drawn pictures to 8 bits without blending."""
    return np.rint(drawn).clip(0, 255).astype(np.uint8)
