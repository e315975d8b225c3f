"""Baselines of stage 2: mouths copied from other frames of the clip, and their mean.

All are `Drawer`s. A copy is mapped by the similarity that fits its rigid upper face.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.evaluation.redrawing import NEAR, Drawn, RedrawCase
from mytalk_core.faces.alignment import Points, fit_similarity

PASTED = "nearest of four references pasted"
CLIP_PASTED = "nearest frame of the clip pasted"
MEAN_MOUTH = "mean mouth of the references"


def nearest_lips(lips: Points, others: Points) -> NDArray[np.intp]:
    """Find the nearest lip shape in `others` for every frame.

    Args:
        lips: (T, L, D) aligned lips; others: (R, L, D), aligned to the same face, finite.

    Returns:
        (T,) indices in [0, R).
    """
    nearest: NDArray[np.intp] = _lip_distance(lips, others).argmin(axis=1)
    return nearest


def nearest_reference_pasted(case: RedrawCase) -> Drawn:
    """Paste that of four frames over the mouth opening whose lips are nearest to the target."""
    four = case.over_opening(4)
    return _pasted(case, four[nearest_lips(case.target_lips[case.frames], case.lips[four])])


def nearest_frame_pasted(case: RedrawCase) -> Drawn:
    """Paste the frame of the whole clip whose lips are nearest, the frame's vicinity excluded."""
    distance = _lip_distance(case.target_lips[case.frames], case.lips)
    apart = np.abs(np.arange(len(case.lips)) - case.frames[:, None])
    distance[apart <= NEAR] = np.inf
    return _pasted(case, distance.argmin(axis=1))


def mean_mouth(case: RedrawCase) -> Drawn:
    """Return the mean of the references."""
    count = len(case.frames)
    copies = [_pasted(case, np.full(count, reference)) for reference in case.references]
    mean: Drawn = np.mean(copies, axis=0, dtype=np.float32)
    return mean


PASTING = {
    PASTED: nearest_reference_pasted,
    CLIP_PASTED: nearest_frame_pasted,
    MEAN_MOUTH: mean_mouth,
}


def _lip_distance(lips: Points, others: Points) -> NDArray[np.float32]:
    """Return the mean distances of lip points, (T, R)."""
    distance: NDArray[np.float32] = np.stack(
        [np.linalg.norm(others - each, axis=-1).mean(axis=-1) for each in lips]
    )
    return distance


def _pasted(case: RedrawCase, copied: NDArray[np.intp]) -> Drawn:
    """Map the frames `copied` (N,) onto the frames to draw."""
    rigid = list(case.scheme.rigid)
    size = case.crops.pictures.shape[1]
    pictures = []
    for frame, other in zip(case.frames, copied, strict=True):
        rotation, scale, shift = fit_similarity(
            case.landmarks[other, rigid], case.landmarks[frame, rigid][None]
        )
        carried = cv2.warpAffine(
            case.crops.pictures[other].astype(np.float32),
            np.concatenate([scale[0] * rotation[0], shift[0][:, None]], axis=1),
            (size, size),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        pictures.append(carried)
    return np.stack(pictures).astype(np.float32, copy=False)
