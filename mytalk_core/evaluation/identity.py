"""How alike two face embeddings are, in the measure that papers print."""

import numpy as np
from numpy.typing import NDArray


def csim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Cosine of two embeddings, -1..1. With this network it is high for strangers, too."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
