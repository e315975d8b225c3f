"""Phone alignment of English text with pocketsphinx, whose wheel includes dictionary and model."""

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
"""Phones that require closed lips."""

_STEP = Fraction(1, 100)  # seconds; the acoustic model's frame period
# Beams wide enough to find the text wherever the audio permits it. The best-path search through the
# lattice moves word boundaries to where the second pass cannot follow.
_SETTINGS = {"beam": 1e-100, "wbeam": 1e-80, "pbeam": 1e-100, "bestpath": False}
# "b2" is two words, "A." the name of a letter and "now." a word.
_PARTS = re.compile(r"\b[a-z]\.|[a-z]+(?:'[a-z]+)*|\d")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Phone:
    """A phone with its time."""

    name: str  # ARPAbet without stress: "B", "IY"
    start: Fraction  # seconds
    end: Fraction  # seconds


@dataclass(frozen=True)
class PhoneAlignment:
    """The phones of a text, by start, and the words that could not be aligned."""

    phones: tuple[Phone, ...]
    unaligned: tuple[str, ...]  # words not in the dictionary, or not found in the audio


class PhoneAligner:
    """Find the phones of known words: a dictionary gives the phones, Viterbi alignment the times.

    Where the dictionary has several pronunciations of a word, the best match is used.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(lm=None, loglevel="FATAL", **_SETTINGS)
        self._neutral = self._decoder.get_cmn()

    def __call__(self, audio: NDArray[np.float32], segments: Sequence[Segment]) -> PhoneAlignment:
        """Align the phones of `segments`, each of which must fill the time from start to end.

        Where a segment as a whole cannot be aligned, its words with times are aligned separately.
        Shorter segments constrain the phones more.

        Args:
            audio: (N,) 16 kHz mono, -1..1.
            segments: English; a single letter followed by a dot is the letter's name.
        """
        # Decoding adapts the channel normalisation: reset it so that recordings are independent.
        self._decoder.set_cmn(self._neutral)
        phones: list[Phone] = []
        unaligned: list[str] = []
        for segment in segments:
            found = self._placed(audio, segment.text, Interval(segment.start, segment.end))
            if found is not None:
                phones += found
                continue
            for word in segment.words:
                aligned = word.interval and self._placed(audio, word.text, word.interval)
                phones += aligned or ()
                unaligned += () if aligned else (word.text,)
            if not segment.words:
                unaligned.append(segment.text)
        return PhoneAlignment(tuple(phones), tuple(unaligned))

    def _placed(
        self, audio: NDArray[np.float32], text: str, interval: Interval
    ) -> list[Phone] | None:
        """Return the phones of `text` within `interval`; None where alignment fails."""
        words = _dictionary_words(text)
        if not words or any(self._decoder.lookup_word(word) is None for word in words):
            return None
        sound = pcm16(samples_of(audio, interval)).tobytes()
        try:
            self._decoder.set_align_text(" ".join(words))
            self._decode(sound)
            self._decoder.set_alignment()
            self._decode(sound)
        except RuntimeError:  # too short for its phones, or different words
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

    def _decode(self, sound: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()


def _dictionary_words(text: str) -> list[str]:
    """Split `text` into the dictionary's words; digits are spelled out one by one."""
    found = _PARTS.findall(text.lower().replace("\u2019", "'"))
    return [_DIGITS[int(part)] if part.isdigit() else part for part in found]
