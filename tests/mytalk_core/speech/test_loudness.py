"""Loudness against levels known in closed form, and the lag between mouth and audio."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.speech.loudness import loudness_dbfs, loudness_shift, opening_offset

RATE = 16_000
FRAME = 0.04


def starts(frames: int) -> np.ndarray:
    return np.arange(frames) * FRAME


@pytest.mark.parametrize(
    ("amplitude", "level"), [(1.0, 0.0), (0.1, -20.0), (0.5, -6.0206), (0.0, -80.0), (1e-6, -80.0)]
)
def test_a_square_wave_has_the_level_of_its_amplitude(amplitude: float, level: float) -> None:
    wave = amplitude * np.where(np.arange(RATE) // 40 % 2, 1, -1)
    np.testing.assert_allclose(
        loudness_dbfs(wave.astype(np.float32), starts(25), FRAME), level, atol=1e-3
    )


def test_a_sine_is_three_decibels_below_its_peak() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    np.testing.assert_allclose(loudness_dbfs(sine, starts(25), FRAME), -3.0103, atol=1e-3)


def test_each_frame_measures_only_its_own_samples() -> None:
    audio = np.zeros(RATE, np.float32)
    audio[3 * 640 : 4 * 640] = 1.0
    level = loudness_dbfs(audio, starts(25), FRAME)
    np.testing.assert_allclose(np.delete(level, 3), -80)
    assert level[3] == pytest.approx(0, abs=1e-3)


def test_results_are_independent_of_blocks() -> None:
    """Frames before, across and after block boundaries, some of them far apart."""
    audio = np.random.default_rng(0).normal(0, 0.1, 90 * RATE).astype(np.float32)
    times = np.concatenate([np.arange(0, 60, 0.04), [61.0, 75.5, 89.99]])
    level = loudness_dbfs(audio, times, FRAME)
    for index in (0, 749, 750, 751, 1499, 1500, 1501):
        first = round(times[index] * RATE)
        alone = audio[first : first + 640].astype(np.float64)
        assert level[index] == pytest.approx(20 * np.log10(np.sqrt((alone**2).mean())), abs=1e-4)


def test_an_hour_takes_little_memory() -> None:
    audio = np.zeros(3600 * RATE, np.float32)
    times = np.arange(0, 3600, 0.04)
    tracemalloc.start()
    loudness_dbfs(audio, times, FRAME)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


def test_beyond_the_end_is_silence() -> None:
    level = loudness_dbfs(np.ones(960, np.float32), starts(4), FRAME)
    np.testing.assert_allclose(level, [0, -3.0103, -80, -80], atol=1e-3)


@given(st.integers(-10, 10), st.integers(0, 2**32 - 1))
def test_a_known_lag_is_found_and_late_sound_is_positive(lag: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    track = np.convolve(random.normal(size=150), np.ones(4) / 4, "same").astype(np.float32)
    opening, loudness = track[20:120], 10 * track[20 - lag : 120 - lag] - 40
    offset, correlation = opening_offset(opening, loudness)
    assert offset == lag
    assert correlation > 0.85


@pytest.mark.parametrize("still", ["mouth", "sound"])
def test_without_movement_there_is_no_offset(still: str) -> None:
    moving, quiet = np.sin(np.arange(50)).astype(np.float32), np.zeros(50, np.float32)
    pair = (quiet, moving) if still == "mouth" else (moving, quiet)
    assert opening_offset(*pair) == (0, 0.0)


def spoken(seed: int, frames: int, late: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return opening and loudness of one clip with noise; the audio is `late` frames late."""
    random = np.random.default_rng(seed)
    syllables = np.convolve(random.normal(size=frames + 60), np.ones(3) / 3, "same")
    opening = syllables[30 : 30 + frames] + random.normal(0, noise, frames)
    loudness = syllables[30 - late : 30 - late + frames] + random.normal(0, noise, frames)
    return opening.astype(np.float32), (6 * loudness - 30).astype(np.float32)


@settings(max_examples=30)
@given(st.integers(-10, 10), st.integers(0, 2**32 - 1))
def test_a_clear_offset_of_a_long_source_is_corrected(late: int, seed: int) -> None:
    clips = [spoken(seed + number, 100, late, noise=0.2) for number in range(8)]
    shift = loudness_shift(clips)
    # An offset of one frame is not corrected.
    assert abs(shift - late) <= 1 if abs(late) > 2 else shift in (0, late, late + 1)


def test_unrelated_audio_is_not_shifted() -> None:
    def unrelated(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return spoken(seed, 75, 0, 0.0)[0], spoken(seed + 10_000, 75, 0, 0.0)[1]

    shifts = [loudness_shift([unrelated(4 * s + n) for n in range(4)]) for s in range(200)]
    assert shifts.count(0) >= 0.97 * len(shifts)


def test_more_clips_are_stronger_evidence() -> None:
    clips = [spoken(number, 125, 5, noise=0.7) for number in range(20)]
    pairs = [loudness_shift(clips[n : n + 2]) for n in range(0, 20, 2)]
    assert pairs.count(0) > 2
    assert abs(loudness_shift(clips) - 5) <= 1


def test_less_than_ten_seconds_is_insufficient() -> None:
    clips = [spoken(number, 50, 6, noise=0) for number in range(5)]
    assert loudness_shift(clips[:4]) == 0
    assert abs(loudness_shift(clips) - 6) <= 1


def test_still_mouths_and_short_clips_are_ignored() -> None:
    opening, loudness = spoken(0, 300, 6, noise=0)
    assert abs(loudness_shift([(opening, loudness)]) - 6) <= 1
    assert loudness_shift([]) == 0
    assert loudness_shift([(np.zeros_like(opening), loudness)]) == 0
    short = [(opening[n : n + 49], loudness[n : n + 49]) for n in range(0, 294, 49)]
    assert loudness_shift(short) == 0
