"""The lines of a dub: each line of the script with its stem and its sound in it."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from mytalk_core.speech.character_names import name_key
from mytalk_core.speech.lines import DubLine, ScriptLine
from mytalk_core.speech.transcript import Interval, Transcript, Word
from mytalk_core.speech.word_times import within

# Seconds. Voice that reaches less than this over the start of a line's slot is not cut there: the
# margins of the voice detector are 0.12 s and 0.08 s.
_SLIVER = Fraction(1, 4)
# Seconds before its slot in which a line may begin.
_EARLY = Fraction(1)
# Seconds. Voice between two slots belongs to the nearer line, up to this pause from it.
_PAUSE = Fraction(7, 10)


def dub_lines(
    script: Sequence[ScriptLine], transcripts: Mapping[str, Transcript]
) -> tuple[DubLine, ...]:
    """Return the lines of a dub by the start of their slots.

    A line belongs to the stem that is named like its character, else to the one with most voice in
    its slot. Its sound is the voice that starts in its slot, up to the start of the next line of
    the stem, with voice just before the slot and close behind it: lines of one stem never share a
    moment of sound. Without a script a line is a segment of a transcript, and its slot is its
    sound.

    Args:
        script: lines; empty where there is no script.
        transcripts: by name of the stem, "" for the only one; aligned to the lines of the script.
    """
    if not script:
        return _recognised(transcripts)
    ordered = sorted(script, key=lambda line: (line.slot.start, line.slot.end))
    stems = [_stem(line, transcripts) for line in ordered]
    sounds: dict[int, Interval] = {}
    for stem, transcript in transcripts.items():
        own = [index for index, each in enumerate(stems) if each == stem]
        found = _sounds([ordered[index] for index in own], transcript.voice)
        sounds |= {own[place]: sound for place, sound in found.items()}
    words = {stem: _words(transcript) for stem, transcript in transcripts.items()}
    return tuple(
        DubLine(
            index + 1,
            line.text,
            line.slot,
            sounds.get(index),
            words[stem].get((line.text, line.slot), _untimed(line.text)),
            stem,
            line.character,
            line.presence,
        )
        for index, (line, stem) in enumerate(zip(ordered, stems, strict=True))
    )


def _recognised(transcripts: Mapping[str, Transcript]) -> tuple[DubLine, ...]:
    found = sorted(
        ((stem, segment) for stem, each in transcripts.items() for segment in each.segments),
        key=lambda pair: (pair[1].start, pair[1].end),
    )
    return tuple(
        DubLine(number, segment.text, sound, sound, segment.words, stem)
        for number, (stem, segment) in enumerate(found, 1)
        for sound in (Interval(segment.start, segment.end),)
    )


def _stem(line: ScriptLine, transcripts: Mapping[str, Transcript]) -> str:
    """Return the stem of a line; of stems without voice in its slot, the first."""
    character = name_key(line.character)
    named = [stem for stem in transcripts if character and name_key(stem) == character]
    if named:
        return named[0]

    def voiced(stem: str) -> Fraction:
        parts = within(transcripts[stem].voice, line.slot)
        return sum((part.length for part in parts), Fraction(0))

    return max(transcripts, key=voiced)


def _words(transcript: Transcript) -> dict[tuple[str, Interval], tuple[Word, ...]]:
    return {
        (segment.text, Interval(segment.start, segment.end)): segment.words
        for segment in transcript.segments
    }


def _untimed(text: str) -> tuple[Word, ...]:
    return tuple(Word(word) for word in text.split())


@dataclass(frozen=True)
class _Place:
    """Where a line of a stem may sound."""

    start: Fraction  # seconds: start of its slot
    end: Fraction  # seconds: end of its slot, at most the start of the next line
    next: Fraction | None  # seconds: start of the next line; None after the last


def _sounds(lines: Sequence[ScriptLine], voice: Sequence[Interval]) -> dict[int, Interval]:
    """Return the sound of the lines of one stem by their index; lines without voice are absent.

    Args:
        lines: by start of their slots.
        voice: of the stem, by start, disjoint.
    """
    places = _places(lines)
    sounds: dict[int, Interval] = {}
    owner = 0  # never falls, so that sounds keep the order of the lines
    for part in _cut(voice, places):
        found = _owner(part, places, sounds)
        if found is None or found < owner:
            continue
        owner = found
        before = sounds.get(owner, part)
        sounds[owner] = Interval(before.start, part.end)
    return sounds


def _places(lines: Sequence[ScriptLine]) -> list[_Place]:
    """Return the places of lines; lines that start together share their time by letters."""
    starts: list[Fraction] = []
    groups = [list(group) for _, group in groupby(lines, key=lambda line: line.slot.start)]
    for number, group in enumerate(groups):
        start, end = group[0].slot.start, max(line.slot.end for line in group)
        if number + 1 < len(groups):
            end = min(end, groups[number + 1][0].slot.start)
        letters = [max(len(line.text), 1) for line in group]
        starts += [
            start + (end - start) * Fraction(sum(letters[:index]), sum(letters))
            for index in range(len(group))
        ]
    following = [*starts[1:], None]
    return [
        _Place(start, line.slot.end if after is None else min(line.slot.end, after), after)
        for line, start, after in zip(lines, starts, following, strict=True)
    ]


def _cut(voice: Sequence[Interval], places: Sequence[_Place]) -> Iterator[Interval]:
    """Yield voice cut where a line starts, unless the voice begins or ends there."""
    index = 0
    for part in voice:
        while index < len(places) and places[index].start <= part.start:
            index += 1
        for number in range(index, len(places)):
            start = places[number].start
            if start + _SLIVER >= part.end:
                break
            early = start - part.start
            begins_here = early < _SLIVER or (
                early <= _EARLY and (number == 0 or places[number - 1].end <= part.start)
            )
            if not begins_here:
                yield Interval(part.start, start)
                part = Interval(start, part.end)
        yield part


def _owner(part: Interval, places: Sequence[_Place], sounds: Mapping[int, Interval]) -> int | None:
    """Return the line to which cut voice belongs; None where it is near no line."""
    following = bisect_right(places, part.start, key=lambda place: place.start)
    here = following - 1
    if following < len(places):
        start = places[following].start
        if part.end >= start + _SLIVER:  # it begins just before the slot
            return following
    if here >= 0 and part.start < places[here].end:
        return here
    behind = part.start - sounds[here].end if here in sounds else None
    ahead = places[following].start - part.end if following < len(places) else None
    gaps = [(gap, line) for gap, line in ((behind, here), (ahead, following)) if gap is not None]
    gap, line = min(gaps, default=(_PAUSE + 1, None))
    return line if gap <= _PAUSE else None
