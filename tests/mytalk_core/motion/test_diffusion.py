"""Noise and its removal against what can be worked out on paper."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.motion.diffusion import (
    DiffusionConfig,
    add_noise,
    ddim_step,
    sample,
    signal_share,
)

OFFSET = DiffusionConfig().offset
times = st.floats(0, 0.99)


def share(time: float) -> torch.Tensor:
    return signal_share(torch.tensor(time), OFFSET)


def test_all_signal_at_the_start_and_next_to_none_at_the_end() -> None:
    assert share(0.0).item() == pytest.approx(1)
    assert share(1.0).item() == pytest.approx(1e-5, abs=1e-6)


def test_the_share_follows_the_cosine_of_the_paper() -> None:
    """Nichol and Dhariwal 2021, equation 17, written out."""

    def raw(time: float) -> float:
        return math.cos((time + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2

    for time in (0.1, 0.5, 0.9):
        assert share(time).item() == pytest.approx(raw(time) / raw(0), rel=1e-4)


@settings(deadline=None)
@given(times, times)
def test_the_share_only_falls(one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert share(early) >= share(late)


@settings(deadline=None)
@given(times, st.floats(0.1, 3))
def test_noising_keeps_the_variance_it_should(time: float, deviation: float) -> None:
    draws = torch.Generator().manual_seed(0)
    clean = deviation * torch.randn(1, 20_000, generator=draws)
    noise = torch.randn(1, 20_000, generator=draws)
    noisy = add_noise(clean, noise, torch.tensor([time]), OFFSET)
    left = share(time).item()
    assert noisy.var().item() == pytest.approx(left * deviation**2 + 1 - left, rel=0.06)


@settings(deadline=None)
@given(times, times)
def test_a_step_with_the_truth_stays_on_the_forward_process(now: float, to: float) -> None:
    """x_t of some noise becomes x_s of the same noise: the marginals of the paper."""
    draws = torch.Generator().manual_seed(1)
    clean, noise = torch.randn(2, 3, 5, generator=draws)
    late, early = sorted((now + 0.01, to), reverse=True)
    noisy = add_noise(clean, noise, torch.full((3,), late), OFFSET)
    expected = add_noise(clean, noise, torch.full((3,), early), OFFSET)
    torch.testing.assert_close(
        ddim_step(noisy, clean, share(late), share(early)), expected, atol=5e-3, rtol=1e-2
    )


def test_the_last_step_gives_what_the_network_says() -> None:
    noisy, clean = torch.randn(2, 4, 7)
    torch.testing.assert_close(ddim_step(noisy, clean, share(0.3), torch.tensor(1.0)), clean)


@settings(deadline=None)
@given(st.integers(1, 20), st.floats(0, 1))
def test_with_an_oracle_sampling_ends_at_the_truth(steps: int, temperature: float) -> None:
    truth = torch.linspace(-3, 3, 12).reshape(2, 6)
    found = sample(
        lambda noisy, time: truth,
        torch.randn(2, 6),
        DiffusionConfig(steps=steps, temperature=temperature),
    )
    torch.testing.assert_close(found, truth)


def test_times_run_from_noise_towards_data() -> None:
    seen: list[float] = []

    def denoise(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        assert time.shape == (len(noisy),)
        seen.append(float(time[0]))
        return noisy

    sample(denoise, torch.randn(3, 2), DiffusionConfig(steps=4))
    assert seen == pytest.approx([1, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_gaussian_data_are_sampled_as_the_closed_form_says(temperature: float) -> None:
    """For data N(mean, deviation^2) the best network and its sampler's end are known.

    The posterior mean of x_0 is linear in x_t, and the flow keeps each sample's place in its
    Gaussian: (x_t - sqrt(a) mean) / sqrt(a deviation^2 + 1 - a) is constant over time.
    """
    mean, deviation = 2.0, 0.5

    def posterior_mean(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        a = signal_share(time, OFFSET).double()[:, None]
        gain = deviation**2 * a.sqrt() / (a * deviation**2 + 1 - a)
        return mean + gain * (noisy - a.sqrt() * mean)

    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)[None]
    found = sample(posterior_mean, noise, DiffusionConfig(steps=500, temperature=temperature))
    last = share(1.0).double()
    place = (temperature * noise - last.sqrt() * mean) / (last * deviation**2 + 1 - last).sqrt()
    torch.testing.assert_close(found, mean + deviation * place, atol=0.02, rtol=0)
