"""Samplers against analytic solutions."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.noise_schedule import add_noise, signal_share
from mytalk_core.motion.sampler import DiffusionConfig, Solver, ddim_step, extrapolated, sample

OFFSET = DiffusionConfig().offset
SOLVERS: tuple[Solver, ...] = ("ddim", "dpm++2m")
solvers = pytest.mark.parametrize("solver", SOLVERS)
times = st.floats(0, 0.99)


def share(time: float) -> torch.Tensor:
    return signal_share(torch.tensor(time), OFFSET)


@given(times, times)
def test_a_step_with_the_true_data_stays_on_the_forward_process(now: float, to: float) -> None:
    """x_t becomes x_s of the same noise."""
    draws = torch.Generator().manual_seed(1)
    clean, noise = torch.randn(2, 3, 5, generator=draws)
    late, early = sorted((now + 0.01, to), reverse=True)
    noisy = add_noise(clean, noise, torch.full((3,), late), OFFSET)
    expected = add_noise(clean, noise, torch.full((3,), early), OFFSET)
    torch.testing.assert_close(
        ddim_step(noisy, clean, share(late), share(early)), expected, atol=5e-3, rtol=1e-2
    )


def test_the_last_step_returns_the_prediction() -> None:
    noisy, clean = torch.randn(2, 4, 7)
    torch.testing.assert_close(ddim_step(noisy, clean, share(0.3), torch.tensor(1.0)), clean)


def test_predictions_linear_in_lambda_are_extrapolated_to_the_middle_of_the_step() -> None:

    def log_snr(at: float) -> torch.Tensor:
        return 0.5 * (share(at) / (1 - share(at))).log()

    def line(at: float) -> torch.Tensor:
        return 3 + 2 * log_snr(at)

    found = extrapolated(line(0.6), line(0.8), share(0.8), share(0.6), share(0.3))
    torch.testing.assert_close(found, 3 + 2 * (log_snr(0.6) + log_snr(0.3)) / 2)


@solvers
@given(steps=st.integers(1, 20), temperature=st.floats(0, 1))
def test_sampling_with_an_oracle_returns_the_truth(
    solver: Solver, steps: int, temperature: float
) -> None:
    truth = torch.linspace(-3, 3, 12).reshape(2, 6)
    found = sample(
        lambda noisy, time: truth,
        torch.randn(2, 6),
        DiffusionConfig(steps=steps, temperature=temperature, solver=solver),
    )
    torch.testing.assert_close(found, truth)


@solvers
def test_times_run_from_noise_to_data(solver: Solver) -> None:
    seen: list[float] = []

    def denoise(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        assert time.shape == (len(noisy),)
        seen.append(float(time[0]))
        return noisy

    sample(denoise, torch.randn(3, 2), DiffusionConfig(steps=4, solver=solver))
    assert seen == pytest.approx([1, 0.75, 0.5, 0.25])


@solvers
def test_the_same_noise_gives_the_same_data(solver: Solver) -> None:
    """The sampler itself draws no random numbers."""
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    config = DiffusionConfig(steps=4, solver=solver)
    denoise = gaussian(1.0, 0.5)
    first = sample(denoise, noise, config)
    torch.rand(7)
    torch.testing.assert_close(sample(denoise, noise, config), first, atol=0, rtol=0)
    assert (sample(denoise, noise + 1, config) - first).abs().max() > 0.05


def gaussian(mean: float, deviation: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the optimal network for data N(mean, deviation^2), the posterior mean of x_0."""

    def posterior_mean(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        a = signal_share(time, OFFSET).double()[:, None]
        gain = deviation**2 * a.sqrt() / (a * deviation**2 + 1 - a)
        return mean + gain * (noisy - a.sqrt() * mean)

    return posterior_mean


def error(mean: float, deviation: float, config: DiffusionConfig) -> float:
    """Return the largest distance of samples from the exact flow (Song et al. 2021, eq. 13).

    (x_t - sqrt(a) mean) / sqrt(a deviation^2 + 1 - a) is constant along the flow.
    """
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)[None]
    found = sample(gaussian(mean, deviation), noise, config)
    last = share(1.0).double()
    start = config.temperature * noise - last.sqrt() * mean
    place = start / (last * deviation**2 + 1 - last).sqrt()
    return float((found - (mean + deviation * place)).abs().max())


@solvers
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_many_steps_converge_to_the_exact_flow(solver: Solver, temperature: float) -> None:
    config = DiffusionConfig(steps=500, temperature=temperature, solver=solver)
    assert error(2.0, 0.5, config) < 0.02


@pytest.mark.parametrize(("mean", "deviation"), [(2.0, 0.5), (0.0, 1.0), (1.0, 0.2), (0.0, 2.0)])
def test_second_order_is_more_accurate_at_equal_steps(mean: float, deviation: float) -> None:
    for steps in (4, 8, 16):
        first, second = (
            error(mean, deviation, DiffusionConfig(steps=steps, temperature=1.0, solver=solver))
            for solver in SOLVERS
        )
        assert second < first


def test_errors_decrease_by_the_order_of_the_solver() -> None:
    """Twice the steps halve the error of DDIM and quarter that of DPM-Solver++(2M)."""

    def gain(solver: Solver) -> float:
        few, many = (
            error(0.0, 1.0, DiffusionConfig(steps=steps, temperature=1.0, solver=solver))
            for steps in (16, 32)
        )
        return few / many

    assert gain("ddim") == pytest.approx(2, rel=0.1)
    assert gain("dpm++2m") > 4
