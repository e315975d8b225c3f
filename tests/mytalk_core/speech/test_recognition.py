import re
import socket
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import ModelError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.speech import recognition
from mytalk_core.speech.recognition import Recogniser
from mytalk_core.speech.transcript import UNKNOWN_LANGUAGE, Segment, Transcript, Word

RATE = 16_000
MARGIN = Fraction(1, 4)  # seconds; tolerance of a word's time


@pytest.fixture(scope="module")
def no_network() -> Iterator[None]:
    """Fail a test that tries to reach a network."""

    def refuse(*_: object) -> None:
        raise AssertionError("recognition tried to reach a network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="module")
def recogniser(whisper_dir: Path, no_network: None) -> Recogniser:
    return Recogniser(whisper_dir, threads=1)


@pytest.fixture(scope="module")
def speech(sample_clips: dict[str, SampleClip]) -> NDArray[np.float32]:
    """A man speaks from second 1.2 to 6.4 of 7.8."""
    return read_audio(sample_clips["test_movie"].path)


@pytest.fixture(scope="module")
def beginning(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Its first words: "Hi, I'm Jon Peirce. I'm a lecturer in Psychology"."""
    return speech[: 7 * RATE // 2]


@pytest.fixture(scope="module")
def twice(recogniser: Recogniser, speech: NDArray[np.float32]) -> Transcript:
    """The transcript of the speech repeated after two seconds of silence."""
    pause = np.zeros(2 * RATE, np.float32)
    return recogniser.transcribe(np.concatenate([speech, pause, speech]))


def spoken_words(transcript: Transcript) -> list[str]:
    return [
        re.sub(r"\W", "", word.text).lower()
        for segment in transcript.segments
        for word in segment.words
    ]


def test_the_language_and_the_words_are_recognised(twice: Transcript) -> None:
    assert twice.language == "en"
    assert twice.aligner == "whisper attention"
    for word in ("lecturer", "psychology", "university", "nottingham"):
        assert spoken_words(twice).count(word) == 2


def test_words_are_in_order_and_within_the_voice(twice: Transcript) -> None:
    words = [word for segment in twice.segments for word in segment.words if word.interval]
    assert len(words) > 0.9 * len(spoken_words(twice))
    assert all(a.end <= b.start + MARGIN for a, b in pairwise(words) if a.end and b.start)
    for word in words:
        assert any(
            part.start <= word.interval.start <= word.interval.end <= part.end
            for part in twice.voice
            if word.interval
        )


def test_a_shifted_recording_has_shifted_words(
    twice: Transcript, speech: NDArray[np.float32]
) -> None:
    shift = Fraction(len(speech), RATE) + 2
    starts = [
        word.start
        for segment in twice.segments
        for word in segment.words
        if word.start is not None and word.text.startswith("Nottingham")
    ]
    assert len(starts) == 2
    assert abs(starts[1] - starts[0] - shift) < MARGIN


def test_a_segment_is_the_speech_between_two_pauses(twice: Transcript) -> None:
    assert [(part.start, part.end) for part in twice.voice] == [
        (segment.start, segment.end) for segment in twice.segments
    ]
    for segment in twice.segments:
        assert segment.text == " ".join(word.text for word in segment.words)


def test_several_batches_are_all_recognised_and_an_unsupported_language_is_detected(
    recogniser: Recogniser, beginning: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "_BATCH", 1)
    shares: list[float] = []
    both = np.concatenate([beginning, np.zeros(2 * RATE, np.float32), beginning])
    recognised = recogniser.transcribe(both, advance=shares.append, language="tlh")
    assert recognised.language == "en"
    assert spoken_words(recognised).count("lecturer") == 2
    assert shares == [0.5, 0.5]


def test_a_script_replaces_recognition(
    recogniser: Recogniser, speech: NDArray[np.float32], twice: Transcript
) -> None:
    lines = (
        Segment("Hi, I'm Jon Peirce.", Fraction(1), Fraction(23, 10)),
        Segment("a lecturer in Psychology", Fraction(23, 10), Fraction(33, 10)),
        Segment("Nobody says this.", Fraction(7), Fraction(8)),
        Segment("Nor this.", Fraction(100), Fraction(101)),
    )
    first, second, *untimed = recogniser.transcribe(speech, lines).segments
    assert [word.text for word in first.words] == ["Hi,", "I'm", "Jon", "Peirce."]
    assert (first.text, first.start, first.end) == (lines[0].text, lines[0].start, lines[0].end)
    recognised = next(
        word for part in twice.segments for word in part.words if word.text == "lecturer"
    )
    aligned = second.words[1]
    assert aligned.start is not None and recognised.start is not None
    assert abs(aligned.start - recognised.start) < MARGIN
    assert [segment.words for segment in untimed] == [
        (Word("Nobody"), Word("says"), Word("this.")),
        (Word("Nor"), Word("this.")),
    ]


def test_text_without_alignment_is_spread_over_the_voice(
    recogniser: Recogniser, speech: NDArray[np.float32]
) -> None:
    endless = Segment("words " * 600, Fraction(0), Fraction(7))
    (segment,) = recogniser.transcribe(speech, [endless]).segments
    assert len(segment.words) == 600
    assert all(word.interval for word in segment.words)


@pytest.mark.parametrize("samples", [1, 80, 319, 320])
def test_words_of_a_line_that_hardly_has_voice_are_within_it(
    recogniser: Recogniser, speech: NDArray[np.float32], twice: Transcript, samples: int
) -> None:
    onset = twice.voice[0].start
    end = onset + Fraction(samples, RATE)
    line = Segment("Are you there?", onset - 1, end)
    (segment,) = recogniser.transcribe(speech, [line]).segments
    assert [word.text for word in segment.words] == ["Are", "you", "there?"]
    for word in segment.words:
        assert word.interval is None or onset <= word.interval.start <= word.interval.end <= end


@pytest.mark.parametrize("samples", [0, 1, 1600, 5 * RATE])
def test_without_speech_the_transcript_is_empty(recogniser: Recogniser, samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    assert recogniser.transcribe(silence) == Transcript(UNKNOWN_LANGUAGE, (), (), "")


def test_script_lines_over_silence_have_no_word_times(recogniser: Recogniser) -> None:
    line = Segment("Are you there?", Fraction(0), Fraction(1))
    (segment,) = recogniser.transcribe(np.zeros(RATE, np.float32), [line]).segments
    assert segment.words == (Word("Are"), Word("you"), Word("there?"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        Recogniser(tmp_path)
    assert caught.value.reason is Reason.MODEL_MISSING
    assert str(tmp_path) in str(caught.value)


def test_scripted_words_agree_with_reference_alignments(
    recogniser: Recogniser, shared_data: Path
) -> None:
    errors: list[float] = []
    for labels in sorted((shared_data / "grid_align" / "s33").glob("*.align"))[:2]:
        rows = [row.split() for row in labels.read_text().splitlines()]
        words = [row for row in rows if row[2] not in ("sil", "sp")]
        line = Segment(" ".join(row[2] for row in words), Fraction(0), Fraction(3))
        audio = read_audio(shared_data / "grid" / "s33" / f"{labels.stem}.mpg")
        (segment,) = recogniser.transcribe(audio, [line]).segments
        assert len(segment.words) == len(words)
        errors += [
            abs(float(word.start - Fraction(int(row[0]), 25_000)))
            for word, row in zip(segment.words, words, strict=True)
            if word.start is not None
        ]
    assert len(errors) >= 10
    assert np.median(errors) < 0.06


def test_the_language_option_selects_the_language(
    recogniser: Recogniser, beginning: NDArray[np.float32]
) -> None:
    english = recogniser.transcribe(beginning, language="en-GB")
    assert (english.language, english.detected_language) == ("en", "en")
    assert english.detected_probability is not None and english.detected_probability > 0.8
    german = recogniser.transcribe(beginning, language="de-AT")
    assert (german.language, german.detected_language) == ("de", "en")
    assert spoken_words(german) != spoken_words(english)


def test_an_aligner_is_loaded_once_per_language(
    whisper_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    class Phonetic:
        name = "phonetic"

        def __init__(self, language: str) -> None:
            self.language = language

    def load(language: str, device: str) -> Phonetic:
        loaded.append(language)
        return Phonetic(language)

    monkeypatch.setattr(recognition, "cached_phonetic_aligner", load)
    several = Recogniser(whisper_dir)
    for language in ("en", "fr", "en", "fr", "en"):
        assert several._aligner(language).language == language  # type: ignore[attr-defined]
    assert loaded == ["en", "fr"]
    for language in ("de", "es", "it", "en"):  # exceeds the cache; "en" was used last before
        several._aligner(language)
    assert loaded == ["en", "fr", "de", "es", "it"]


def test_two_transcriptions_load_the_aligner_once(
    whisper_dir: Path, speech: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    class Phonetic:
        name = "phonetic"

        def __call__(self, audio: NDArray[np.float32], text: str) -> tuple[Word, ...]:
            return tuple(Word(word) for word in text.split())

    def load(language: str, device: str) -> Phonetic:
        loaded.append(language)
        return Phonetic()

    monkeypatch.setattr(recognition, "cached_phonetic_aligner", load)
    once = Recogniser(whisper_dir, threads=1)
    line = Segment("Hi, I'm Jon Peirce.", Fraction(1), Fraction(23, 10))
    names = {once.transcribe(speech, [line]).aligner for _ in range(2)}
    assert (names, loaded) == ({"phonetic"}, ["en"])
