"""Copies of an utterance are recognised; different utterances are not confused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import resample_poly

from mytalk_core.media.audio import read_audio
from mytalk_core.speech.fingerprint import audio_hash, hamming

RATE = 16_000
FRAME = 640  # samples
NEAR = 56  # bits
Sound = NDArray[np.float32]


def babble(seed: int, seconds: float = 3.0) -> Sound:
    """Return noise with bands modulated at syllable rate."""
    random = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    sound = np.zeros(count)
    for frequency in np.geomspace(250, 3400, 24):
        knots = random.uniform(0, 1, round(seconds * 5) + 2) ** 2
        level = np.interp(time * 5, np.arange(len(knots)), knots)
        sound += level * np.sin(2 * np.pi * frequency * time + random.uniform(0, 6))
    return (0.02 * sound).astype(np.float32)


def noisy(sound: Sound) -> Sound:
    noise = np.random.default_rng(9).normal(0, sound.std() / 30, len(sound))
    return (sound + noise).astype(np.float32)


COPIES: dict[str, Callable[[Sound], Sound]] = {
    "quieter": lambda sound: 0.1 * sound,
    "telephone": lambda sound: resample_poly(resample_poly(sound, 1, 2), 2, 1).astype(np.float32),
    "a frame later": lambda sound: np.concatenate([np.zeros(FRAME, np.float32), sound[:-FRAME]]),
    "a frame shorter": lambda sound: sound[:-FRAME],
    "noisy": noisy,
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_copies_have_small_distances(copy: Callable[[Sound], Sound]) -> None:
    for seed in range(10):
        sound = babble(seed)
        assert hamming(audio_hash(sound), audio_hash(copy(sound))) <= NEAR


def test_coded_copies_have_small_distances(run_ffmpeg: Callable[..., Path], tmp_path: Path) -> None:
    raw = tmp_path / "sound.raw"
    raw.write_bytes((babble(3) * 32767).astype("<i2").tobytes())
    given_as = ("-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", raw)
    coded = run_ffmpeg(tmp_path / "sound.m4a", *given_as, "-c:a", "aac", "-b:a", "48k")
    assert hamming(audio_hash(babble(3)), audio_hash(read_audio(coded))) <= NEAR


def test_different_audio_has_large_distances() -> None:
    hashes = [audio_hash(babble(seed)) for seed in range(20)]
    assert all(len(each) == 32 for each in hashes)
    for index, one in enumerate(hashes):
        assert all(hamming(one, other) > NEAR for other in hashes[:index])


def test_sentences_of_one_speaker_are_distinguished(grid_clips: list[Path]) -> None:
    own = [clip for clip in grid_clips if clip.parent.name == "s2"][:12]
    hashes = [audio_hash(read_audio(clip)) for clip in own]
    for index, one in enumerate(hashes):
        assert all(hamming(one, other) > NEAR for other in hashes[:index])


@pytest.mark.parametrize("samples", [0, 100, RATE])
def test_silence_of_any_length_gives_zeros(samples: int) -> None:
    assert audio_hash(np.zeros(samples, np.float32)) == bytes(32)


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_the_distance_counts_differing_bits(a: bytes, b: bytes) -> None:
    bits = np.unpackbits(np.frombuffer(a, np.uint8)) != np.unpackbits(np.frombuffer(b, np.uint8))
    assert hamming(a, b) == hamming(b, a) == int(bits.sum())
