"""What is said and when: words, the stretches they stand in, and where a voice is heard."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

UNKNOWN_LANGUAGE = "und"  # ISO 639: undetermined

# Written without spaces between words.
_UNSPACED_LANGUAGES = frozenset({"ja", "zh", "yue", "th", "lo", "my"})


@dataclass(frozen=True)
class Interval:
    """The time from `start` up to `end`, in seconds of the recording."""

    start: Fraction
    end: Fraction

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Word:
    """One word with its punctuation. Aligners leave words without times; never count on them."""

    text: str
    start: Fraction | None = None  # seconds
    end: Fraction | None = None  # seconds
    score: float | None = None  # 0..1, how sure the aligner is

    @property
    def interval(self) -> Interval | None:
        """When the word is said; None where either end is unknown."""
        if self.start is None or self.end is None:
            return None
        return Interval(self.start, self.end)

    def at(self, interval: Interval | None) -> "Word":
        """The same word at another time, or without one."""
        if interval is None:
            return replace(self, start=None, end=None)
        return replace(self, start=interval.start, end=interval.end)


@dataclass(frozen=True)
class Segment:
    """A line of a script, or the words between two pauses."""

    text: str
    start: Fraction  # seconds
    end: Fraction  # seconds
    words: tuple[Word, ...] = ()  # none before the segment is aligned


@dataclass(frozen=True)
class Transcript:
    """A whole recording."""

    language: str  # of the words: the recogniser's code, or UNKNOWN_LANGUAGE without speech
    segments: tuple[Segment, ...]  # by start
    voice: tuple[Interval, ...]  # where somebody speaks, by start, apart from each other
    aligner: str  # what gave the words their times; empty where there was nothing to align
    # What the recogniser detects, whatever language is given; empty where it did not run.
    heard_language: str = ""
    heard_probability: float | None = None  # 0..1, of that language


def is_spaced(language: str) -> bool:
    """Whether the language puts spaces between its words."""
    return language not in _UNSPACED_LANGUAGES


def to_json(transcript: Transcript) -> dict[str, Any]:
    """The transcript as JSON values. A time is [exact "num/den", seconds for people], or null."""
    return {
        "language": transcript.language,
        "heard": {
            "language": transcript.heard_language,
            "probability": transcript.heard_probability,
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
    """The transcript that `to_json` wrote.

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
        heard_language=data.get("heard", {}).get("language", ""),  # files of before have none
        heard_probability=data.get("heard", {}).get("probability"),
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
