from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.media.audio import read_audio
from mytalk_core.speech.phones import PhoneAligner
from mytalk_core.speech.transcript import Segment, Word
from mytalk_core.speech.word_files import read_words


@pytest.fixture(scope="module")
def align() -> PhoneAligner:
    return PhoneAligner()


@pytest.fixture
def hiss() -> np.ndarray:
    """Two seconds of noise in which any short text can be aligned."""
    return np.random.default_rng(0).normal(0, 0.05, 32_000).astype(np.float32)


def line(text: str, start: float = 0.0, end: float = 2.0) -> Segment:
    return Segment(text, Fraction(str(start)), Fraction(str(end)))


def names(align: PhoneAligner, hiss: np.ndarray, text: str) -> list[str]:
    return [phone.name for phone in align(hiss, [line(text)]).phones]


def test_phones_follow_the_dictionary_in_order(align, hiss):
    phones = align(hiss, [line("By two!", 0.5, 1.5)]).phones
    assert [phone.name for phone in phones] == ["B", "AY", "T", "UW"]
    assert phones[0].start >= Fraction(1, 2) and phones[-1].end <= Fraction(3, 2)
    assert all(one.end <= other.start for one, other in pairwise(phones))
    assert all(phone.end - phone.start >= Fraction(3, 100) for phone in phones)


def test_letters_and_digits_are_pronounced_as_names(align, hiss):
    assert names(align, hiss, "A.") == ["EY"]
    assert names(align, hiss, "m2") == ["EH", "M", "T", "UW"]
    assert names(align, hiss, "it\u2019s") == ["IH", "T", "S"]


def test_an_unknown_word_affects_only_itself(align, hiss):
    words = [
        Word("bin", Fraction(0), Fraction(1)),
        Word("qwzxk", Fraction(1), Fraction(3, 2)),
        Word("now"),
    ]
    segment = Segment("bin qwzxk now", Fraction(0), Fraction(2), tuple(words))
    found = align(hiss, [segment])
    assert [phone.name for phone in found.phones] == ["B", "IH", "N"]
    assert found.unaligned == ("qwzxk", "now")
    assert align(hiss, [line("qwzxk")]).unaligned == ("qwzxk",)


def test_words_too_short_for_their_phones_are_unaligned(align, hiss):
    found = align(hiss, [line("please", 0.2, 0.25), line("place", 0.5, 1.0)])
    assert found.unaligned == ("please",)
    assert [phone.name for phone in found.phones] == ["P", "L", "EY", "S"]


def test_alignment_is_independent_of_earlier_recordings(align, hiss):
    first = align(hiss, [line("please")])
    assert len(first.phones) == 4
    align(hiss * 9, [line("by two")])
    assert align(hiss, [line("please")]) == first


def test_phones_agree_with_reference_word_alignments(align, shared_data: Path):
    clip = shared_data / "grid" / "s2"
    files = sorted((shared_data / "grid_align" / "s2").glob("*.align"))[:5]
    strayed = []
    for file in files:
        words = read_words(file)
        audio = read_audio(clip / f"{file.stem}.mpg")
        text = " ".join(word.text for word in words)
        whole = align(audio, [line(text, 0, len(audio) / 16_000)]).phones
        alone = align(audio, words).phones
        if [phone.name for phone in whole] == [phone.name for phone in alone]:
            pairs = zip(whole, alone, strict=True)
            strayed += [abs(float(one.start - other.start)) for one, other in pairs]
    assert len(strayed) > 30
    assert np.median(strayed) <= 0.03
