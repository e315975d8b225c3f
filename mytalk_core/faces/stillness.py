"""Detection of still faces: photographs, paintings, frozen frames.

Landmarks of a still face move with noise and with the camera. So the part explained by the pose is
removed, and the rest is compared with thresholds measured on photographs. Footage in which a person
neither speaks nor blinks cannot be distinguished from a photograph, and is useless for training.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d

from mytalk_core.faces.alignment import Pose
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.tracks import Track

# In inter-ocular units over windows of at least two seconds; a face is still below all three. The
# largest ratio to these limits is at most 0.75 for 95 % of photographs, with noise and a moving
# camera, and at least 1.4 for speaking people, by tests/benchmarks/face_plausibility.py.
_APERTURE = 0.0135  # standard deviation of the mouth opening
_LIPS = 0.0045  # standard deviation of lip points not explained by the pose
_BLINK = 0.018  # range of the eye opening, which a blink changes by at least 0.03

_SHORTEST = 2.0  # seconds; people hold still for shorter times
_WINDOW = 3.0  # seconds of a window
_STILL_WINDOWS = 0.9  # share of the windows that must be still
_SMOOTH = 0.2  # seconds over which lips are averaged
_BLINK_SECONDS = 0.12  # shorter changes of the eyes are noise
_POSES = 5  # largest number of pose components removed


def is_still(track: Track, scheme: LandmarkScheme, fps: float) -> bool:
    """Whether a face moves so little that it is a still picture.

    Args:
        track: with landmarks as detected, not filtered.
        fps: frames per second.
    """
    frames = track.end - track.first
    if frames < _SHORTEST * fps:
        return False
    windows = max(int(frames / (_WINDOW * fps)), 1)
    edges = np.linspace(track.first, track.end, windows + 1).round().astype(int)
    may_move = int((1 - _STILL_WINDOWS) * windows)
    for first, end in pairwise(edges.tolist()):
        may_move -= movement_ratio(track.at(np.arange(first, end)), scheme, fps) >= 1
        if may_move < 0:
            return False
    return True


def movement_ratio(landmarks: NDArray[np.float32], scheme: LandmarkScheme, fps: float) -> float:
    """Return the largest ratio of a movement to its limit; a face is still below 1.

    Args:
        landmarks: (T, P, 3) pixels, finite.
    """
    limits = (_APERTURE, _LIPS, _BLINK)
    movement = face_movement(landmarks, scheme, fps)
    return max(each / limit for each, limit in zip(movement, limits, strict=True))


def face_movement(
    landmarks: NDArray[np.float32], scheme: LandmarkScheme, fps: float
) -> tuple[float, float, float]:
    """Measure the movement of a face without its pose, inter-ocular units.

    Args:
        landmarks: (T, P, 3) pixels, finite.

    Returns:
        standard deviation of the mouth opening; RMS deviation of the lip points not explained by
        the pose; range of the eye opening.
    """
    motion = face_motion(landmarks, scheme)
    opening = float(aperture(motion.shape, scheme).std())
    lips = motion.shape[:, list(scheme.lips), :2].reshape(len(landmarks), -1)
    width = max(round(_SMOOTH * fps), 1)
    unexplained = _without_pose(lips, motion.pose, width)
    deviation = float(np.sqrt(2 * np.square(unexplained).mean()))  # two coordinates per point
    span = 2 * round(_BLINK_SECONDS * fps / 2) + 1
    eyes = median_filter(_eye_opening(motion.shape, scheme), max(span, 3), mode="nearest")
    return opening, deviation, float(np.ptp(eyes))


def _eye_opening(shape: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the eye opening, (T,): twice the mean distance of the rims from the middle line."""
    heights = []
    for rim in scheme.eyes:
        rows = shape[:, list(rim), 1]
        heights.append(2 * np.abs(rows - rows.mean(axis=1, keepdims=True)).mean(axis=1))
    opening: NDArray[np.float32] = np.mean(heights, axis=0)
    return opening


def _without_pose(values: NDArray[np.float32], pose: Pose, width: int) -> NDArray[np.float64]:
    """Average values (T, V) over `width` frames and remove their linear regression on the pose."""
    frames = len(values)
    place = pose.translation[:, :2] / pose.scale.mean()
    known = np.column_stack([pose.rotation.reshape(frames, 9), np.log(pose.scale), place])
    known, values = (
        uniform_filter1d(each - each.mean(axis=0), width, axis=0, mode="nearest")
        for each in (known.astype(np.float64), values.astype(np.float64))
    )
    patterns, strength, _ = np.linalg.svd(known - known.mean(axis=0), full_matrices=False)
    patterns = patterns[:, : min(_POSES, int((strength > 1e-4).sum()))]
    values = values - values.mean(axis=0)
    rest: NDArray[np.float64] = values - patterns @ (patterns.T @ values)
    return rest
