"""What a renderer must beat: mouths copied out of other frames of the clip, and their mean.

All are `Drawer`s. A copy is carried by the similarity that fits its rigid upper face.
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
    """For every frame the one of `others` with the nearest lip shape.

    Args:
        lips: (T, L, D) aligned lips; others: (R, L, D), aligned to the same face; NaN for frames
            that may not be chosen is not allowed here: leave them out.

    Returns:
        (T,) indices in [0, R).
    """
    nearest: NDArray[np.intp] = _lip_distance(lips, others).argmin(axis=1)
    return nearest


def nearest_reference_pasted(case: RedrawCase) -> Drawn:
    """Of four frames over the opening of the mouth, that whose lips are nearest to those asked."""
    four = case.over_opening(4)
    return _pasted(case, four[nearest_lips(case.asked_lips[case.frames], case.lips[four])])


def nearest_frame_pasted(case: RedrawCase) -> Drawn:
    """The frame of the whole clip whose lips are nearest; never the frame itself or beside it."""
    distance = _lip_distance(case.asked_lips[case.frames], case.lips)
    apart = np.abs(np.arange(len(case.lips)) - case.frames[:, None])
    distance[apart <= NEAR] = np.inf
    return _pasted(case, distance.argmin(axis=1))


def mean_mouth(case: RedrawCase) -> Drawn:
    """The mean of the references."""
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
    """Mean distance of lip points, (T, R)."""
    distance: NDArray[np.float32] = np.stack(
        [np.linalg.norm(others - each, axis=-1).mean(axis=-1) for each in lips]
    )
    return distance


def _pasted(case: RedrawCase, copied: NDArray[np.intp]) -> Drawn:
    """Frames `copied` (N,), each carried to the frame that is drawn."""
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
