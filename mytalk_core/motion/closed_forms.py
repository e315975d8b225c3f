"""The parts of stage 1 fitted without gradients.

These are the speech statistics, the motion basis and two linear regressions on speech.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.faces.shape import aperture_positions
from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.labelled_speech import LabelledSpeech
from mytalk_core.motion.model import SpeechToMotion, edge_padded, windows

Reduce = Callable[[Tensor], Tensor]
"""Sum a tensor over all processes."""

# Leaves a gradient of some thousandths.
_BOUND_STEPS = 40


@dataclass(frozen=True)
class ReadingConfig:
    """Penalties of the two linear regressions on speech."""

    # Ridge of the regression of motion: of the mouth opening, and of all else, which speech
    # predicts less well.
    opening_ridge: float = 0.8
    motion_ridge: float = 3.0
    # Ridge of the regression of closure.
    closure_ridge: float = 0.1
    # Weights in the regression of closure, where the clips weigh 1: of silence and non-speech
    # sounds, and of speech with known phones.
    quiet: float = 0.1
    spoken: float = 1.0


@dataclass(frozen=True)
class Sounds:
    """Sounds without pictures from which closure is learned."""

    quiet: NDArray[np.float32]  # (S, F) features of non-speech sounds, the same in every process
    spoken: Sequence[LabelledSpeech] = ()  # those of this process


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
    sounds: Sounds,
    config: ReadingConfig,
    total: Reduce,
) -> None:
    """Fit statistics, basis and regressions of the model, to equal values in every process.

    Args:
        clips, weights: the clips of this process and the weight of each.
        sounds: further examples of closure.
        total: sum over processes.
    """
    frames = np.array([len(clip.displacement) for clip in clips])
    voices = np.array([len(clip.speech) for clip in clips])
    count = total(torch.tensor(float((weights * frames).sum())))
    # A clip counts by its frames, not by its number of voices.
    scale = [float(w) for w in weights / (count.item() * voices)]
    examples = _Examples(clips, scale, total)
    _fit_statistics(model, examples)
    # The voice of an utterance, which motion is read without, depends on closure.
    _fit_closure(model, examples, sounds, config)
    _fit_motion(model, examples, config)


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


def _fit_motion(model: SpeechToMotion, examples: _Examples, config: ReadingConfig) -> None:
    """Fit the ridge regression of motion on windows of speech less its voice.

    The components are a sum of the opening of the mouth and the rest, each with its own penalty.
    """
    size = len(model.speech_map)
    normal = torch.zeros(size, size)
    target = torch.zeros(size, model.config.space.components)
    for clip, weight in examples:
        speech = _standardised(model, clip)
        x = windows(speech - model.voice(speech)[:, None], model.config.speech_context)
        y = weight * model.space.encode(torch.from_numpy(clip.displacement))
        normal.addmm_(x.flatten(0, 1).T, x.flatten(0, 1), alpha=weight)
        target.addmm_(x.sum(dim=0).T, y)
    normal, target = examples.total(normal).double(), examples.total(target).double()
    opening = _opening_direction(model).double()
    along = torch.outer(opening, opening)

    def solved(ridge: float, wanted: Tensor) -> Tensor:
        penalised = normal.clone()
        penalised.diagonal().add_(ridge)
        return torch.cholesky_solve(wanted, torch.linalg.cholesky(penalised))

    opens = solved(config.opening_ridge, target @ along)
    rest = solved(config.motion_ridge, target - target @ along)
    model.speech_map.copy_((opens + rest).float())


def _opening_direction(model: SpeechToMotion) -> Tensor:
    """Return the unit vector (K,) on which components have an effect on the mouth opening."""
    upper, lower = (list(side) for side in aperture_positions(model.scheme))
    opening = torch.zeros(model.space.basis.shape[1] // 3, 3)
    opening[lower, 1] = 1.0
    opening[upper, 1] = -1.0
    effect = model.space.std * (model.space.basis @ opening.flatten())
    direction: Tensor = effect / effect.norm()
    return direction


@dataclass(frozen=True)
class _Targets:
    """Speech in V voices, with frames in which the mouth is shut."""

    speech: Tensor  # (V, T, F) standardised
    shut: Tensor  # (T,) share of the frame
    weights: Tensor  # (T,) of a frame in one voice


def _fit_closure(
    model: SpeechToMotion, examples: _Examples, sounds: Sounds, config: ReadingConfig
) -> None:
    """Fit the ridge-penalised logistic regression of shut mouths on windows of speech.

    Steps under a fixed upper bound of the curvature, a quarter of the second moments (Boehning and
    Lindsay 1988), separately for map and offset. Each takes a pass over the examples and two
    triangular solves.
    """
    context, total = model.config.speech_context, examples.total
    silent = model.standardise(torch.from_numpy(sounds.quiet))[None]
    # Every process has all of `quiet`; divided by their number, sums over processes count it once.
    silent_weight = config.quiet / (silent.shape[1] * total(torch.ones(())).item())
    known = float(sum(each.known.sum() for each in sounds.spoken))
    spoken_weight = config.spoken / max(total(torch.tensor(known)).item(), 1.0)

    def targets() -> Iterator[_Targets]:
        for clip, weight in examples:
            shut = torch.from_numpy(clip.shut).float()
            yield _Targets(_standardised(model, clip), shut, weight * torch.ones_like(shut))
        for each in sounds.spoken:
            speech = model.standardise(torch.from_numpy(each.speech).float())[None]
            weights = spoken_weight * torch.from_numpy(each.known).float()
            yield _Targets(speech, torch.from_numpy(each.shut), weights)
        ones = torch.ones(silent.shape[1])
        yield _Targets(silent, ones, silent_weight * ones)

    factor = torch.linalg.cholesky(_curvature(model, targets, total, config.closure_ridge))
    model.closure_map.zero_()
    model.closure_offset.zero_()
    weight = total(torch.stack([part.weights.sum() * len(part.speech) for part in targets()]).sum())
    for _ in range(_BOUND_STEPS):
        slope = torch.zeros_like(model.closure_map)
        offset = torch.zeros(())
        for part in targets():
            residual = part.weights * (part.shut - model.shut_probability(part.speech))
            padded = edge_padded(part.speech, context)
            slope += _transposed_windows_times(padded, residual, context)
            offset += residual.sum()
        slope = total(slope) - config.closure_ridge * model.closure_map
        step = torch.cholesky_solve(slope[:, None].double(), factor)[:, 0]
        model.closure_map.add_(step.float())
        model.closure_offset.add_(4 * total(offset) / weight)


def _curvature(
    model: SpeechToMotion, targets: Callable[[], Iterator[_Targets]], total: Reduce, ridge: float
) -> Tensor:
    """Return an upper bound of the curvature of the logistic regression of closure."""
    size = len(model.closure_map)
    normal = torch.zeros(size, size)
    for part in targets():
        x = windows(part.speech, model.config.speech_context) * part.weights.sqrt()[:, None]
        rows = x.flatten(0, 1)
        normal.addmm_(rows.T, rows)
    curvature = total(normal).double() / 4
    curvature.diagonal().add_(ridge)
    return curvature


def _transposed_windows_times(speech: Tensor, residual: Tensor, context: int) -> Tensor:
    """Return `windows`^T @ residual over all frames; `residual` (V, T)."""
    width = 2 * context + 1
    frames = residual.shape[1]
    by_place = speech.new_zeros(*speech.shape[:2], width)
    for at in range(width):
        by_place[:, at : at + frames, at] = residual
    return (by_place.flatten(0, 1).T @ speech.flatten(0, 1)).flatten()
