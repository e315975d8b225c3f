"""Choice of the reference frames of a stretch of film by their similarity to the target mouths.

A dub knows all target lips before it draws. It selects the reference frames that serve them best;
every frame is then drawn from the few of these that are nearest to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.conditioning import landmark_distance
from mytalk_core.appearance.face_crops import WINDOW_SIDE, FaceCrops
from mytalk_core.faces.landmark_scheme import LandmarkScheme

# References within this many seconds of a frame are avoided: their head pose is the frame's, their
# mouth is close to the frame's original one, and some of it would remain in the drawing.
NEARBY_SECONDS = 0.8
# Factor on the distance of such references. Their deviation from the target is towards the original
# mouth, so it counts more; one that matches the target is still used.
AVOIDED = 1.5
# Candidates for covering frames; more of a person add nothing new.
_CANDIDATES = 400
_TOGETHER = 8  # frames compared with all others at a time, to fit the cache

Timestamps: TypeAlias = NDArray[np.floating]
"""Timestamps of frames in seconds of one clock; NaN is close to no other frame."""


@dataclass(frozen=True)
class Mouths:
    """Landmarks of T frames by which mouths are compared, in shares of the window."""

    lips: NDArray[np.float32]  # (T, L, 2)
    anchors: NDArray[np.float32]  # (T, Q, 2) points of the upper face
    timestamps: Timestamps  # (T,)

    def choose(self, frames: NDArray[np.int64]) -> "Mouths":
        """Return the mouths of these frames."""
        return Mouths(self.lips[frames], self.anchors[frames], self.timestamps[frames])


def mouths_of(crops: FaceCrops, timestamps: Timestamps, scheme: LandmarkScheme) -> Mouths:
    """Return the mouths of crops; only the size of the pictures is used."""
    size = crops.pictures.shape[1]
    return mouths_at(crops.points, crops.face_points, timestamps, size, scheme)


def mouths_at(
    points: NDArray[np.float32],
    face_points: NDArray[np.float32],
    timestamps: Timestamps,
    size: int,
    scheme: LandmarkScheme,
) -> Mouths:
    """Return the mouths of points in crops of a size; points as in `FaceCrops`."""
    window = np.float32(size * WINDOW_SIDE)
    return Mouths(points[:, : len(scheme.lips)] / window, face_points / window, timestamps)


def joined_mouths(parts: Sequence[Mouths]) -> Mouths:
    """Concatenate mouths."""
    return Mouths(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Mouths.__dataclass_fields__
        )
    )


def mouth_distances(target: Mouths, known: Mouths) -> NDArray[np.float32]:
    """Return the distance of K known mouths from each of T target mouths, (T, K).

    It is the distance by which the renderer selects references, see `landmark_distance`.
    """
    lips, anchors = (torch.from_numpy(each) for each in (known.lips, known.anchors))
    blocks = [
        landmark_distance(
            torch.from_numpy(target.lips[at : at + _TOGETHER]),
            torch.from_numpy(target.anchors[at : at + _TOGETHER]),
            lips,
            anchors,
        )
        for at in range(0, len(target.lips), _TOGETHER)
    ]
    near = torch.from_numpy(close_in_time(target.timestamps, known.timestamps))
    distances: NDArray[np.float32] = avoiding(torch.cat(blocks), near).numpy()
    return distances


def close_in_time(target: Timestamps, known: Timestamps) -> NDArray[np.bool_]:
    """Return which of K known frames are within NEARBY_SECONDS of each of T frames, (T, K)."""
    near: NDArray[np.bool_] = np.abs(target[:, None] - known) < NEARBY_SECONDS
    return near


def avoiding(distances: Tensor, near: Tensor) -> Tensor:
    """Multiply distances (T, K) by AVOIDED where `near` (T, K)."""
    return torch.where(near, AVOIDED * distances, distances)


def serving_frames(
    distances: NDArray[np.float32], count: int, served: NDArray[np.float32] | None = None
) -> NDArray[np.int64]:
    """Select `count` of K known frames so that every target frame has a near one.

    The greedy solution of facility location (Cornuejols, Fisher and Nemhauser, 1977): each step
    takes the frame that reduces the mean distance of the targets most. It gains at least 63 % of
    the optimum.

    Args:
        distances: (T, K) of `mouth_distances`.
        served: (T,) distances of the targets from references that are used anyway. Frames that
            reduce none of them are not selected then.

    Returns:
        (n,) numbers of known frames, the most useful first; fewer where there are no more.
    """
    # Without any reference a target's distance is that of the farthest known frame.
    nearest = distances.max(axis=1) if served is None else served
    chosen: list[int] = []
    while len(chosen) < min(count, distances.shape[1]):
        left = np.minimum(nearest[:, None], distances).sum(axis=0)
        left[chosen] = np.inf
        best = int(left.argmin())
        closer = np.minimum(nearest, distances[:, best])
        if served is not None and np.array_equal(closer, nearest):
            break
        chosen.append(best)
        nearest = closer
    return np.array(chosen, np.int64)


def covering_frames(
    lips: NDArray[np.float32], anchors: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """Select `count` frames so that every frame has a near one, for unknown targets.

    Uses `serving_frames` with all frames as targets; long sequences are thinned first.

    Args:
        lips, anchors: (T, L, 2) and (T, Q, 2) in any unit.

    Returns:
        (n,) frame numbers, the most typical first; fewer where there are no more.
    """
    frames = spread(len(lips), _CANDIDATES)
    some = Mouths(lips[frames], anchors[frames], np.full(len(frames), np.nan))
    covering: NDArray[np.int64] = frames[serving_frames(mouth_distances(some, some), count)]
    return covering


def spread(frames: int, count: int) -> NDArray[np.int64]:
    """Spread `count` frame numbers evenly over `frames` (at least one); all if there are fewer."""
    return np.unique(np.linspace(0, frames - 1, count).round().astype(np.int64))
