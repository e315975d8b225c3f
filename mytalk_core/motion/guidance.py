"""Classifier-free guidance: motion is driven away from what it would be without the speech."""

from typing import Protocol

import torch
from torch import Tensor


class Conditional(Protocol):
    """A network of what `SpeechToMotion.forward` takes."""

    def __call__(
        self,
        noisy: Tensor,
        time: Tensor,
        upper_face: Tensor,
        speech: Tensor,
        identity: Tensor,
        closed: Tensor,
    ) -> Tensor:
        """Clean components (B, T, K)."""


def unheard(speech: Tensor) -> Tensor:
    """What stands for no speech at all: zeros, the mean of standardised training speech.

    The reading of motion has no offset and makes nothing of it; that of closure says how often
    mouths are shut.
    """
    return torch.zeros_like(speech)


def guided(
    denoise: Conditional,
    noisy: Tensor,
    time: Tensor,
    upper_face: Tensor,
    speech: Tensor,
    identity: Tensor,
    closed: Tensor,
    strength: float,
) -> Tensor:
    """Clean components (B, T, K) with the speech's share in them multiplied by `strength`.

    Ho and Salimans 2022, "Classifier-free diffusion guidance", equation 6, in x_0: unconditional +
    strength (conditional - unconditional), both in one pass of twice the batch. At strength 1 the
    network's own answer, in a single pass.

    Args:
        noisy, time, upper_face, speech, identity, closed: as of `SpeechToMotion.forward`.
    """
    if strength == 1:
        return denoise(noisy, time, upper_face, speech, identity, closed)
    conditional, unconditional = denoise(
        noisy.repeat(2, 1, 1),
        time.repeat(2),
        upper_face.repeat(2, 1, 1),
        torch.cat([speech, unheard(speech)]),
        identity.repeat(2, 1, 1),
        closed.repeat(2, 1),
    ).chunk(2)
    return unconditional + strength * (conditional - unconditional)
