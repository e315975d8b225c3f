"""Which phone of English is said when, by pocketsphinx: its wheel brings dictionary and model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

from mytalk_core.media.audio import pcm16
from mytalk_core.speech.stretches import samples_of
from mytalk_core.speech.transcript import Interval, Segment

BILABIALS = frozenset({"B", "M", "P"})
"""The phones that nobody says with open lips."""

_STEP = Fraction(1, 100)  # seconds; the acoustic model's frames
# Beams so wide that the text is found wherever the sound allows it at all. The best path through
# the lattice moves word boundaries to where the second pass cannot follow.
_SETTINGS = {"beam": 1e-100, "wbeam": 1e-80, "pbeam": 1e-100, "bestpath": False}
# "b2" is two words, "A." the name of a letter and "now." a word.
_PARTS = re.compile(r"\b[a-z]\.|[a-z]+(?:'[a-z]+)*|\d")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Phone:
    """One phone where it is said."""

    name: str  # ARPAbet without stress: "B", "IY"
    start: Fraction  # seconds
    end: Fraction  # seconds


@dataclass(frozen=True)
class Pronounced:
    """The phones of a text, by start, and what could not be placed."""

    phones: tuple[Phone, ...]
    left_out: tuple[str, ...]  # text of words: not in the dictionary, or not heard as they stand


class PhoneAligner:
    """Finds the phones of known words: a dictionary says which, Viterbi alignment when.

    A word that the dictionary gives several pronunciations has the one that is heard.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(lm=None, loglevel="FATAL", **_SETTINGS)
        self._neutral = self._decoder.get_cmn()

    def __call__(self, audio: NDArray[np.float32], segments: Sequence[Segment]) -> Pronounced:
        """The phones of `segments`, each said between its start and its end and filling that time.

        Where a segment as a whole cannot be aligned, those of its words that have times are. The
        shorter a segment, the less the phones can stray from where they are.

        Args:
            audio: (N,) 16 kHz mono, -1..1.
            segments: English; letters as words are letter names where a dot follows them.
        """
        # What it hears shifts its idea of the channel: begin every recording with the same.
        self._decoder.set_cmn(self._neutral)
        phones: list[Phone] = []
        left_out: list[str] = []
        for segment in segments:
            found = self._placed(audio, segment.text, Interval(segment.start, segment.end))
            if found is not None:
                phones += found
                continue
            for word in segment.words:
                said = word.interval and self._placed(audio, word.text, word.interval)
                phones += said or ()
                left_out += () if said else (word.text,)
            if not segment.words:
                left_out.append(segment.text)
        return Pronounced(tuple(phones), tuple(left_out))

    def _placed(
        self, audio: NDArray[np.float32], text: str, interval: Interval
    ) -> list[Phone] | None:
        """The phones of `text` within `interval`; None where that cannot be."""
        words = _dictionary_words(text)
        if not words or any(self._decoder.lookup_word(word) is None for word in words):
            return None
        sound = pcm16(samples_of(audio, interval)).tobytes()
        try:
            self._decoder.set_align_text(" ".join(words))
            self._hear(sound)
            self._decoder.set_alignment()
            self._hear(sound)
        except RuntimeError:  # too short for its phones, or another text
            return None
        return [
            Phone(
                phone.name,
                interval.start + phone.start * _STEP,
                interval.start + (phone.start + phone.duration) * _STEP,
            )
            for word in self._decoder.get_alignment()
            if word.name[0] not in "<["  # pauses and noises
            for phone in word
        ]

    def _hear(self, sound: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()


def _dictionary_words(text: str) -> list[str]:
    """`text` as the dictionary spells it, digit by digit."""
    found = _PARTS.findall(text.lower().replace("\u2019", "'"))
    return [_DIGITS[int(part)] if part.isdigit() else part for part in found]
