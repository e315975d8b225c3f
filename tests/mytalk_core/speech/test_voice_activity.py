from bisect import bisect
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.media.audio import read_audio
from mytalk_core.speech import voice_activity
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_activity import speech_mask, voice_intervals, voice_probability

RATE = 16_000


@pytest.fixture(scope="module")
def speech(sample_clips: dict[str, SampleClip]) -> NDArray[np.float32]:
    """A man speaking from second 1.2 to 6.4 of 7.8."""
    return read_audio(sample_clips["test_movie"].path)


def test_the_pause_between_two_speeches_is_silent(speech: NDArray[np.float32]) -> None:
    pause = np.zeros(2 * RATE, np.float32)
    first, second = voice_intervals(np.concatenate([speech, pause, speech]))
    shift = Fraction(len(speech) + len(pause), RATE)
    assert Fraction(1) < first.start < Fraction(6, 5) and Fraction(6) < first.end < Fraction(7)
    assert abs(second.start - first.start - shift) < Fraction(1, 10)
    assert abs(second.end - first.end - shift) < Fraction(1, 10)


def test_the_detector_does_not_modify_the_recording(speech: NDArray[np.float32]) -> None:
    whole_windows = np.ones(512 * 20, np.float32)
    voice_intervals(whole_windows)
    assert (whole_windows == 1).all()


def test_blocks_of_long_recordings_agree_with_the_whole(
    speech: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated = np.tile(speech, 3)
    at_once = voice_probability(repeated)
    monkeypatch.setattr(voice_activity, "_BLOCK", 100)
    in_blocks = voice_probability(repeated)
    assert len(in_blocks) == len(at_once) == -(-len(repeated) // 512)
    assert np.mean(np.abs(in_blocks - at_once) < 0.1) > 0.97


def test_silence_noise_and_tiny_inputs_have_no_voice() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, 3 * RATE).astype(np.float32)
    for audio in (noise, np.zeros(3 * RATE, np.float32), noise[:1600], noise[:1], noise[:0]):
        assert voice_intervals(audio) == ()


def test_intervals_end_with_the_recording(speech: NDArray[np.float32]) -> None:
    cut = speech[2 * RATE : 3 * RATE + 7]
    (voice,) = voice_intervals(cut)
    assert voice == Interval(Fraction(0), Fraction(len(cut), RATE))


@given(
    st.lists(st.fractions(0, 50), unique=True, max_size=12).map(sorted),
    st.lists(st.fractions(-1, 51), max_size=30),
)
def test_the_mask_covers_start_inclusive_to_end_exclusive(
    edges: list[Fraction], times: list[Fraction]
) -> None:
    pairs = zip(edges[::2], edges[1::2], strict=False)
    mask = speech_mask([Interval(start, end) for start, end in pairs], times)
    paired = edges[: len(edges) // 2 * 2]
    assert mask.tolist() == [bisect(paired, time) % 2 == 1 for time in times]


def test_words_are_covered_and_silence_is_not(shared_data: Path) -> None:
    covered: dict[bool, list[float]] = {True: [], False: []}
    for labels in sorted((shared_data / "grid_align").glob("s31/*.align"))[::4]:
        audio = read_audio(shared_data / "grid" / labels.parent.name / f"{labels.stem}.mpg")
        voice = voice_intervals(audio)
        for start, end, word in map(str.split, labels.read_text().splitlines()):
            times = [Fraction(time, 25_000) for time in range(int(start), int(end), 250)]
            covered[word not in ("sil", "sp")].extend(speech_mask(voice, times))
    assert np.mean(covered[True]) > 0.95
    assert np.mean(covered[False]) < 0.2
