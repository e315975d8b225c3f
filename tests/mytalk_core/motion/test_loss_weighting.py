"""Loss weights over diffusion time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.loss_weighting import LossWeighting, loss_weight
from mytalk_core.motion.noise_schedule import signal_share, signal_to_noise

OFFSET = 0.008
ALL: tuple[LossWeighting, ...] = ("uniform", "min-snr", "truncated-snr")


@pytest.mark.parametrize("weighting", ALL)
def test_the_mean_over_all_times_is_one(weighting: LossWeighting) -> None:
    """A weighting then changes neither the learning rate nor the balance of losses."""
    times = torch.rand(200_000, generator=torch.Generator().manual_seed(0))
    weights = loss_weight(times, weighting, OFFSET)
    assert weights.mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("weighting", ALL)
@given(one=st.floats(0, 1), other=st.floats(0, 1))
def test_weights_do_not_increase_with_noise(
    weighting: LossWeighting, one: float, other: float
) -> None:
    early, late = loss_weight(torch.tensor(sorted((one, other))), weighting, OFFSET)
    assert 0 <= late <= early < float("inf")


def test_uniform_is_one_everywhere() -> None:
    assert loss_weight(torch.tensor([0.0, 0.3, 1.0]), "uniform", OFFSET).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("weighting", "least"), [("min-snr", 0.0), ("truncated-snr", 1.0)])
def test_weights_are_proportional_to_the_snr_between_the_bounds(
    weighting: LossWeighting, least: float
) -> None:
    times = torch.tensor([0.3, 0.45, 0.7, 0.95, 0.1])
    snr = signal_to_noise(signal_share(times, OFFSET))
    assert 1 < snr[1] < snr[0] < 5 < snr[4]
    weights = loss_weight(times, weighting, OFFSET)
    torch.testing.assert_close(weights[0] / weights[1], snr[0] / snr[1])
    torch.testing.assert_close(weights[4] / weights[1], 5 / snr[1])
    for noisy in (2, 3):
        expected = snr[noisy].clamp(min=least) / snr[1]
        torch.testing.assert_close(weights[noisy] / weights[1], expected)
