"""Adaptation of the linear estimate to one person's footage, in closed form."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.motion.model import SpeechToMotion, windows


@dataclass(frozen=True)
class StyleConfig:
    """Strength and size of the adaptation."""

    # Ridge on the correction in frames: this many frames of the person weigh about as much as the
    # model's prior. Chosen on speakers of the training split that were left out of the fit.
    caution: float = 7_000.0
    # Largest number of frames used, at even distances: two minutes. Time grows with its cube.
    most_frames: int = 3000


@dataclass(frozen=True)
class StyleClip:
    """Speech and lips of a person in one stretch of footage."""

    speech: NDArray[Any]  # (T, F) features per frame at 25 Hz
    displacement: NDArray[np.float32]  # (T, 3 M) of the moving points from their mean
    closed: NDArray[np.float32]  # (3 M,) displacement of the shut mouth


@torch.inference_mode()
def with_style(
    model: SpeechToMotion, clips: Sequence[StyleClip], config: StyleConfig | None = None
) -> SpeechToMotion:
    """Return a copy of `model` whose linear estimate is adapted to the person of `clips`.

    Several people need one network in memory, because copies share all tensors but `speech_map`.
    The correction is the ridge regression of the residual of the estimate, solved in the dual form
    (Saunders, Gammerman, Vovk 1998), whose size is the number of frames, not of features. Without
    clips nothing is corrected.
    """
    if not clips:
        return _copy(model)
    config = config or StyleConfig()
    device = model.speech_map.device
    inputs, residuals = [], []
    for clip in clips:
        speech = torch.from_numpy(np.asarray(clip.speech, np.float32))[None].to(device)
        standard = model.standardise(speech)
        voice = model.voice(standard)
        x = windows(standard - voice[:, None], model.config.speech_context)[0]
        moved = model.space.encode(torch.from_numpy(clip.displacement).to(device))
        closed = model.space.encode(torch.from_numpy(clip.closed).to(device))
        moving, shut = (part[0] for part in model.reading(standard, voice))
        # The map contributes the share of the estimate that is not the shut mouth.
        open_share = (1 - shut)[:, None]
        inputs.append(open_share * x)
        residuals.append(moved - open_share * moving - shut[:, None] * closed)
    x, y = torch.cat(inputs), torch.cat(residuals)
    if len(x) > config.most_frames:
        chosen = torch.linspace(0, len(x) - 1, config.most_frames, device=device).round().long()
        x, y = x[chosen], y[chosen]
    gram = (x @ x.T).double()
    gram.diagonal().add_(config.caution)
    correction = x.T @ torch.linalg.solve(gram, y.double()).float()
    styled = _copy(model)
    styled.speech_map = model.speech_map + correction
    return styled


def with_speech_map(model: SpeechToMotion, speech_map: NDArray[np.float32]) -> SpeechToMotion:
    """Return a copy of `model` with a stored `speech_map` of `with_style`.

    The copy shares all other tensors with `model`.
    """
    styled = _copy(model)
    styled.speech_map = torch.from_numpy(speech_map).to(model.speech_map.device)
    return styled


def _copy(model: SpeechToMotion) -> SpeechToMotion:
    """Copy a model without copying its tensors."""
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    return copy.deepcopy(model, shared)
