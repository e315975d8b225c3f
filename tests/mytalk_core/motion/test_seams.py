"""Blocks of a stream leave no seams, on recorded speech with the shipped weights."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.media.audio import read_audio
from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.stream import MotionStream, context_frames
from mytalk_core.speech.per_frame import speech_per_frame
from tests.title_runs import Networks

Array = NDArray[np.float32]
BLOCK = 6


@pytest.fixture(scope="module")
def model(networks: Networks) -> SpeechToMotion:
    return networks.tools.motion


@pytest.fixture(scope="module")
def speech(sample_clips: dict[str, SampleClip], networks: Networks) -> Array:
    """Twelve seconds of recorded speech."""
    audio = np.concatenate([read_audio(clip.path) for clip in sample_clips.values()])
    return speech_per_frame(networks.tools.speech_encoder.encode(audio), len(audio) * 25 // 16_000)


def streamed(
    model: SpeechToMotion, speech: Array, block: int = BLOCK, context: int | None = None
) -> Array:
    """Return motion (T, 3 M) generated in blocks of `block` frames."""
    still = np.zeros((32, 3 * len(model.scheme.moving)), np.float32)
    person = KnownFace(still, still[0])
    upper = np.zeros((len(speech), 3 * len(model.scheme.pose_context)), np.float32)
    made = MotionStream(model, person, seed=0, block=block, context=context)
    return np.concatenate([*made.feed(speech, upper), *made.finish()]).reshape(len(speech), -1)


def at_seams(motion: Array, order: int) -> tuple[float, tuple[float, float]]:
    """Return the ratio of speed (order 1) or acceleration (2) across seams to that elsewhere.

    The second value is the 99 % interval of the ratio for random places instead of seams.
    """
    size = np.linalg.norm(np.diff(motion, order, axis=0), axis=1)
    # Differences of frames on both sides of a seam.
    crossing = np.arange(len(size))[:, None] + np.arange(1, order + 1)
    seam = (crossing % BLOCK == 0).any(axis=1)
    random = np.random.default_rng(0)

    def ratio(chosen: NDArray[np.bool_]) -> float:
        return float(size[chosen].mean() / size[~chosen].mean())

    by_chance = [ratio(random.permutation(seam)) for _ in range(1000)]
    low, high = np.quantile(by_chance, [0.005, 0.995])
    return ratio(seam), (float(low), float(high))


def test_speed_and_acceleration_across_seams_are_as_elsewhere(
    model: SpeechToMotion, speech: Array
) -> None:
    motion = streamed(model, speech)
    whole = streamed(model, speech, block=len(speech))  # without a seam
    for order in (1, 2):
        found, (low, high) = at_seams(motion, order)
        assert low < found < high
        assert high < 1.4
        assert found == pytest.approx(at_seams(whole, order)[0], rel=1e-3)


def test_blocks_without_context_leave_measurable_seams(
    model: SpeechToMotion, speech: Array
) -> None:
    motion = streamed(model, speech, context=0)
    for order in (1, 2):
        found, (_, high) = at_seams(motion, order)
        assert found > 1.2 * high


def test_a_context_of_35_frames_is_a_close_approximation(
    model: SpeechToMotion, speech: Array
) -> None:
    """It reduces the latency from five seconds to one and a half."""
    exact = streamed(model, speech, block=25)
    speed = np.abs(np.diff(exact, axis=0)).mean()
    assert context_frames(model) > 100

    def error(context: int) -> float:
        return float(np.abs(streamed(model, speech, block=25, context=context) - exact).max())

    assert error(35) < 1e-2 * speed
    assert error(6) > 10 * error(35)
