"""Streaming generation of motion in blocks with full context, so that blocks leave no seams."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.motion.frame_noise import frame_noise
from mytalk_core.motion.guidance import guided
from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import Conditions, SpeechToMotion
from mytalk_core.motion.sampler import sample
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_frames


def context_frames(model: SpeechToMotion) -> int:
    """Return the receptive field of a frame of motion, in frames per side."""
    denoiser = model.config.denoiser
    per_pass = denoiser.layers * (denoiser.reach + denoiser.kernel // 2)
    return model.config.diffusion.steps * per_pass + model.config.speech_context


@torch.inference_mode()
def utterance_voice(model: SpeechToMotion, speech: NDArray[Any]) -> NDArray[np.float32]:
    """Return the voice (F,) of an utterance of at least one frame, for a `MotionStream`.

    Args:
        speech: (T, F) features per frame at 25 Hz, float16 or float32.
    """
    features = torch.from_numpy(np.array(speech, np.float32))[None].to(model.speech_mean.device)
    voice: NDArray[np.float32] = model.voice(model.standardise(features))[0].cpu().numpy()
    return voice


class MotionStream:
    """Generate motion in fixed blocks from speech and upper face fed in pieces of any length.

    A block is generated once its whole context is available, so the motion does not depend on how
    it was fed, to the bit. The latency is `delay` frames at most: with the shipped weights and
    blocks of 25 frames 155, or six seconds. Memory is bounded by a block with the context on both
    sides and the piece that was fed last.
    """

    def __init__(
        self,
        model: SpeechToMotion,
        face: KnownFace,
        seed: int,
        voice: NDArray[np.float32] | None = None,
        guidance: float = 1.0,
        block: int = 25,
        context: int | None = None,
    ) -> None:
        """Start a stream at frame 0.

        Args:
            seed: seed of the initial noise of all frames.
            voice: (F,) from `utterance_voice` of this or earlier speech of the same voice; None:
                not known, the mean of the training speech.
            guidance: strength of `guided`; other than 1 it doubles the time.
            block: frames generated at a time. Smaller blocks reduce latency and cost more per
                frame, because every block recomputes its context.
            context: frames on either side of a block; None: the receptive field. Less reduces
                latency and makes the motion approximate. With the shipped weights and 35 (1.4 s)
                no point is off by more than about 1e-5 inter-ocular units.
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
        if voice is None:
            voice = np.zeros(model.speech_mean.shape, np.float32)
        self._voice = self._batch_of_one(voice)
        self._made = 0  # frames generated so far
        self._low = 0  # the first frame in the buffers
        self._speech: NDArray[np.float32] | None = None
        self._upper_face: NDArray[np.float32] | None = None

    @property
    def delay(self) -> int:
        """Largest number of frames that must follow a frame before its motion is yielded."""
        return self._block - 1 + self._context

    def feed(
        self, speech: NDArray[Any], upper_face: NDArray[np.float32]
    ) -> Iterator[NDArray[np.float32]]:
        """Feed the next frames and yield the blocks of motion that they complete.

        Args:
            speech: (t, F) features per frame at 25 Hz, float16 or float32; t >= 0.
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
        while self._fed() >= self._made + self._block + self._context:
            yield self._next_block(self._made + self._block)

    def finish(self) -> Iterator[NDArray[np.float32]]:
        """End the stream and yield the remaining motion as `feed` does."""
        while (end := self._fed()) > self._made:
            yield self._next_block(min(self._made + self._block, end))

    def _fed(self) -> int:
        """Return the number of frames fed so far."""
        return self._low + (0 if self._speech is None else len(self._speech))

    @torch.inference_mode()
    def _next_block(self, end: int) -> NDArray[np.float32]:
        """Generate the motion up to `end` and drop the frames that no later block needs."""
        assert self._speech is not None and self._upper_face is not None
        high = min(end + self._context, self._fed()) - self._low
        conditions = Conditions(
            self._batch_of_one(self._upper_face[:high]),
            self._model.standardise(self._batch_of_one(self._speech[:high])),
            self._voice,
            self._tokens,
            self._closed,
        )
        components = self._model.config.space.components
        noise = frame_noise(self._low, self._low + high, components, self._seed)

        def denoise(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return guided(self._model, noisy, time, conditions, self._guidance)

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
    """Generate motion from a stream of audio, independent of how the audio was cut.

    The latency is that of the encoder's window (core and margin, nine seconds at most) plus
    `MotionStream.delay`.

    Args:
        stream: a new stream.
        audio: blocks of any length, 16 kHz mono, -1..1.
        upper_face: returns the (end - first, 3 C) rows of motion frames [first, end).

    Yields:
        (t, M, 3) as `MotionStream.feed`; ceil(25 x seconds of audio) frames in all.
    """
    fed = 0
    for speech in speech_frames(encoder.encode_blocks(audio)):
        yield from stream.feed(speech, upper_face(fed, fed + len(speech)))
        fed += len(speech)
    yield from stream.finish()
