"""Augmented voices keep the timing of the original."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.speech.voices import VoiceConfig, altered, retimed

RATE = 16_000
ALWAYS = VoiceConfig(share=1.0)
PLAIN = replace(ALWAYS, share=0.0)


def clicks(*seconds: float) -> NDArray[np.float32]:
    """Return two seconds with a short burst at each of the given times."""
    sound = np.zeros(2 * RATE, np.float32)
    burst = np.random.default_rng(0).uniform(-0.5, 0.5, 160)
    for second in seconds:
        start = int(second * RATE)
        sound[start : start + len(burst)] = burst
    return sound


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 40_000))
def test_output_is_finite_in_range_and_of_the_expected_length(seed, samples):
    random = np.random.default_rng(seed)
    sound = (random.standard_normal(samples) * 0.1).astype(np.float32)
    voice = altered(sound, random, ALWAYS)

    assert voice.audio.dtype == np.float32
    assert np.isfinite(voice.audio).all()
    assert np.abs(voice.audio).max(initial=0) <= 1
    assert abs(len(voice.audio) - samples / voice.rate) <= 1


@pytest.mark.parametrize("config", [ALWAYS, PLAIN])
def test_timestamps_scale_by_the_rate(config):
    for seed in range(20):
        voice = altered(clicks(0.5, 1.4), np.random.default_rng(seed), config)
        for timestamp in (0.5, 1.4):
            at = int(timestamp / voice.rate * RATE)
            near = voice.audio[at - 400 : at + 800]
            loudest = at - 400 + int(np.abs(near).argmax())
            assert np.abs(near).max() > 3 * np.abs(voice.audio).mean()
            assert 0 <= loudest / RATE * voice.rate - timestamp < 0.02


def test_the_seed_determines_the_voice():
    sound = clicks(0.5)
    one, same, other = (altered(sound, np.random.default_rng(seed), ALWAYS) for seed in (1, 1, 2))

    np.testing.assert_array_equal(one.audio, same.audio)
    assert len(one.audio) != len(other.audio) or not np.array_equal(one.audio, other.audio)


def test_pitch_scales_by_the_rate():
    """The frequency of a tone is multiplied by the rate."""
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    for seed in range(5):
        voice = altered(tone, np.random.default_rng(seed), PLAIN)
        spectrum = np.abs(np.fft.rfft(voice.audio * np.hanning(len(voice.audio))))
        frequency = spectrum.argmax() * RATE / len(voice.audio)
        assert frequency == pytest.approx(440 * voice.rate, rel=0.01)


def test_silence_stays_silent():
    voice = altered(np.zeros(RATE, np.float32), np.random.default_rng(0), ALWAYS)
    assert not voice.audio.any()


@given(st.integers(1, 200), st.floats(0.8, 1.25))
def test_features_are_retimed_to_the_original_clock(count, rate):
    original = np.arange(count, dtype=np.float32)
    played = original[: max(int(count / rate), 1)] * rate  # row k holds the original's k * rate
    back = retimed(played.astype(np.float16)[:, None], rate)[:, 0].astype(np.float32)

    assert abs(len(back) - len(played) * rate) <= 1
    inside = back[: int((len(played) - 1) * rate) + 1]
    np.testing.assert_allclose(inside, np.arange(len(inside)), atol=0.3)
