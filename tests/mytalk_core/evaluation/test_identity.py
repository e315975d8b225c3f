import numpy as np
import pytest

from mytalk_core.evaluation.identity import csim


def test_cosines_of_known_vectors():
    a, b = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    assert csim(a, b) == 0
    assert csim(a, 7 * a) == pytest.approx(1)
