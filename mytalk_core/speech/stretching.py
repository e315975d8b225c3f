"""The sound of fitted lines: a stem on the clock of the film.

A line that changes is taken from the stem with a handle on both sides, for onsets and tails that
voice detection misses. Its pauses are cut or repeated in their middle with a cross-fade, then the
whole line is stretched at once, all channels together, so that they stay coherent. It replaces what
the stem has in its new place, and its old place becomes silent. Everything else is copied bit for
bit: lines that do not change, and the sound between lines.

Signalsmith stretch with blocks of 60 ms every 15 ms: compared with six other methods on four voices
at 0.85 to 1.3, it has the least distance from a linear warp in spectrum, pitch and formants.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from python_stretch import Signalsmith

from mytalk_core.media.clock import sample_at
from mytalk_core.speech.fitting import FittedLine
from mytalk_core.speech.transcript import Interval

# Seconds.
_BLOCK, _STEP = Fraction(60, 1000), Fraction(15, 1000)
_HANDLE = Fraction(80, 1000)  # moved with a line on each side where no other line is
_RUN_IN = Fraction(160, 1000)  # before and after a line for the stretcher, then cut off
_FADE = Fraction(5, 1000)  # at the ends of a line
_CROSS_FADE = Fraction(10, 1000)  # within pauses
_LEAST_BETWEEN = Fraction(20, 1000)  # shorter rests of the stem between changes become silent
_OUTPUT = 10  # length of the blocks of the result

_SEED = 0


@dataclass(frozen=True)
class _Span:
    """Samples [first, end)."""

    first: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.first


@dataclass(frozen=True)
class _Change:
    """A line that changes."""

    line: FittedLine
    old: _Span  # samples of the stem that it leaves, handles included
    new: _Span  # samples of the film that it takes, handles included
    before: int  # samples of its handle in the film


def fit_sound(
    stem: NDArray[np.float32], rate: int, lines: Sequence[FittedLine], length: int
) -> NDArray[np.float32]:
    """Return a stem on the clock of the film: (C, length).

    Args:
        stem: (C, N), any layout of channels.
        rate: Hz.
        lines: the fitted lines of this stem.
        length: samples of the film; the stem is cut, or padded with silence.
    """
    fitted = np.empty((len(stem), length), np.float32)
    first = 0
    for block in fitted_blocks(stem, rate, lines, length):
        fitted[:, first : first + block.shape[1]] = block
        first += block.shape[1]
    return fitted


def fitted_blocks(
    stem: NDArray[np.float32], rate: int, lines: Sequence[FittedLine], length: int
) -> Iterator[NDArray[np.float32]]:
    """Yield `fit_sound` in consecutive blocks (C, n), for stems that stay on disk.

    One block and the lines in it are held. Equal input gives equal bytes.
    """
    changes = sorted(_changes(lines, rate), key=lambda change: change.new.first)
    silent = _joined(
        [span for change in changes for span in (change.old, change.new)],
        sample_at(_LEAST_BETWEEN, rate),
    )
    fade = sample_at(_FADE, rate)
    waiting = iter([change for change in changes if change.new.length])
    sounding: list[tuple[_Change, NDArray[np.float32]]] = []
    next_change = next(waiting, None)
    for first in range(0, length, _OUTPUT * rate):
        block = _Span(first, min(first + _OUTPUT * rate, length))
        samples = _samples(stem, block.first, block.length)
        for span in _within(silent, block):
            samples[:, _part(span, block)] *= _gain(span, block, fade)
        while next_change and next_change.new.first < block.end:
            sounding.append((next_change, _rendered(stem, rate, next_change)))
            next_change = next(waiting, None)
        for change, sound in sounding:
            shown = _part(change.new, block)
            start = block.first + shown.start - change.new.first
            samples[:, shown] += sound[:, start : start + shown.stop - shown.start]
        sounding = [each for each in sounding if each[0].new.end > block.end]
        yield samples


def _changes(lines: Sequence[FittedLine], rate: int) -> Iterator[_Change]:
    """Yield the lines that change, with as much of a handle as their neighbours leave."""
    sounds = _Neighbours([line.sound for line in lines if line.sound])
    places = _Neighbours([line.interval for line in lines if line.interval.length])
    for line in lines:
        if line.sound is None or (line.time_map.points and line.time_map.is_identity):
            continue
        before, after = sounds.handles(line.sound)
        old = _Span(
            sample_at(line.sound.start - before, rate), sample_at(line.sound.end + after, rate)
        )
        place = line.interval
        first, end = sample_at(place.start, rate), sample_at(place.end, rate)
        if first == end:  # nothing of it is played
            yield _Change(line, old, _Span(first, first), 0)
            continue
        placed_before, placed_after = places.handles(place)
        lead = min(sample_at(min(before, placed_before), rate), first)
        # The rest of a line that is cut off is no tail.
        tail = 0 if line.excess else sample_at(min(after, placed_after), rate)
        yield _Change(line, old, _Span(first - lead, end + tail), lead)


class _Neighbours:
    """Intervals of a stem or a film, and how much time they leave each other for handles."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self._starts = sorted(each.start for each in intervals)
        ordered = sorted(intervals, key=lambda each: each.start)
        self._ends = list(accumulate((each.end for each in ordered), max))

    def handles(self, interval: Interval) -> tuple[Fraction, Fraction]:
        """Return the handle before and after one of the intervals: half of the gap at most."""
        earlier = bisect_left(self._starts, interval.start)
        later = bisect_right(self._starts, interval.start)
        before = interval.start - self._ends[earlier - 1] if earlier else 2 * _HANDLE
        after = self._starts[later] - interval.end if later < len(self._starts) else 2 * _HANDLE
        return _half(before), _half(after)


def _half(gap: Fraction) -> Fraction:
    return min(max(gap / 2, Fraction(0)), _HANDLE)


def _rendered(stem: NDArray[np.float32], rate: int, change: _Change) -> NDArray[np.float32]:
    """Return the sound (C, n) of a line with its handles, faded at both ends."""
    line = change.line
    place = _Span(sample_at(line.interval.start, rate), sample_at(line.interval.end, rate))
    run_in = sample_at(_RUN_IN, rate)
    if line.speed == 1:
        tail = change.new.end - place.end
        sound = _edited(stem, rate, line, _Span(-change.before, place.length + tail))
    else:
        length = _edited_length(line, rate)
        edited = _edited(stem, rate, line, _Span(-run_in, length + run_in))
        stretched = _stretched(edited, rate, length / place.length)
        start = round(run_in * place.length / length) - change.before
        sound = stretched[:, start : start + change.new.length]
    length = change.new.length
    faded: NDArray[np.float32] = sound * _faded(length, sample_at(_FADE, rate), _Span(0, length))
    return faded


def _edited_length(line: FittedLine, rate: int) -> int:
    """Return the samples of a line after its pauses are changed, before it is stretched."""
    return sample_at(line.interval.length * line.speed, rate)


def _edited(
    stem: NDArray[np.float32], rate: int, line: FittedLine, span: _Span
) -> NDArray[np.float32]:
    """Return samples (C, n) of a line with changed pauses, not stretched.

    `span` counts from the line's start; it may begin before it and end after it.
    """
    start = line.interval.start

    def edited(target: Fraction) -> int:
        return sample_at(target * line.speed, rate) - sample_at(start * line.speed, rate)

    joins = []  # sample at which the next part starts, and its distance to the stem
    parts = line.time_map.intervals
    shift = sample_at(parts[0].source.start, rate)
    for piece in parts:
        if piece.speed != line.speed:
            middle = (edited(piece.target.start) + edited(piece.target.end)) // 2
            joins.append((middle, sample_at(piece.source.end, rate) - edited(piece.target.end)))
    sound = _samples(stem, span.first + shift, span.length)
    half = sample_at(_CROSS_FADE, rate) // 2
    # A line that is cut off within a pause ends before the other part.
    joins = [join for join in joins if join[0] + half <= span.end]
    ramp = np.linspace(0, 1, 2 * half, dtype=np.float32)
    for middle, shift in joins:
        # From the middle on the other part is played, after a cross-fade.
        begin = middle - half - span.first
        part = _samples(stem, middle - half + shift, span.end - middle + half)
        part[:, : len(ramp)] *= ramp
        part[:, : len(ramp)] += sound[:, begin : begin + len(ramp)] * (1 - ramp)
        sound[:, begin:] = part
    return sound


def _stretched(sound: NDArray[np.float32], rate: int, speed: float) -> NDArray[np.float32]:
    stretch = Signalsmith.Stretch(_SEED)
    stretch.configure(len(sound), sample_at(_BLOCK, rate), sample_at(_STEP, rate))
    stretch.setTimeFactor(speed)
    return np.asarray(stretch.process(np.ascontiguousarray(sound)), np.float32)


def _samples(stem: NDArray[np.float32], first: int, count: int) -> NDArray[np.float32]:
    """Return a copy (C, count) of samples; silence outside of the stem."""
    samples = np.zeros((len(stem), count), np.float32)
    begin, end = max(first, 0), min(first + count, stem.shape[1])
    if begin < end:
        samples[:, begin - first : end - first] = stem[:, begin:end]
    return samples


def _joined(spans: Sequence[_Span], least: int) -> list[_Span]:
    """Return the union of spans by start, with gaps below `least` samples closed."""
    joined: list[_Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if not span.length:
            continue
        if joined and span.first - joined[-1].end < least:
            joined[-1] = _Span(joined[-1].first, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _within(spans: Sequence[_Span], block: _Span) -> Sequence[_Span]:
    """Return the spans, disjoint and by start, that meet a block."""
    begin = bisect_right(spans, block.first, key=lambda each: each.end)
    end = bisect_left(spans, block.end, key=lambda each: each.first)
    return spans[begin:end]


def _part(span: _Span, block: _Span) -> slice:
    """Return the part of a span in a block, in samples of the block."""
    begin, end = max(span.first, block.first), min(span.end, block.end)
    return slice(begin - block.first, max(begin, end) - block.first)


def _gain(span: _Span, block: _Span, fade: int) -> NDArray[np.float32]:
    """Return the gain of the stem in the part of a silent span that is in a block."""
    part = _part(span, block)
    start = block.first + part.start - span.first
    return 1 - _faded(span.length, fade, _Span(start, start + part.stop - part.start))


def _faded(length: int, fade: int, part: _Span) -> NDArray[np.float32]:
    """Return a part (n,) of a gain of `length` samples: a rise from 0 to 1 and a fall to 0."""
    at = np.arange(part.first, part.end) + 0.5
    gain: NDArray[np.float32] = np.minimum(1, np.minimum(at, length - at) / fade).astype(np.float32)
    return gain
