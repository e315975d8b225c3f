"""Principal components of motion and their inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.motion_space import MotionSpace, MotionSpaceConfig

DEVIATIONS = np.array([0.2, 0.1, 0.05, 0.04])
DIRECTIONS = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 4)))[0].T
COVARIANCE = DIRECTIONS.T @ np.diag(DEVIATIONS**2) @ DIRECTIONS


def fitted(components: int = 4, floor: float = 0.0) -> MotionSpace:
    space = MotionSpace(12, MotionSpaceConfig(components=components, std_floor=floor))
    space.fit(COVARIANCE)
    return space


def test_components_are_the_directions_of_largest_variance() -> None:
    space = fitted()
    np.testing.assert_allclose(space.std, DEVIATIONS, rtol=1e-4)
    np.testing.assert_allclose(np.abs(space.basis.numpy() @ DIRECTIONS.T), np.eye(4), atol=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_decode_inverts_encode_in_the_fitted_subspace(seed: int) -> None:
    random = np.random.default_rng(seed)
    motion = torch.from_numpy(random.normal(size=(2, 5, 4)) * DEVIATIONS @ DIRECTIONS).float()
    space = fitted(floor=0.5)
    torch.testing.assert_close(space.decode(space.encode(motion)), motion, atol=1e-5, rtol=1e-4)


def test_encode_inverts_decode() -> None:
    space = fitted(components=2)
    components = torch.randn(3, 7, 2)
    torch.testing.assert_close(space.encode(space.decode(components)), components)


def test_components_of_fitted_motion_have_unit_deviation() -> None:
    random = np.random.default_rng(1)
    motion = random.normal(size=(20_000, 4)) * DEVIATIONS @ DIRECTIONS
    encoded = fitted().encode(torch.from_numpy(motion).float())
    np.testing.assert_allclose(encoded.std(dim=0), 1, atol=0.03)


def test_small_deviations_are_raised_to_the_floor() -> None:
    std = fitted(floor=0.3).std.numpy()
    np.testing.assert_allclose(std, [0.2, 0.1, 0.06, 0.06], rtol=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_refit_gives_the_same_basis(sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver may return eigenvectors of the opposite sign."""
    expected = fitted().basis.clone()
    solve = np.linalg.eigh

    def flipped(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, vectors = solve(matrix)
        return values, sign * vectors

    monkeypatch.setattr(np.linalg, "eigh", flipped)
    torch.testing.assert_close(fitted().basis, expected)
