"""Where the face of a run is in every frame, and where its lips shall be."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import neighbours, posed
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.speech_motion import RunMotion
from mytalk_core.faces.alignment import Pose, fit_pose, to_pixels
from mytalk_core.faces.crop import CropConfig, apply_box, crop_boxes, crop_size_for
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import stored_boxes

# Frames of a run whose geometry is worked out together, and those that overlap for smoothing.
_BLOCK, _OVERLAP = 1000, 50


@dataclass(frozen=True)
class FaceGeometry:
    """T frames of a run in a row; all points in crop pixels."""

    first: int  # frame of the film
    boxes: NDArray[np.float32]  # (T, 3, 2) from the film's stored pixels
    points: NDArray[np.float32]  # (T, M, 2) moving points asked for
    before: NDArray[np.float32]  # (T, M, 2) the same a frame earlier, in this frame's crop
    after: NDArray[np.float32]  # (T, M, 2) a frame later
    own: NDArray[np.float32]  # (T, M, 2) where they are in the film
    mask_outlines: NDArray[np.float32]  # (T, O, 2)
    face_points: NDArray[np.float32]  # (T, Q, 2)
    opening: NDArray[np.float32]  # (T,) asked mouth opening, inter-ocular units


def run_crop(
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    scheme: LandmarkScheme,
    crop: CropConfig,
) -> CropConfig:
    """The crop of a run, as large as the film shows its face where it shows it largest."""
    frames = np.linspace(run[0], run[1] - 1, min(run[1] - run[0], 200)).astype(int)
    pose = fit_pose(np.asarray(faces.landmarks[frames]), person.rigid, scheme)
    return replace(crop, size=crop_size_for(float(np.percentile(pose.scale, 90)), crop))


def run_pose(
    faces: FilmFaces, run: tuple[int, int], person: Person, scheme: LandmarkScheme
) -> Pose:
    """Pose of every frame of a run, read block by block."""
    parts = [
        fit_pose(np.asarray(faces.landmarks[at : min(at + _BLOCK, run[1])]), person.rigid, scheme)
        for at in range(run[0], run[1], _BLOCK)
    ]
    return Pose(
        np.concatenate([part.rotation for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.translation for part in parts]),
    )


def posed_boxes(
    faces: FilmFaces,
    run: tuple[int, int],
    frames: tuple[int, int],
    person: Person,
    scheme: LandmarkScheme,
    crop: CropConfig,
    fps: float,
) -> tuple[Pose, NDArray[np.float32]]:
    """Pose and crop boxes, in square pixels, of frames (first, end) of a run.

    Boxes are smoothed over the neighbours of the frames too.
    """
    low, high = max(frames[0] - _OVERLAP, run[0]), min(frames[1] + _OVERLAP, run[1])
    pose = fit_pose(np.asarray(faces.landmarks[low:high]), person.rigid, scheme)
    inside = slice(frames[0] - low, frames[1] - low)
    return pose[inside], crop_boxes(pose, crop, fps)[inside]


def run_geometry(
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    motion: RunMotion,
    scheme: LandmarkScheme,
    crop: CropConfig,
    fps: Fraction,
) -> Iterator[FaceGeometry]:
    """The geometry of a run, block after block; the blocks do not show in it."""
    moving = list(scheme.moving)
    for first in range(run[0], run[1], _BLOCK):
        end = min(first + _BLOCK, run[1])
        # A frame more on either side, for what stands before and after.
        low, high = max(first - 1, run[0]), min(end + 1, run[1])
        pose, boxes = posed_boxes(faces, run, (low, high), person, scheme, crop, float(fps))
        middles = [start + 1 / (2 * fps) for start in faces.starts[low:high]]
        shapes = np.repeat(person.rest[None], high - low, axis=0)
        shapes[:, moving] += motion.at(middles)
        asked = to_pixels(shapes[:, moving], pose)
        before, after = neighbours(asked, boxes)
        own = np.asarray(faces.landmarks[low:high])[:, moving]
        kept = slice(first - low, end - low)
        yield FaceGeometry(
            first=first,
            boxes=stored_boxes(boxes[kept], faces.pixel_aspect),
            points=apply_box(asked, boxes)[kept],
            before=before[kept],
            after=after[kept],
            own=apply_box(own, boxes)[kept],
            mask_outlines=posed(person.outlines.mask, pose, boxes)[kept],
            face_points=posed(person.outlines.face, pose, boxes)[kept],
            opening=aperture(shapes, scheme)[kept],
        )
