"""What stage 1 knows of a person beside the upper face: how their mouth looks, open and shut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shapes of the person that the identity extractor looks at.
IDENTITY_FRAMES = 32


@dataclass(frozen=True)
class KnownFace:
    """Learnt from any footage of the person; nothing of it depends on the frames' order."""

    shapes: NDArray[np.float32]  # (N, 3 M) moving points in some frames, aligned inter-ocular units
    closed: NDArray[np.float32]  # (3 M,) displacement of the shut mouth from the mean of the film
    # that is dubbed, which the shapes may not be from


def known_face(shapes: NDArray[np.float32], closed: NDArray[np.float32]) -> KnownFace:
    """What (T, 3 M) moving points of a person show; `closed` as in `KnownFace`."""
    return KnownFace(identity_shapes(shapes), closed)


def identity_shapes(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """A fixed number of frames, evenly chosen, from (T, 3 M) moving points of a person."""
    chosen = np.linspace(0, len(shapes) - 1, IDENTITY_FRAMES).round().astype(int)
    return np.ascontiguousarray(shapes[chosen])
