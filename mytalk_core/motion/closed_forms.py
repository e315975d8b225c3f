"""What of stage 1 needs no gradient: speech statistics, motion basis, two linear readings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.model import SpeechToMotion, edged, windows

Reduce = Callable[[Tensor], Tensor]
"""Sums a tensor over all processes."""

# The optimum is reached within these steps but for a slope of some thousandths.
_BOUND_STEPS = 40


@dataclass(frozen=True)
class ReadingConfig:
    """Penalties of the two linear readings and the weight of quiet, relative to all speech."""

    # Ridge of the reading of motion.
    motion_ridge: float = 0.8
    # The same of the reading of closure; chosen on training speakers left out of the fit.
    closure_ridge: float = 0.03
    # What silence and other sounds than speech weigh in it, relative to all speech.
    quiet: float = 0.1


def fit_closed_form(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    weights: NDArray[np.float64],
    quiet: NDArray[np.float32],
    config: ReadingConfig,
    total: Reduce,
) -> None:
    """Set what needs no gradient, the same in every process.

    Args:
        clips, weights: this process's clips and how much each counts.
        quiet: (S, F) features of sound that nobody speaks, the same in every process.
        total: sums over processes, so that all end with the same model.
    """
    frames = np.array([len(clip.displacement) for clip in clips])
    voices = np.array([len(clip.speech) for clip in clips])
    count = total(torch.tensor(float((weights * frames).sum())))
    # A clip counts the same in however many voices it is heard, and by its frames.
    scale = [float(w) for w in weights / (count.item() * voices)]
    _fit_statistics(model, clips, scale, total)
    normal = _fit_motion(model, clips, scale, config.motion_ridge, total)
    _fit_closure(model, clips, scale, quiet, normal, config, total)


def _fit_statistics(
    model: SpeechToMotion, clips: Sequence[MotionClip], scale: Sequence[float], total: Reduce
) -> None:
    """Mean and deviation of the speech features, and the basis of the motion."""
    first, second = torch.zeros(2, model.speech_mean.shape[0], dtype=torch.float64)
    covariance = torch.zeros(2 * [model.space.basis.shape[1]])
    for clip, each in zip(clips, scale, strict=True):
        speech = torch.from_numpy(clip.speech).double()
        first += each * speech.sum(dim=(0, 1))
        second += each * speech.square().sum(dim=(0, 1))
        moved = torch.from_numpy(clip.displacement)
        covariance += each * len(speech) * moved.T @ moved
    mean = total(first)
    model.speech_mean.copy_(mean)
    model.speech_std.copy_((total(second) - mean.square()).clamp(min=0).sqrt().clamp(min=1e-3))
    model.space.fit(total(covariance).numpy().astype(np.float64))


def _heard(model: SpeechToMotion, clip: MotionClip) -> Tensor:
    """Windows of standardised speech, (voices, T, (2 context + 1) F)."""
    return windows(
        model.standardise(torch.from_numpy(clip.speech).float()), model.config.speech_context
    )


def _fit_motion(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    scale: Sequence[float],
    ridge: float,
    total: Reduce,
) -> Tensor:
    """Ridge regression of motion on windows of speech; returns the second moments of these."""
    size = len(model.speech_map)
    normal = torch.zeros(size, size)
    target = torch.zeros(size, model.config.space.components)
    for clip, each in zip(clips, scale, strict=True):
        x = _heard(model, clip)
        y = each * model.space.encode(torch.from_numpy(clip.displacement))
        normal.addmm_(x.flatten(0, 1).T, x.flatten(0, 1), alpha=each)
        target.addmm_(x.sum(dim=0).T, y)
    normal, target = total(normal), total(target).double()
    penalised = normal.double()
    penalised.diagonal().add_(ridge)
    model.speech_map.copy_(torch.linalg.solve(penalised, target).float())
    return normal


def _fit_closure(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    scale: Sequence[float],
    quiet: NDArray[np.float32],
    normal: Tensor,
    config: ReadingConfig,
    total: Reduce,
) -> None:
    """Ridge-penalised logistic regression of shut mouths on windows of speech.

    By steps under a fixed bound of the curvature, a quarter of the second moments (Boehning and
    Lindsay 1988), of map and offset apart: each takes a pass over the clips and two triangular
    solves.
    """
    context = model.config.speech_context
    silent = model.standardise(torch.from_numpy(quiet))[None]
    heard = windows(silent, context)[0]
    # As if one process in as many had it: sums over processes count it once.
    processes = total(torch.ones(())).item()
    share = config.quiet / (len(heard) * processes)
    # In double: sound unlike any speech is far from its mean, and the ridge is small beside that.
    far = heard.double()
    curvature = (normal.double() + total(share * far.T @ far)) / 4
    curvature.diagonal().add_(config.closure_ridge)
    factor = torch.linalg.cholesky(curvature)

    def examples() -> Iterator[tuple[Tensor, Tensor, float]]:
        for clip, each in zip(clips, scale, strict=True):
            speech = model.standardise(torch.from_numpy(clip.speech).float())
            yield edged(speech, context), torch.from_numpy(clip.shut).float(), each
        yield edged(silent, context), torch.ones(len(heard)), share

    model.closure_map.zero_()
    model.closure_offset.zero_()
    for _ in range(_BOUND_STEPS):
        slope = torch.zeros_like(model.closure_map)
        offset = torch.zeros(())
        for speech, shut, each in examples():
            missed = shut - torch.sigmoid(
                _over_windows(speech, model.closure_map, context) + model.closure_offset
            )
            slope += each * _under_windows(speech, missed, context)
            offset += each * missed.sum()
        slope = total(slope) - config.closure_ridge * model.closure_map
        step = torch.cholesky_solve(slope[:, None].double(), factor)[:, 0]
        model.closure_map.add_(step.float())
        model.closure_offset.add_(4 * total(offset) / (1 + config.quiet))


def _over_windows(speech: Tensor, weights: Tensor, context: int) -> Tensor:
    """`windows` @ weights, (V, T), without making windows; `speech` (V, T + 2 context, F)."""
    width = 2 * context + 1
    frames = speech.shape[1] - 2 * context
    by_place = speech @ weights.unflatten(0, (width, -1)).T
    parts = [by_place[:, at : at + frames, at] for at in range(width)]
    return torch.stack(parts).sum(dim=0)


def _under_windows(speech: Tensor, missed: Tensor, context: int) -> Tensor:
    """`windows`^T @ missed over all frames, likewise; `missed` (V, T)."""
    width = 2 * context + 1
    frames = missed.shape[1]
    by_place = speech.new_zeros(*speech.shape[:2], width)
    for at in range(width):
        by_place[:, at : at + frames, at] = missed
    return (by_place.flatten(0, 1).T @ speech.flatten(0, 1)).flatten()
