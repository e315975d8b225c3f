"""The noise schedule against analytic values."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.noise_schedule import add_noise, signal_share, signal_to_noise

OFFSET = 0.008
times = st.floats(0, 0.99)


def share(time: float) -> torch.Tensor:
    return signal_share(torch.tensor(time), OFFSET)


def test_the_signal_share_is_one_at_time_zero_and_minimal_at_time_one() -> None:
    assert share(0.0).item() == pytest.approx(1)
    assert share(1.0).item() == pytest.approx(1e-5, abs=1e-6)


def test_the_share_follows_the_cosine_of_the_paper() -> None:
    """Nichol and Dhariwal 2021, equation 17."""

    def raw(time: float) -> float:
        return math.cos((time + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2

    for time in (0.1, 0.5, 0.9):
        assert share(time).item() == pytest.approx(raw(time) / raw(0), rel=1e-4)


@given(times, times)
def test_the_share_decreases_with_time(one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert share(early) >= share(late)


@given(times, st.floats(0.1, 3))
def test_noised_data_have_the_expected_variance(time: float, deviation: float) -> None:
    draws = torch.Generator().manual_seed(0)
    clean = deviation * torch.randn(1, 20_000, generator=draws)
    noise = torch.randn(1, 20_000, generator=draws)
    noisy = add_noise(clean, noise, torch.tensor([time]), OFFSET)
    left = share(time).item()
    assert noisy.var().item() == pytest.approx(left * deviation**2 + 1 - left, rel=0.06)


def test_signal_to_noise_is_the_ratio_of_variances() -> None:
    shares = torch.tensor([0.0, 0.5, 0.8, 1.0])
    torch.testing.assert_close(signal_to_noise(shares), torch.tensor([0.0, 1.0, 4.0, math.inf]))
