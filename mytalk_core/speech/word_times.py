"""Complete and correct word times from aligners that leave some out."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, groupby, pairwise, takewhile

from mytalk_core.speech.transcript import Interval, Segment, Word


def distribute_words(texts: Sequence[str], parts: Sequence[Interval]) -> tuple[Word, ...]:
    """Distribute words over `parts` in order, each as long as its number of letters.

    Args:
        texts: the words.
        parts: allowed intervals, by start, disjoint; pauses between them stay empty. Without any
            part the words have no times.
    """
    if not parts:
        return tuple(Word(text) for text in texts)
    letters = list(accumulate((max(len(text), 1) for text in texts), initial=0))
    room = sum((part.length for part in parts), Fraction(0))
    spoken = [room * count / max(letters[-1], 1) for count in letters]
    return tuple(
        Word(text, start=_time_at(start, parts, opening=True), end=_time_at(end, parts))
        for text, (start, end) in zip(texts, pairwise(spoken), strict=True)
    )


def fill_word_times(segment: Segment) -> Segment:
    """Return the segment with a time for every word.

    Consecutive words without times share the time between the timed words around them, or up to
    the segment's edges.
    """
    words: list[Word] = []
    position = segment.start
    runs = [
        (timed, list(run))
        for timed, run in groupby(segment.words, key=lambda word: word.interval is not None)
    ]
    for index, (timed, run) in enumerate(runs):
        if not timed:
            after = runs[index + 1][1][0].start if index + 1 < len(runs) else segment.end
            room = Interval(position, max(position, after or position))
            placed = distribute_words([word.text for word in run], [room])
            run = [word.at(place.interval) for word, place in zip(run, placed, strict=True)]
        words.extend(run)
        position = run[-1].end or position
    return replace(segment, words=tuple(words))


def clip_to_voice(words: Sequence[Word], voice: Sequence[Interval]) -> tuple[Word, ...]:
    """Clip each word to the voice interval that it overlaps most.

    Aligners extend words into pauses, but no word spans a pause. A word outside all voice intervals
    loses its time.
    """
    return tuple(word.at(_voiced(word, voice)) for word in words)


def group_by_voice(
    words: Sequence[Word], voice: Sequence[Interval]
) -> Iterator[tuple[Interval, tuple[Word, ...]]]:
    """Group clipped words by the voice interval that contains them.

    Words without a time stay with those before them. `voice` is not empty.
    """
    place = 0
    where: list[int] = []
    for word in words:
        while word.start is not None and place + 1 < len(voice) and word.start >= voice[place].end:
            place += 1
        where.append(place)
    for index, group in groupby(zip(where, words, strict=True), key=lambda pair: pair[0]):
        yield voice[index], tuple(word for _, word in group)


def within(voice: Sequence[Interval], span: Interval) -> tuple[Interval, ...]:
    """Return the parts of `voice` (by start, disjoint) inside `span`."""
    first = bisect_right(voice, span.start, key=lambda part: part.end)
    touching = takewhile(lambda part: part.start < span.end, voice[first:])
    return tuple(
        Interval(max(part.start, span.start), min(part.end, span.end)) for part in touching
    )


def _voiced(word: Word, voice: Sequence[Interval]) -> Interval | None:
    if word.interval is None:
        return None
    return max(within(voice, word.interval), key=lambda part: part.length, default=None)


def _time_at(spoken: Fraction, parts: Sequence[Interval], opening: bool = False) -> Fraction:
    """Return the time after `spoken` seconds of `parts`; at an edge, `opening` takes the later."""
    for part in parts[:-1]:
        if spoken < part.length or (spoken == part.length and not opening):
            return part.start + spoken
        spoken -= part.length
    return parts[-1].start + spoken
