"""The parts of stage 1 fitted without gradients.

These are the speech statistics, the motion basis and two linear regressions on speech.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.model import SpeechToMotion, edge_padded, windows

Reduce = Callable[[Tensor], Tensor]
"""Sum a tensor over all processes."""

# Leaves a gradient of some thousandths.
_BOUND_STEPS = 40


@dataclass(frozen=True)
class ReadingConfig:
    """Penalties of the two linear regressions on speech."""

    # Ridge of the regression of motion.
    motion_ridge: float = 0.8
    # Ridge of the regression of closure, chosen on held-out training speakers.
    closure_ridge: float = 0.03
    # Weight of silence and non-speech sounds in the regression of closure; all speech weighs 1.
    quiet: float = 0.1


@dataclass(frozen=True)
class _Examples:
    """The clips of this process."""

    clips: Sequence[MotionClip]
    weights: Sequence[float]  # of a frame in one voice; those of all processes sum to 1
    total: Reduce

    def __iter__(self) -> Iterator[tuple[MotionClip, float]]:
        return zip(self.clips, self.weights, strict=True)


def fit_closed_form(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    weights: NDArray[np.float64],
    quiet: NDArray[np.float32],
    config: ReadingConfig,
    total: Reduce,
) -> None:
    """Fit statistics, basis and regressions of the model, to equal values in every process.

    Args:
        clips, weights: the clips of this process and the weight of each.
        quiet: (S, F) speech features of non-speech sounds, the same in every process.
        total: sum over processes.
    """
    frames = np.array([len(clip.displacement) for clip in clips])
    voices = np.array([len(clip.speech) for clip in clips])
    count = total(torch.tensor(float((weights * frames).sum())))
    # A clip counts by its frames, not by its number of voices.
    scale = [float(w) for w in weights / (count.item() * voices)]
    examples = _Examples(clips, scale, total)
    _fit_statistics(model, examples)
    normal = _fit_motion(model, examples, config.motion_ridge)
    _fit_closure(model, examples, quiet, normal, config)


def _fit_statistics(model: SpeechToMotion, examples: _Examples) -> None:
    """Fit mean and deviation of the speech features, and the motion basis."""
    first, second = torch.zeros(2, model.speech_mean.shape[0], dtype=torch.float64)
    covariance = torch.zeros(2 * [model.space.basis.shape[1]])
    for clip, weight in examples:
        speech = torch.from_numpy(clip.speech).double()
        first += weight * speech.sum(dim=(0, 1))
        second += weight * speech.square().sum(dim=(0, 1))
        moved = torch.from_numpy(clip.displacement)
        covariance += weight * len(speech) * moved.T @ moved
    mean = examples.total(first)
    variance = examples.total(second) - mean.square()
    model.speech_mean.copy_(mean)
    model.speech_std.copy_(variance.clamp(min=0).sqrt().clamp(min=1e-3))
    model.space.fit(examples.total(covariance).numpy().astype(np.float64))


def _standardised(model: SpeechToMotion, clip: MotionClip) -> Tensor:
    """Return the standardised speech of a clip, (V, T, F)."""
    return model.standardise(torch.from_numpy(clip.speech).float())


def _fit_motion(model: SpeechToMotion, examples: _Examples, ridge: float) -> Tensor:
    """Fit the ridge regression of motion on windows of speech; return their second moments."""
    size = len(model.speech_map)
    normal = torch.zeros(size, size)
    target = torch.zeros(size, model.config.space.components)
    for clip, weight in examples:
        x = windows(_standardised(model, clip), model.config.speech_context)
        y = weight * model.space.encode(torch.from_numpy(clip.displacement))
        normal.addmm_(x.flatten(0, 1).T, x.flatten(0, 1), alpha=weight)
        target.addmm_(x.sum(dim=0).T, y)
    normal, target = examples.total(normal), examples.total(target).double()
    penalised = normal.double()
    penalised.diagonal().add_(ridge)
    model.speech_map.copy_(torch.linalg.solve(penalised, target).float())
    return normal


def _fit_closure(
    model: SpeechToMotion,
    examples: _Examples,
    quiet: NDArray[np.float32],
    normal: Tensor,
    config: ReadingConfig,
) -> None:
    """Fit the ridge-penalised logistic regression of shut mouths on windows of speech.

    Steps under a fixed upper bound of the curvature, a quarter of the second moments `normal`
    (Boehning and Lindsay 1988), separately for map and offset. Each takes a pass over the clips
    and two triangular solves.
    """
    context, total = model.config.speech_context, examples.total
    silent = model.standardise(torch.from_numpy(quiet))[None]
    silent_windows = windows(silent, context)[0]
    # Every process has all of `quiet`; divided by their number, sums over processes count it once.
    processes = total(torch.ones(())).item()
    share = config.quiet / (len(silent_windows) * processes)
    # In double precision: non-speech is far from the mean, and the ridge is small beside it.
    far = silent_windows.double()
    curvature = (normal.double() + total(share * far.T @ far)) / 4
    curvature.diagonal().add_(config.closure_ridge)
    factor = torch.linalg.cholesky(curvature)

    def targets() -> Iterator[tuple[Tensor, Tensor, float]]:
        for clip, weight in examples:
            speech = edge_padded(_standardised(model, clip), context)
            yield speech, torch.from_numpy(clip.shut).float(), weight
        yield edge_padded(silent, context), torch.ones(len(silent_windows)), share

    model.closure_map.zero_()
    model.closure_offset.zero_()
    for _ in range(_BOUND_STEPS):
        slope = torch.zeros_like(model.closure_map)
        offset = torch.zeros(())
        for speech, shut, weight in targets():
            residual = shut - torch.sigmoid(
                _windows_times(speech, model.closure_map, context) + model.closure_offset
            )
            slope += weight * _transposed_windows_times(speech, residual, context)
            offset += weight * residual.sum()
        slope = total(slope) - config.closure_ridge * model.closure_map
        step = torch.cholesky_solve(slope[:, None].double(), factor)[:, 0]
        model.closure_map.add_(step.float())
        model.closure_offset.add_(4 * total(offset) / (1 + config.quiet))


def _windows_times(speech: Tensor, weights: Tensor, context: int) -> Tensor:
    """Return `windows` @ weights, (V, T), without building windows.

    Args:
        speech: (V, T + 2 context, F) edge-padded.
    """
    width = 2 * context + 1
    frames = speech.shape[1] - 2 * context
    by_place = speech @ weights.unflatten(0, (width, -1)).T
    parts = [by_place[:, at : at + frames, at] for at in range(width)]
    return torch.stack(parts).sum(dim=0)


def _transposed_windows_times(speech: Tensor, residual: Tensor, context: int) -> Tensor:
    """Return `windows`^T @ residual over all frames; `residual` (V, T)."""
    width = 2 * context + 1
    frames = residual.shape[1]
    by_place = speech.new_zeros(*speech.shape[:2], width)
    for at in range(width):
        by_place[:, at : at + frames, at] = residual
    return (by_place.flatten(0, 1).T @ speech.flatten(0, 1)).flatten()
