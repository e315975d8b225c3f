"""The appearance of a person for stage 1: shapes of the face and the shut mouth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shapes given to the identity extractor.
IDENTITY_FRAMES = 32


@dataclass(frozen=True)
class KnownFace:
    """Shapes of a person from any of their footage, independent of the order of frames."""

    shapes: NDArray[np.float32]  # (N, 3 M) moving points, aligned, inter-ocular units
    # (3 M,) displacement of the shut mouth from the mean of the dubbed film; the shapes may come
    # from other footage.
    closed: NDArray[np.float32]


def known_face(shapes: NDArray[np.float32], closed: NDArray[np.float32]) -> KnownFace:
    """Build a `KnownFace` from (T, 3 M) moving points of a person and their shut mouth."""
    return KnownFace(identity_shapes(shapes), closed)


def identity_shapes(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `IDENTITY_FRAMES` rows at even distances from (T, 3 M) moving points."""
    chosen = np.linspace(0, len(shapes) - 1, IDENTITY_FRAMES).round().astype(int)
    return np.ascontiguousarray(shapes[chosen])
