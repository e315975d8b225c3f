"""Which frames of a person a stretch of a film is drawn from: those whose mouths are asked for.

A dub knows what lips it will draw before it draws any. Of many frames it is shown the few that
serve these best; every frame is then drawn from those of them that are most like it.
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

# Reference frames of a person that a renderer is shown in a dub; each frame is drawn from a few.
SHOWN = 128
# Seconds about a frame whose pictures it is rather not drawn from: their head stands as the frame's
# and their mouth as the frame's own did, of which some would be left in what is drawn.
SAME_MOMENT = 0.8
# How many times as unlike what is asked for such a picture counts. As far as it is unlike it, it is
# so towards the frame's own mouth, and that far draws the original in; one that shows what is asked
# for is taken all the same.
AVOIDED = 1.5
# Frames among which those are found that cover all; more of a person tell nothing new.
_CANDIDATES = 400
_TOGETHER = 8  # frames that are compared with all others at a time: what fits into a cache

Moments: TypeAlias = NDArray[np.floating]
"""When frames are shown, seconds of one clock; NaN is near no other moment."""


@dataclass(frozen=True)
class Mouths:
    """What tells of T frames how like each other they are drawn; in shares of the window."""

    lips: NDArray[np.float32]  # (T, L, 2)
    anchors: NDArray[np.float32]  # (T, Q, 2) points of the upper face
    moments: Moments  # (T,)

    def choose(self, frames: NDArray[np.int64]) -> "Mouths":
        """Those of these frames."""
        return Mouths(self.lips[frames], self.anchors[frames], self.moments[frames])


def mouths_of(crops: FaceCrops, moments: Moments, scheme: LandmarkScheme) -> Mouths:
    """The mouths of crops; of their pictures only the size is looked at."""
    size = crops.pictures.shape[1]
    return mouths_at(crops.points, crops.face_points, moments, size, scheme)


def mouths_at(
    points: NDArray[np.float32],
    face_points: NDArray[np.float32],
    moments: Moments,
    size: int,
    scheme: LandmarkScheme,
) -> Mouths:
    """The mouths where points lie so in crops of that size; points as of `FaceCrops`."""
    window = np.float32(size * WINDOW_SIDE)
    return Mouths(points[:, : len(scheme.lips)] / window, face_points / window, moments)


def joined_mouths(parts: Sequence[Mouths]) -> Mouths:
    """One part after the other."""
    return Mouths(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Mouths.__dataclass_fields__
        )
    )


def unlikeness(asked: Mouths, known: Mouths) -> NDArray[np.float32]:
    """How unlike each of T asked mouths each of K known ones is, (T, K) as the renderer judges."""
    lips, anchors = (torch.from_numpy(each) for each in (known.lips, known.anchors))
    apart = [
        landmark_distance(
            torch.from_numpy(asked.lips[at : at + _TOGETHER]),
            torch.from_numpy(asked.anchors[at : at + _TOGETHER]),
            lips,
            anchors,
        )
        for at in range(0, len(asked.lips), _TOGETHER)
    ]
    near = of_one_moment(asked.moments, known.moments)
    unlike: NDArray[np.float32] = avoiding(torch.cat(apart), torch.from_numpy(near)).numpy()
    return unlike


def of_one_moment(asked: Moments, known: Moments) -> NDArray[np.bool_]:
    """Which of K known frames are within SAME_MOMENT of each of T asked ones, (T, K)."""
    near: NDArray[np.bool_] = np.abs(asked[:, None] - known) < SAME_MOMENT
    return near


def avoiding(unlike: Tensor, near: Tensor) -> Tensor:
    """How unlike frames count (T, K), those AVOIDED times as much that `near` (T, K) marks."""
    return torch.where(near, AVOIDED * unlike, unlike)


def serving_frames(
    unlike: NDArray[np.float32], count: int, served: NDArray[np.float32] | None = None
) -> NDArray[np.int64]:
    """`count` of K known frames such that every asked one has one like it.

    The next one taken is always that which brings all asked frames nearest to those taken, on
    average: the greedy solution of facility location (Cornuejols, Fisher and Nemhauser, 1977),
    which gains at least 63 % of what the best one does.

    Args:
        unlike: (T, K) as of `unlikeness`.
        served: (T,) how unlike each asked frame is what it is drawn from anyway. Frames that would
            bring none of them nearer are not taken then.

    Returns:
        (n,) numbers of known frames, those that serve most first; fewer where there are no more.
    """
    # Before there is any, each frame is as far from one as it is from the one least like it.
    nearest = unlike.max(axis=1) if served is None else served
    chosen: list[int] = []
    while len(chosen) < min(count, unlike.shape[1]):
        left = np.minimum(nearest[:, None], unlike).sum(axis=0)
        left[chosen] = np.inf
        best = int(left.argmin())
        closer = np.minimum(nearest, unlike[:, best])
        if served is not None and np.array_equal(closer, nearest):
            break
        chosen.append(best)
        nearest = closer
    return np.array(chosen, np.int64)


def covering_frames(
    lips: NDArray[np.float32], anchors: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """`count` frames such that every frame has one like it, whatever will be asked for.

    As `serving_frames`, with all frames asked for; many are thinned first.

    Args:
        lips, anchors: (T, L, 2) and (T, Q, 2) in any unit.

    Returns:
        (n,) frame numbers, the most typical first; fewer where there are no more.
    """
    frames = spread(len(lips), _CANDIDATES)
    some = Mouths(lips[frames], anchors[frames], np.full(len(frames), np.nan))
    covering: NDArray[np.int64] = frames[serving_frames(unlikeness(some, some), count)]
    return covering


def spread(frames: int, count: int) -> NDArray[np.int64]:
    """`count` of so many frames (at least one), evenly; all where there are no more."""
    return np.unique(np.linspace(0, frames - 1, count).round().astype(np.int64))
