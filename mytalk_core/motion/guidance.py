"""Classifier-free guidance on speech."""

from collections.abc import Callable

import torch
from torch import Tensor

from mytalk_core.motion.model import Conditions

Denoise = Callable[[Tensor, Tensor, Conditions], Tensor]
"""From noisy components (B, T, K), time (B,) and conditions to clean components, (B, T, K)."""


def without_speech(speech: Tensor) -> Tensor:
    """Return the unconditional input in place of speech or its voice: zeros, as the training mean.

    The linear estimate of motion has no offset and is zero there; that of closure is the mean
    probability of a shut mouth.
    """
    return torch.zeros_like(speech)


def guided(
    denoise: Denoise, noisy: Tensor, time: Tensor, conditions: Conditions, strength: float
) -> Tensor:
    """Return clean components (B, T, K) with the effect of speech multiplied by `strength`.

    Ho and Salimans 2022, "Classifier-free diffusion guidance", equation 6, in x_0: unconditional +
    strength (conditional - unconditional), both in one pass of twice the batch. Strength 1 is the
    plain prediction, without a second half of the batch.
    """
    if strength == 1:
        return denoise(noisy, time, conditions)
    speech = conditions.speech
    both = Conditions(
        conditions.upper_face.repeat(2, 1, 1),
        torch.cat([speech, without_speech(speech)]),
        torch.cat([conditions.voice, without_speech(conditions.voice)]),
        conditions.identity.repeat(2, 1, 1),
        conditions.closed.repeat(2, 1),
    )
    predicted = denoise(noisy.repeat(2, 1, 1), time.repeat(2), both)
    conditional, unconditional = predicted.chunk(2)
    return unconditional + strength * (conditional - unconditional)
