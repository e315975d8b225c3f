"""Motion of any length: windows with enough context that their seams do not exist."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.motion.guidance import guided
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import sample

# Frames generated at a time; memory grows with it, the result does not depend on it.
_CORE = 500
# Frames of one noise block; noise belongs to absolute frames, so that windows share it.
_NOISE_BLOCK = 250
# Shapes of the person that the identity extractor looks at.
IDENTITY_FRAMES = 32


def context_frames(model: SpeechToMotion) -> int:
    """Frames on either side beyond which nothing can change a frame's motion."""
    denoiser = model.config.denoiser
    per_pass = denoiser.layers * (denoiser.reach + denoiser.kernel // 2)
    return model.config.diffusion.steps * per_pass + model.config.speech_context


def noise_of(first: int, end: int, components: int, seed: int) -> NDArray[np.float32]:
    """Unit noise (end - first, components) of absolute frames; the same for any first and end."""
    blocks = []
    for block in range(first // _NOISE_BLOCK, -(-end // _NOISE_BLOCK)):
        random = np.random.default_rng([seed, block])
        noise = random.standard_normal((_NOISE_BLOCK, components), dtype=np.float32)
        start = block * _NOISE_BLOCK
        blocks.append(noise[max(first - start, 0) : end - start])
    return np.concatenate(blocks)


@torch.inference_mode()
def generate_motion(
    model: SpeechToMotion,
    speech: NDArray[Any],
    upper_face: NDArray[np.float32],
    identity_shapes: NDArray[np.float32],
    seed: int,
    guidance: float = 1.0,
) -> Iterator[NDArray[np.float32]]:
    """Displacements of the moving points from the person's mean, block after block.

    Args:
        speech: (T, F) features per frame at 25 Hz, float16 or float32, maybe mapped from disk.
        upper_face: (T, 3 C) from `context.upper_face`.
        identity_shapes: (N, 3 M) moving points of the person in aligned inter-ocular units.
        seed: the same seed gives the same motion, however long the film around it.
        guidance: factor on what the speech does to the motion, see `guided`; other than 1 it takes
            twice the time.

    Yields:
        (t, M, 3) inter-ocular units; T frames in all.
    """
    context = context_frames(model)
    device = model.speech_mean.device
    tokens, _ = model.identity(_batch_of_one(identity_shapes, device))
    for first in range(0, len(speech), _CORE):
        end = min(first + _CORE, len(speech))
        low, high = max(first - context, 0), min(end + context, len(speech))
        heard = model.standardise(_batch_of_one(speech[low:high], device))
        seen = _batch_of_one(upper_face[low:high], device)
        noise = torch.from_numpy(noise_of(low, high, model.config.space.components, seed))

        def denoise(
            noisy: torch.Tensor,
            time: torch.Tensor,
            seen: torch.Tensor = seen,
            heard: torch.Tensor = heard,
        ) -> torch.Tensor:
            return guided(model, noisy, time, seen, heard, tokens, guidance)

        components = sample(denoise, noise[None].to(device), model.config.diffusion)
        moved = model.space.decode(components[0, first - low : end - low])
        yield moved.unflatten(1, (-1, 3)).cpu().numpy()


def _batch_of_one(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """A copy as float32 with a batch dimension; `array` may be of half precision, or on disk."""
    return torch.from_numpy(np.array(array, np.float32))[None].to(device)


def identity_shapes(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """A fixed number of frames, evenly chosen, from (T, 3 M) moving points of a person."""
    chosen = np.linspace(0, len(shapes) - 1, IDENTITY_FRAMES).round().astype(int)
    return np.ascontiguousarray(shapes[chosen])
