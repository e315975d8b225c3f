"""Motion as speech comes: windows with enough context that their seams do not exist."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.motion.frame_noise import noise_of
from mytalk_core.motion.guidance import guided
from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import sample
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_frames


def context_frames(model: SpeechToMotion) -> int:
    """Frames on either side beyond which nothing can change a frame's motion."""
    denoiser = model.config.denoiser
    per_pass = denoiser.layers * (denoiser.reach + denoiser.kernel // 2)
    return model.config.diffusion.steps * per_pass + model.config.speech_context


class MotionStream:
    """Takes speech and upper face in pieces of any lengths, and gives motion in fixed blocks.

    A block is made once all frames that can change it are here, so the motion is that of the whole,
    bit for bit the same however it came. A frame waits for `delay` more at most: with the shipped
    weights and blocks of 25 frames, 155, or six seconds. At any time no more frames are held than a
    block with the context on both its sides, and what was fed last.
    """

    def __init__(
        self,
        model: SpeechToMotion,
        face: KnownFace,
        seed: int,
        guidance: float = 1.0,
        block: int = 25,
        context: int | None = None,
    ) -> None:
        """Frame 0 is the first that is fed.

        Args:
            face: of the person.
            seed: the same seed gives the same motion, however long the film around it.
            guidance: factor on what the speech does to the motion, see `guided`; other than 1 it
                takes twice the time.
            block: frames made at a time. Fewer come sooner, and take more time each, because the
                context of every block is gone through again.
            context: frames on either side that a block is made with; without, as many as can have
                a say in it. Fewer come sooner, and the motion is no longer exactly the whole's:
                frames that far away may say something, but trained networks hardly listen. With
                the shipped weights and 35 (1.4 s), no point is off by more than about 1e-5.
        """
        self._model = model
        self._device = model.speech_mean.device
        self._seed = seed
        self._guidance = guidance
        self._block = block
        self._context = context_frames(model) if context is None else context
        with torch.inference_mode():
            self._tokens, _ = model.identity(self._batch_of_one(face.shapes))
            self._closed = model.space.encode(self._batch_of_one(face.closed))
        self._made = 0  # frames given so far
        self._low = 0  # the first frame that is still held
        self._speech: NDArray[np.float32] | None = None
        self._upper_face: NDArray[np.float32] | None = None

    @property
    def delay(self) -> int:
        """Frames that must follow a frame before its motion is given, at most."""
        return self._block - 1 + self._context

    def feed(
        self, speech: NDArray[Any], upper_face: NDArray[np.float32]
    ) -> Iterator[NDArray[np.float32]]:
        """Take the next frames and yield what motion they complete.

        Args:
            speech: (t, F) features per frame at 25 Hz, float16 or float32; any t, also 0.
            upper_face: (t, 3 C) from `context.upper_face`, of the same frames.

        Yields:
            (block, M, 3) displacements of the moving points from the person's mean, inter-ocular
            units.
        """
        if self._speech is None or self._upper_face is None:
            self._speech = np.array(speech, np.float32)
            self._upper_face = np.array(upper_face, np.float32)
        else:
            self._speech = np.concatenate([self._speech, speech], dtype=np.float32)
            self._upper_face = np.concatenate([self._upper_face, upper_face], dtype=np.float32)
        while self._held_until() >= self._made + self._block + self._context:
            yield self._next_block(self._made + self._block)

    def finish(self) -> Iterator[NDArray[np.float32]]:
        """Say that nothing follows, and yield the rest of the motion as `feed` does."""
        while (end := self._held_until()) > self._made:
            yield self._next_block(min(self._made + self._block, end))

    def _held_until(self) -> int:
        return self._low + (0 if self._speech is None else len(self._speech))

    @torch.inference_mode()
    def _next_block(self, end: int) -> NDArray[np.float32]:
        """The motion up to `end`; what no later frame needs is let go of."""
        assert self._speech is not None and self._upper_face is not None
        high = min(end + self._context, self._held_until()) - self._low
        heard = self._model.standardise(self._batch_of_one(self._speech[:high]))
        seen = self._batch_of_one(self._upper_face[:high])
        components = self._model.config.space.components
        noise = noise_of(self._low, self._low + high, components, self._seed)

        def denoise(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return guided(
                self._model, noisy, time, seen, heard, self._tokens, self._closed, self._guidance
            )

        clean = sample(denoise, self._batch_of_one(noise), self._model.config.diffusion)
        moved = self._model.space.decode(clean[0, self._made - self._low : end - self._low])
        self._made = end
        dropped = max(end - self._context - self._low, 0)
        self._low += dropped
        self._speech, self._upper_face = self._speech[dropped:], self._upper_face[dropped:]
        points: NDArray[np.float32] = moved.unflatten(1, (-1, 3)).cpu().numpy()
        return points

    def _batch_of_one(self, array: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None].to(self._device)


def motion_of_audio(
    stream: MotionStream,
    encoder: SpeechEncoder,
    audio: Iterable[NDArray[np.float32]],
    upper_face: Callable[[int, int], NDArray[np.float32]],
) -> Iterator[NDArray[np.float32]]:
    """Motion as audio comes: the motion of the whole, however the audio was cut.

    A sound waits for the encoder's window, core and margin (nine seconds at most), then for
    `MotionStream.delay`.

    Args:
        stream: new.
        audio: blocks of any lengths, 16 kHz mono, -1..1.
        upper_face: gives the (end - first, 3 C) rows of motion frames [first, end).

    Yields:
        (t, M, 3) as `MotionStream.feed`; ceil(25 x seconds of audio) frames in all.
    """
    fed = 0
    for speech in speech_frames(encoder.encode_blocks(audio)):
        yield from stream.feed(speech, upper_face(fed, fed + len(speech)))
        fed += len(speech)
    yield from stream.finish()
