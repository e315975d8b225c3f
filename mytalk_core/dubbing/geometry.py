"""Where the face of a track is in every frame, and where its lips are to be drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import neighbours, posed
from mytalk_core.dubbing.person import Person
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.faces.alignment import Pose, fit_pose, to_pixels
from mytalk_core.faces.crop import CropConfig, apply_box, crop_boxes, crop_size_for
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.films.face_track import FaceTrack

# Frames of a track whose geometry is computed together, and those that overlap for smoothing.
_BLOCK, _OVERLAP = 1000, 50


@dataclass(frozen=True)
class FaceGeometry:
    """T consecutive frames of a track; all points in crop pixels."""

    first: int  # frame of the track
    boxes: NDArray[np.float32]  # (T, 3, 2) from the film's stored pixels
    points: NDArray[np.float32]  # (T, M, 2) target of the moving points
    before: NDArray[np.float32]  # (T, M, 2) the target a frame earlier, in this frame's crop
    after: NDArray[np.float32]  # (T, M, 2) the target a frame later
    own: NDArray[np.float32]  # (T, M, 2) the moving points in the film
    mask_outlines: NDArray[np.float32]  # (T, O, 2)
    face_points: NDArray[np.float32]  # (T, Q, 2)
    opening: NDArray[np.float32]  # (T,) target mouth opening, inter-ocular units


def track_crop(track: FaceTrack, person: Person, crop: CropConfig) -> CropConfig:
    """The crop of a track, as large as the film shows its face where it shows it largest."""
    return replace(crop, size=crop_size_for(_largest_scale(track, person), crop))


def track_extent(track: FaceTrack, person: Person, crop: CropConfig) -> int:
    """Pixels of the film that a crop of a track is wide, where the film shows its face largest."""
    return round(_largest_scale(track, person) * crop.extent)


def _largest_scale(track: FaceTrack, person: Person) -> float:
    frames = np.linspace(0, len(track) - 1, min(len(track), 200)).astype(int)
    pose = fit_pose(np.asarray(track.landmarks[frames]), person.rigid, track.scheme)
    return float(np.percentile(pose.scale, 90))


def track_pose(track: FaceTrack, person: Person) -> Pose:
    """Pose of every frame of a track, read block by block."""
    landmarks = track.landmarks
    return joined_poses(
        [
            fit_pose(np.asarray(landmarks[at : at + _BLOCK]), person.rigid, track.scheme)
            for at in range(0, len(track), _BLOCK)
        ]
    )


def joined_poses(poses: Sequence[Pose]) -> Pose:
    """The poses of consecutive frames as one."""
    return Pose(
        np.concatenate([pose.rotation for pose in poses]),
        np.concatenate([pose.scale for pose in poses]),
        np.concatenate([pose.translation for pose in poses]),
    )


def posed_boxes(
    track: FaceTrack, frames: tuple[int, int], person: Person, crop: CropConfig
) -> tuple[Pose, NDArray[np.float32]]:
    """Pose and crop boxes, in square pixels, of frames [first, end) of a track.

    Boxes are smoothed over the neighbours of the frames too.
    """
    low, high = max(frames[0] - _OVERLAP, 0), min(frames[1] + _OVERLAP, len(track))
    pose = fit_pose(np.asarray(track.landmarks[low:high]), person.rigid, track.scheme)
    inside = slice(frames[0] - low, frames[1] - low)
    return pose[inside], crop_boxes(pose, crop, float(track.fps))[inside]


def track_geometry(
    track: FaceTrack, person: Person, crop: CropConfig, motion: TrackMotion
) -> Iterator[FaceGeometry]:
    """The geometry of a track, block after block; the result does not depend on the blocks."""
    moving = list(track.scheme.moving)
    for first in range(0, len(track), _BLOCK):
        end = min(first + _BLOCK, len(track))
        # One more frame on either side, for the neighbours of the first and the last.
        low, high = max(first - 1, 0), min(end + 1, len(track))
        pose, boxes = posed_boxes(track, (low, high), person, crop)
        middles = [start + 1 / (2 * track.fps) for start in track.starts[low:high]]
        shapes = np.repeat(person.rest[None], high - low, axis=0)
        shapes[:, moving] += motion.at(middles)
        target = to_pixels(shapes[:, moving], pose)
        before, after = neighbours(target, boxes)
        own = np.asarray(track.landmarks[low:high])[:, moving]
        kept = slice(first - low, end - low)
        yield FaceGeometry(
            first=first,
            boxes=stored_boxes(boxes[kept], track.pixel_aspect),
            points=apply_box(target, boxes)[kept],
            before=before[kept],
            after=after[kept],
            own=apply_box(own, boxes)[kept],
            mask_outlines=posed(person.outlines.mask, pose, boxes)[kept],
            face_points=posed(person.outlines.face, pose, boxes)[kept],
            opening=aperture(shapes, track.scheme)[kept],
        )
