"""Speech features are independent of how the audio is split into blocks."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.media.audio import read_audio
from mytalk_core.speech.features import (
    FEATURE_SIZE,
    SAMPLES_PER_FEATURE,
    SpeechEncoder,
    WindowConfig,
)

RATE = 16_000


class WindowLog(SpeechEncoder):
    """Returns, in place of features, the number of the first sample of each row 512 times."""

    def __init__(self, window: WindowConfig) -> None:
        self._window = window
        self.windows: list[tuple[int, int, int]] = []

    def _encode_window(
        self, audio: NDArray[np.float32], start: int, length: int
    ) -> NDArray[np.float16]:
        self.windows.append((int(audio[0]), start, length))
        rows = audio[start : start + length : SAMPLES_PER_FEATURE] / SAMPLES_PER_FEATURE
        return np.repeat(rows[:, None], FEATURE_SIZE, axis=1).astype(np.float16)


def numbered(seconds: float) -> NDArray[np.float32]:
    return np.arange(round(seconds * RATE), dtype=np.float32)


def in_blocks(audio: NDArray[np.float32], sizes: list[int]) -> list[NDArray[np.float32]]:
    return np.split(audio, np.cumsum(sizes).clip(0, len(audio)))


@given(
    st.floats(0, 20), st.lists(st.integers(0, 6 * RATE), max_size=12), st.sampled_from([1, 2, 5])
)
def test_windows_do_not_depend_on_blocks(seconds: float, sizes: list[int], core: int) -> None:
    window = WindowConfig(core_seconds=core, margin_seconds=1)
    whole, cut = WindowLog(window), WindowLog(window)
    rows = whole.encode(numbered(seconds))
    pieces = list(cut.encode_blocks(in_blocks(numbered(seconds), sizes)))
    assert cut.windows == whole.windows
    if pieces:
        np.testing.assert_array_equal(np.concatenate(pieces), rows)


@given(st.integers(0, 20 * RATE), st.sampled_from([1, 2, 8]))
def test_there_is_one_row_per_20_ms(samples: int, core: int) -> None:
    encoder = WindowLog(WindowConfig(core_seconds=core, margin_seconds=1))
    rows = encoder.encode(numbered(samples / RATE))
    assert rows.shape == (-(-samples // SAMPLES_PER_FEATURE), FEATURE_SIZE)
    np.testing.assert_array_equal(rows[:, 0], np.arange(len(rows)))


def test_cores_have_context_on_both_sides() -> None:
    encoder = WindowLog(WindowConfig(core_seconds=2, margin_seconds=1))
    encoder.encode(numbered(7.5))
    first, *others = encoder.windows
    assert first == (0, 0, 2 * RATE)
    assert [start for _, start, _ in others] == [RATE] * len(others)
    cores = [(began + start, length) for began, start, length in encoder.windows]
    assert cores == [(0, 2 * RATE), (2 * RATE, 2 * RATE), (4 * RATE, 2 * RATE), (6 * RATE, 24_000)]
    encoder.windows.clear()
    encoder.encode(numbered(6.9))
    # Too little is left after the second core for a third with its context: one window takes it.
    assert [length for _, _, length in encoder.windows] == [2 * RATE, 2 * RATE, round(2.9 * RATE)]


@pytest.fixture(scope="module")
def encoder(whisper_dir: Path) -> SpeechEncoder:
    return SpeechEncoder(whisper_dir, threads=1)


@pytest.fixture(scope="module")
def speech(sample_clips: dict[str, SampleClip]) -> NDArray[np.float32]:
    """Twelve seconds: more than one window."""
    audio = np.concatenate([read_audio(sample_clips[name].path) for name in sorted(sample_clips)])
    return audio[: 12 * RATE + 100]


def test_streamed_features_equal_those_of_the_whole(
    encoder: SpeechEncoder, speech: NDArray[np.float32]
) -> None:
    rows = encoder.encode(speech)
    assert rows.shape == (601, FEATURE_SIZE)
    assert rows.dtype == np.float16
    assert np.isfinite(rows).all()
    streamed = list(encoder.encode_blocks(in_blocks(speech, [7, RATE, 50_001, 3 * RATE])))
    np.testing.assert_array_equal(np.concatenate(streamed), rows)


def test_a_row_describes_its_own_20_ms(encoder: SpeechEncoder) -> None:
    """A noise burst changes the features most at its own time."""
    quiet = np.zeros(3 * RATE, np.float32)
    burst = quiet.copy()
    first, end = 100 * SAMPLES_PER_FEATURE, 105 * SAMPLES_PER_FEATURE
    burst[first:end] = np.random.default_rng(0).uniform(-0.5, 0.5, end - first)
    with_burst, silent = (encoder.encode(audio).astype(np.float32) for audio in (burst, quiet))
    change = np.linalg.norm(with_burst - silent, axis=1) / np.linalg.norm(silent, axis=1)
    assert 95 <= change.argmax() <= 115


def test_clips_shorter_than_a_row_and_empty_ones(encoder: SpeechEncoder) -> None:
    assert encoder.encode(np.zeros(1, np.float32)).shape == (1, FEATURE_SIZE)
    assert encoder.encode(np.zeros(0, np.float32)).shape == (0, FEATURE_SIZE)


def test_a_long_block_is_not_copied() -> None:
    """A film's speech is one block; only one window of it is copied."""
    encoder = WindowLog(WindowConfig())
    audio = np.zeros(1800 * RATE, np.float32)
    tracemalloc.start()
    for _ in encoder.encode_blocks([audio]):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
