"""Whether landmarks can be a speaker's: what must hold before a face is drawn or learnt from."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.occlusion_sample import sample_places

# Share of the outer lip points, 0..1, that may lie outside the picture. There, landmarks are a
# guess, and a mouth that is cut off cannot be drawn.
_MOST_OUTSIDE = 0.1
# Share of the chin, 0..1, that may lie on one flat colour, and what counts as one: distance of a
# place from the median colour and its roughness, of 255. Skin has 0.04 at most.
_MOST_FLAT = 0.25
_SAME_COLOUR, _NO_DETAIL = 2, 4


def mouth_outside(
    landmarks: NDArray[np.float32], width: int, height: int, scheme: LandmarkScheme
) -> NDArray[np.bool_]:
    """Of every frame whether the picture's edge cuts the mouth off, (T,); False without a face.

    Args:
        landmarks: (T, P, 2 or more) pixels, NaN where there is no face.
        width, height: of the picture, pixels.
    """
    lips = landmarks[:, list(scheme.outer_lips), :2]
    beyond = (lips < 0).any(axis=-1) | (lips > (width, height)).any(axis=-1)
    outside: NDArray[np.bool_] = beyond.mean(axis=1) > _MOST_OUTSIDE
    return outside


def on_flat_colour(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> NDArray[np.bool_]:
    """Of every frame whether the chin lies on one flat colour, (T,): on a bar beside the picture.

    Landmarkers continue a face into the bars of a letterboxed film as they do beyond its edge.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; frames without a face are flat.
    """
    chin = samples[:, sample_places(scheme).chin].astype(np.int16)
    apart = np.abs(chin[..., :3] - np.median(chin[..., :3], axis=1, keepdims=True)).max(axis=-1)
    flat = (apart <= _SAME_COLOUR) & (chin[..., 3] <= _NO_DETAIL)
    beyond: NDArray[np.bool_] = flat.mean(axis=1) > _MOST_FLAT
    return beyond
