"""Passages: the stretches of a track in which its lips must differ from those in the film.

A passage is drawn with one piece of motion, and depends on its own lines only: speech before and
after it is at least a pause away, so the mouth is shut at both of its ends. A changed line
therefore changes the passage that says it, and no other that is spoken.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.timing import FilmTiming
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class PassageConfig:
    """Where passages begin and end."""

    # Seconds without voice that separate two passages of a person.
    pause: Fraction = Fraction(7, 10)
    # Seconds that are drawn before and after the voice: lips open before the sound, and the drawing
    # fades in. Half a pause, so that passages never overlap.
    margin: Fraction = Fraction(35, 100)
    # Seconds between two passages below which the mouth is kept shut by drawing, so that it does
    # not change between drawn and own for a moment.
    shortest_own: Fraction = Fraction(1, 2)


@dataclass(frozen=True)
class SpokenLine:
    """A line as it sounds in the film."""

    number: int
    stem: str  # name of the stem that has its sound
    voice: tuple[Interval, ...]  # seconds of the film, by start, after fitting


@dataclass(frozen=True)
class Passage:
    """Frames [first, end) of the film in which a track is drawn with one piece of motion."""

    first: int
    end: int
    lines: tuple[int, ...] = ()  # numbers of the lines that are said; none: the mouth is shut
    stem: str = ""  # that has their sound
    voice: tuple[Interval, ...] = ()  # seconds of the film, by start


@dataclass(frozen=True)
class Mouth:
    """What the mouth of a member has to do in a film."""

    spoken: tuple[SpokenLine, ...]  # lines that are said with visible lips, by start
    shut: tuple[Interval, ...]  # seconds in which it speaks in the film but not in the dub


@dataclass(frozen=True)
class _Utterance:
    """Lines of a member without a pause between them."""

    start: Fraction  # seconds of the film, without margin
    end: Fraction
    lines: tuple[int, ...]
    stem: str
    voice: tuple[Interval, ...]


def passages_of(
    span: tuple[int, int], mouth: Mouth, timing: FilmTiming, config: PassageConfig
) -> tuple[Passage, ...]:
    """The passages of a track, by first frame, apart from each other.

    Args:
        span: frames [first, end) of the track.
        mouth: what the member of the track says, and where they must be silent.
    """
    first, end = span
    marks = np.full(end - first, -1, np.int64)  # -1: own mouth, 0: shut, n: utterance n
    for interval in mouth.shut:
        marks[_frames(interval.start, interval.end, span, timing, config.margin)] = 0
    utterances = [
        each
        for each in _utterances(mouth.spoken, config.pause)
        if each.end + config.margin > timing.starts[first]
        and each.start - config.margin < _end_of(end, timing)
    ]
    for number, each in enumerate(utterances, 1):
        marks[_frames(each.start, each.end, span, timing, config.margin)] = number
    _fill_gaps(marks, int(config.shortest_own * timing.fps))
    return tuple(_runs(marks, first, utterances))


def _utterances(lines: Iterable[SpokenLine], pause: Fraction) -> list[_Utterance]:
    """Join voices of one stem that are less than a pause apart."""
    voices = sorted(
        ((part, line) for line in lines for part in line.voice), key=lambda each: each[0].start
    )
    found: list[_Utterance] = []
    for part, line in voices:
        last = found[-1] if found else None
        if last is not None and part.start - last.end < pause:
            numbers = last.lines if line.number in last.lines else (*last.lines, line.number)
            found[-1] = _Utterance(
                last.start, max(last.end, part.end), numbers, last.stem, (*last.voice, part)
            )
        else:
            found.append(_Utterance(part.start, part.end, (line.number,), line.stem, (part,)))
    return found


def _frames(
    start: Fraction, end: Fraction, span: tuple[int, int], timing: FilmTiming, margin: Fraction
) -> slice:
    """Frames of a track that are on screen during an interval with its margins."""
    first, last = span
    low = bisect_right(timing.starts, start - margin, first, last) - 1
    high = bisect_left(timing.starts, end + margin, first, last)
    return slice(max(low, first) - first, high - first)


def _end_of(frame: int, timing: FilmTiming) -> Fraction:
    return timing.starts[frame] if frame < len(timing.starts) else timing.end


def _fill_gaps(marks: NDArray[np.int64], shortest: int) -> None:
    """Shut the mouth in short stretches between two drawn ones."""
    place = 0
    for own, run in groupby((marks < 0).tolist()):
        length = len(list(run))
        inside = place > 0 and place + length < len(marks)
        if own and inside and length < shortest:
            marks[place : place + length] = 0
        place += length


def _runs(
    marks: NDArray[np.int64], first: int, utterances: Sequence[_Utterance]
) -> Iterable[Passage]:
    place = first
    for mark, run in groupby(marks.tolist()):
        end = place + len(list(run))
        if mark == 0:
            yield Passage(place, end)
        elif mark > 0:
            said = utterances[mark - 1]
            yield Passage(place, end, said.lines, said.stem, said.voice)
        place = end
