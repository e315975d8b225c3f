"""Similarity of two face embeddings."""

import numpy as np
from numpy.typing import NDArray


def csim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the cosine of two embeddings, -1..1; this network gives strangers high values too."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
