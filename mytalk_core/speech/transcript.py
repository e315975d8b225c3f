"""Transcripts: words, the segments that contain them, and intervals with voice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

UNKNOWN_LANGUAGE = "und"  # ISO 639: undetermined

# Written without spaces between words.
_UNSPACED_LANGUAGES = frozenset({"ja", "zh", "yue", "th", "lo", "my"})


@dataclass(frozen=True)
class Interval:
    """The time [start, end) in seconds of the recording."""

    start: Fraction
    end: Fraction

    @property
    def length(self) -> Fraction:
        """Return the duration in seconds."""
        return self.end - self.start

    def later(self, seconds: Fraction) -> "Interval":
        """Return the interval moved in time; a negative number moves it to an earlier one."""
        return Interval(self.start + seconds, self.end + seconds)


@dataclass(frozen=True)
class Word:
    """One word with its punctuation. Aligners may leave a word without times."""

    text: str
    start: Fraction | None = None  # seconds
    end: Fraction | None = None  # seconds
    score: float | None = None  # 0..1, the aligner's confidence

    @property
    def interval(self) -> Interval | None:
        """Return the word's time; None where either end is unknown."""
        if self.start is None or self.end is None:
            return None
        return Interval(self.start, self.end)

    def at(self, interval: Interval | None) -> "Word":
        """Return the word with another time, or without one."""
        if interval is None:
            return replace(self, start=None, end=None)
        return replace(self, start=interval.start, end=interval.end)

    def later(self, seconds: Fraction) -> "Word":
        """Return the word moved in time, as far as it has times."""
        return replace(
            self,
            start=None if self.start is None else self.start + seconds,
            end=None if self.end is None else self.end + seconds,
        )


@dataclass(frozen=True)
class Segment:
    """A line of a script, or the words between two pauses."""

    text: str
    start: Fraction  # seconds
    end: Fraction  # seconds
    words: tuple[Word, ...] = ()  # empty before alignment

    def later(self, seconds: Fraction) -> "Segment":
        """Return the segment and its words moved in time."""
        words = tuple(word.later(seconds) for word in self.words)
        return Segment(self.text, self.start + seconds, self.end + seconds, words)


@dataclass(frozen=True)
class Transcript:
    """The transcript of a whole recording."""

    language: str  # of the words: the recogniser's code, or UNKNOWN_LANGUAGE without speech
    segments: tuple[Segment, ...]  # by start
    voice: tuple[Interval, ...]  # intervals with speech, by start, disjoint
    aligner: str  # name of the word aligner; empty where there was nothing to align
    # As detected by the recogniser, regardless of the language option; empty where it did not run.
    detected_language: str = ""
    detected_probability: float | None = None  # 0..1


def is_spaced(language: str) -> bool:
    """Return whether the language puts spaces between its words."""
    return language not in _UNSPACED_LANGUAGES


def to_json(transcript: Transcript) -> dict[str, Any]:
    """Convert to JSON values. A time is [exact "num/den", seconds for readers], or null."""
    return {
        "language": transcript.language,
        "heard": {
            "language": transcript.detected_language,
            "probability": transcript.detected_probability,
        },
        "aligner": transcript.aligner,
        "segments": [
            {
                "text": segment.text,
                "start": _time_out(segment.start),
                "end": _time_out(segment.end),
                "words": [_word_out(word) for word in segment.words],
            }
            for segment in transcript.segments
        ],
        "voice": [[_time_out(part.start), _time_out(part.end)] for part in transcript.voice],
    }


def from_json(data: Mapping[str, Any]) -> Transcript:
    """Convert the JSON values of `to_json` back to a transcript.

    Raises:
        KeyError, TypeError, ValueError: where the data is something else.
    """
    return Transcript(
        language=data["language"],
        aligner=data["aligner"],
        segments=tuple(
            Segment(
                text=segment["text"],
                start=_time_in(segment["start"]),
                end=_time_in(segment["end"]),
                words=tuple(_word_in(word) for word in segment["words"]),
            )
            for segment in data["segments"]
        ),
        voice=tuple(Interval(_time_in(start), _time_in(end)) for start, end in data["voice"]),
        detected_language=data.get("heard", {}).get("language", ""),  # absent in older files
        detected_probability=data.get("heard", {}).get("probability"),
    )


def _time_out(time: Fraction) -> list[str | float]:
    return [f"{time.numerator}/{time.denominator}", round(float(time), 3)]


def _time_in(value: Any) -> Fraction:
    exact, _seconds = value
    return Fraction(exact)


def _word_out(word: Word) -> dict[str, Any]:
    return {
        "text": word.text,
        "start": None if word.start is None else _time_out(word.start),
        "end": None if word.end is None else _time_out(word.end),
        "score": word.score,
    }


def _word_in(data: Mapping[str, Any]) -> Word:
    start, end = data["start"], data["end"]
    return Word(
        text=data["text"],
        start=None if start is None else _time_in(start),
        end=None if end is None else _time_in(end),
        score=data["score"],
    )
