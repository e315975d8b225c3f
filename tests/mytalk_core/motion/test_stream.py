"""Streamed motion equals the motion of the whole film."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import DiffusionConfig
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.motion.stream import (
    MotionStream,
    context_frames,
    motion_of_audio,
    utterance_voice,
)
from mytalk_core.speech.features import SAMPLES_PER_FEATURE, SpeechEncoder, WindowConfig

Lively = Callable[..., SpeechToMotion]
Array = NDArray[np.float32]
FRAMES, BLOCK = 230, 40
RATE = 16_000


@pytest.fixture(scope="module")
def model(lively_model: Lively) -> SpeechToMotion:
    return lively_model(diffusion=DiffusionConfig(steps=2, temperature=1.0))


def inputs(model: SpeechToMotion, frames: int = FRAMES) -> tuple[Array, Array]:
    """Return speech features and upper face."""
    random = np.random.default_rng(0)
    speech = random.normal(size=(frames, 512)).astype(np.float32)
    upper = random.normal(0, 0.1, (frames, 3 * len(model.scheme.pose_context))).astype(np.float32)
    return speech, upper


def face(model: SpeechToMotion) -> KnownFace:
    shape = (33, 3 * len(model.scheme.moving))
    shapes = np.random.default_rng(1).normal(0, 0.3, shape).astype(np.float32)
    return KnownFace(shapes[1:], shapes[0])


def stream_of(model: SpeechToMotion, block: int = BLOCK, guidance: float = 1.0) -> MotionStream:
    voice = utterance_voice(model, inputs(model)[0])
    return MotionStream(model, face(model), seed=3, voice=voice, guidance=guidance, block=block)


def fed(stream: MotionStream, speech: Array, upper: Array, sizes: Sequence[int]) -> Array:
    """Return the motion of speech fed in pieces of these lengths and a last piece of the rest."""
    cuts = np.cumsum(sizes).clip(0, len(speech)).astype(int)
    blocks: list[Array] = []
    for piece, face_piece in zip(np.split(speech, cuts), np.split(upper, cuts), strict=True):
        blocks += stream.feed(piece, face_piece)
    return np.concatenate([*blocks, *stream.finish()])


@pytest.fixture(scope="module")
def whole(model: SpeechToMotion) -> Array:
    return np.concatenate(list(generate_motion(model, *inputs(model), face(model), seed=3)))


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(0, 90), max_size=12))
def test_motion_does_not_depend_on_the_pieces_to_the_bit(
    model: SpeechToMotion, whole: Array, sizes: list[int]
) -> None:
    found = fed(stream_of(model), *inputs(model), sizes)
    np.testing.assert_array_equal(found, fed(stream_of(model), *inputs(model), []))
    np.testing.assert_allclose(found, whole, atol=1e-4 * whole.std())


@pytest.mark.parametrize("block", [1, 7, 229, 230, 1000])
def test_motion_does_not_depend_on_the_block_size(
    model: SpeechToMotion, whole: Array, block: int
) -> None:
    found = fed(stream_of(model, block), *inputs(model), [3, 100])
    assert found.shape == whole.shape == (FRAMES, len(model.scheme.moving), 3)
    np.testing.assert_allclose(found, whole, atol=1e-4 * whole.std())


def test_too_little_context_changes_the_motion(model: SpeechToMotion, whole: Array) -> None:
    """The tolerance of the comparisons above is small enough to detect a seam."""
    voice = utterance_voice(model, inputs(model)[0])
    stream = MotionStream(model, face(model), seed=3, voice=voice, block=BLOCK, context=4)
    assert stream.delay == BLOCK - 1 + 4
    assert np.abs(fed(stream, *inputs(model), []) - whole).max() > 0.01 * whole.std()


def test_guided_motion_can_be_streamed(model: SpeechToMotion) -> None:
    speech, upper = inputs(model)
    blocks = generate_motion(model, speech, upper, face(model), seed=3, guidance=1.5)
    expected = np.concatenate(list(blocks))
    found = fed(stream_of(model, guidance=1.5), speech, upper, [50])
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.std())


@pytest.mark.parametrize("block", [1, BLOCK])
def test_the_latency_is_context_and_block(model: SpeechToMotion, block: int) -> None:
    stream = stream_of(model, block)
    assert stream.delay == block - 1 + context_frames(model)
    speech, upper = inputs(model)
    yielded_at: list[int] = []  # by frame of motion: the last frame fed before it was yielded
    for frame in range(120):
        for part in stream.feed(speech[frame : frame + 1], upper[frame : frame + 1]):
            yielded_at += len(part) * [frame]
    latency = np.array(yielded_at) - np.arange(len(yielded_at))
    assert len(latency) >= block
    assert latency.max() == stream.delay
    assert latency.min() == context_frames(model)


def test_memory_does_not_grow_with_the_length_of_the_film(model: SpeechToMotion) -> None:
    stream = stream_of(model)
    speech, upper = inputs(model, 80)
    tracemalloc.start()
    held = []
    for _ in range(40):
        for _ in stream.feed(speech, upper):
            pass
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    kept = BLOCK + 2 * context_frames(model) + len(speech)
    row = 4 * (speech.shape[1] + upper.shape[1])
    assert max(held) < 1.2 * kept * row
    assert max(held[20:]) < 1.1 * max(held[5:20])


def test_an_empty_stream_yields_nothing(model: SpeechToMotion) -> None:
    assert list(stream_of(model).finish()) == []


class Loudness(SpeechEncoder):
    """An encoder whose features are the level of 20 ms times 512 weights, in the usual windows."""

    def __init__(self) -> None:
        self._window = WindowConfig(core_seconds=2, margin_seconds=1)
        self.weights = np.random.default_rng(2).normal(size=(1, 512))

    def _encode_window(self, audio: Array, start: int, length: int) -> NDArray[np.float16]:
        padded = np.zeros(-(-length // SAMPLES_PER_FEATURE) * SAMPLES_PER_FEATURE)
        padded[:length] = audio[start : start + length]
        loud = np.abs(padded).reshape(-1, SAMPLES_PER_FEATURE).mean(axis=1, keepdims=True)
        return (loud * self.weights).astype(np.float16)


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(0, 3 * RATE), max_size=6), rest=st.integers(1, 2 * RATE))
def test_motion_of_audio_does_not_depend_on_its_blocks(
    model: SpeechToMotion, sizes: list[int], rest: int
) -> None:
    samples = 5 * RATE + rest
    audio = np.random.default_rng(4).normal(size=samples).astype(np.float32)
    seen = inputs(model)[1]

    def upper_face(first: int, end: int) -> Array:
        return seen[first:end]

    def moved(blocks: list[Array]) -> Array:
        motion = motion_of_audio(stream_of(model), Loudness(), blocks, upper_face)
        return np.concatenate(list(motion))

    found = moved(np.split(audio, np.cumsum(sizes).clip(0, samples).astype(int)))
    assert len(found) == -(-samples * 25 // RATE)
    np.testing.assert_array_equal(found, moved([audio]))


def test_motion_of_audio_has_the_documented_latency(model: SpeechToMotion) -> None:
    """The window of the encoder plus the delay of the stream."""
    audio = np.random.default_rng(4).normal(size=20 * RATE).astype(np.float32)
    taken = 0

    def blocks() -> Iterator[Array]:
        nonlocal taken
        for first in range(0, len(audio), RATE // 10):
            taken = first + RATE // 10
            yield audio[first:taken]

    seen = np.zeros((500, 3 * len(model.scheme.pose_context)), np.float32)
    stream = stream_of(model)
    moved = 0
    latencies = []
    for part in motion_of_audio(stream, Loudness(), blocks(), lambda first, end: seen[first:end]):
        if taken < len(audio):
            latencies.append(taken / RATE - moved / 25)
        moved += len(part)
    assert moved == 500
    assert latencies
    # Core and margin of the window, the delay of the stream, a block of audio.
    assert max(latencies) <= 2 + 1 + (stream.delay + 1) / 25 + 0.1
