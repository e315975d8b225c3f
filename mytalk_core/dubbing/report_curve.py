"""The curve of a report: mouth opening over loudness, in panels of a few seconds.

A page sets as many panels side by side as fit, so a film of any length stays legible on a screen of
any width. This module computes the positions in a panel; the template draws it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mytalk_core.speech.transcript import Interval, Word

PANEL_SECONDS = 3
PANEL_WIDTH = 360.0  # SVG units
PLOT_TOP = 14.0
PLOT_BOTTOM = 128.0
WORD_ROWS = (147.0, 161.0, 175.0)  # baselines of the words
PANEL_HEIGHT = 196.0

QUIETEST_DBFS = -60.0  # the loudness at the plot's bottom; 0 dBFS is its top
_OPENING_STEP = 0.1  # inter-ocular units between grid lines
_LETTER_WIDTH = 6.4  # SVG units, roughly, of the words' font
_SCALE = PANEL_WIDTH / PANEL_SECONDS  # SVG units a second

_T = TypeVar("_T")


@dataclass(frozen=True)
class MouthCurve:
    """Mouth opening of one track with T frames."""

    times: NDArray[np.float64]  # (T,) seconds from the film's first frame, rising
    target: NDArray[np.float64]  # (T,) of the dub, inter-ocular units; NaN where nothing is drawn
    source: NDArray[np.float64]  # (T,) of the film, the same


@dataclass(frozen=True)
class FilmCurve:
    """Loudness of each of a film's F frames, and the mouth opening of each of its tracks."""

    times: NDArray[np.float64]  # (F,) seconds from the first frame, rising
    loudness: NDArray[np.float64]  # (F,) dBFS of the dub's speech
    mouths: tuple[MouthCurve, ...]  # by first frame


@dataclass(frozen=True)
class Span:
    """A horizontal stretch of a panel, in SVG units."""

    x: float
    width: float


@dataclass(frozen=True)
class PlacedWord:
    """A word under the curve."""

    text: str
    x: float  # its middle
    y: float  # its baseline
    bar: Span  # when it is said
    start: Fraction  # seconds
    end: Fraction  # seconds


@dataclass(frozen=True)
class GridLine:
    """A line across or down a panel, with its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Panel:
    """A few seconds of the curve, in SVG units; paths are SVG path data."""

    start: int  # seconds
    target: str
    source: str
    loudness: str
    voice: tuple[Span, ...]
    passed_through: tuple[Span, ...]
    words: tuple[PlacedWord, ...]
    openings: tuple[GridLine, ...]
    seconds: tuple[GridLine, ...]
    film: Span  # the part of the panel before the film ends


def curve_panels(
    curve: FilmCurve,
    duration: Fraction,
    voice: Sequence[Interval],
    passed_through: Sequence[Interval],
    words: Sequence[Word],
) -> Iterator[Panel]:
    """The panels of a film of `duration` seconds, in order. Words without times are left out."""
    top = _largest_opening(curve)
    steps = np.linspace(_OPENING_STEP, top, round(top / _OPENING_STEP), dtype=np.float64)
    grid = tuple(
        GridLine(float(y), f"{value:.1f}")
        for value, y in zip(steps, _opening_y(steps, top), strict=True)
    )
    voice_in = _by_panel((part, part) for part in voice)
    passed_in = _by_panel((part, part) for part in passed_through)
    words_in = _by_panel((word, word.interval) for word in words if word.interval)
    for number, start in enumerate(range(0, max(ceil(duration), 1), PANEL_SECONDS)):
        # What is said after the film's end is not in it.
        panel = Interval(Fraction(start), min(Fraction(start + PANEL_SECONDS), duration))
        shown = _shown_frames(curve.times, start)
        x = (curve.times[shown] - start) * _SCALE
        yield Panel(
            start=start,
            target=_mouth_lines(curve.mouths, [each.target for each in curve.mouths], start, top),
            source=_mouth_lines(curve.mouths, [each.source for each in curve.mouths], start, top),
            loudness=_area(x, _loudness_y(curve.loudness[shown])),
            voice=_spans(voice_in[number], panel),
            passed_through=_spans(passed_in[number], panel),
            words=tuple(_placed(words_in[number], panel)),
            openings=grid,
            seconds=tuple(
                GridLine(second * _SCALE, f"{start + second} s")
                for second in range(PANEL_SECONDS)
                if start + second < duration
            ),
            film=_spans([Interval(Fraction(0), duration)], panel)[0],
        )


def _shown_frames(times: NDArray[np.float64], start: int) -> slice:
    """Frames of a panel, with one more beyond either edge for lines into the next panel."""
    first = max(int(np.searchsorted(times, start)) - 1, 0)
    return slice(first, int(np.searchsorted(times, start + PANEL_SECONDS)) + 1)


def _mouth_lines(
    mouths: Sequence[MouthCurve], openings: Sequence[NDArray[np.float64]], start: int, top: float
) -> str:
    """Path data of the openings of all tracks that a panel shows."""
    lines = []
    for mouth, opening in zip(mouths, openings, strict=True):
        if mouth.times[-1] < start or mouth.times[0] > start + PANEL_SECONDS:
            continue
        shown = _shown_frames(mouth.times, start)
        x = (mouth.times[shown] - start) * _SCALE
        lines.append(_line(x, _opening_y(opening[shown], top)))
    return "".join(lines)


def _by_panel(timed: Iterable[tuple[_T, Interval]]) -> dict[int, list[_T]]:
    """What touches each panel, by the panel's number, in the order given."""
    found: defaultdict[int, list[_T]] = defaultdict(list)
    for thing, interval in timed:
        for number in range(
            int(interval.start // PANEL_SECONDS), int(interval.end // PANEL_SECONDS) + 1
        ):
            found[number].append(thing)
    return found


def _largest_opening(curve: FilmCurve) -> float:
    """The top of the scale, a whole number of steps."""
    openings = [values for mouth in curve.mouths for values in (mouth.target, mouth.source)]
    largest = max((float(np.nanmax(each, initial=0.0)) for each in openings), default=0.0)
    return max(ceil(largest / _OPENING_STEP), 2) * _OPENING_STEP


def _opening_y(opening: NDArray[np.float64], top: float) -> NDArray[np.float64]:
    return PLOT_BOTTOM - opening / top * (PLOT_BOTTOM - PLOT_TOP)


def _loudness_y(loudness: NDArray[np.float64]) -> NDArray[np.float64]:
    share = 1 - np.clip(loudness, QUIETEST_DBFS, 0.0) / QUIETEST_DBFS
    return PLOT_BOTTOM - share * (PLOT_BOTTOM - PLOT_TOP)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """Path data through the finite points; a gap where they are not."""
    parts = []
    drawing = False
    for across, down in zip(x, y, strict=True):
        if np.isfinite(down):
            parts.append(f"{'L' if drawing else 'M'}{across:.1f} {down:.1f}")
        drawing = bool(np.isfinite(down))
    return "".join(parts)


def _area(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    if not len(x):
        return ""
    outline = "".join(f"L{across:.1f} {down:.1f}" for across, down in zip(x, y, strict=True))
    return f"M{x[0]:.1f} {PLOT_BOTTOM}{outline}L{x[-1]:.1f} {PLOT_BOTTOM}Z"


def _spans(intervals: Sequence[Interval], panel: Interval) -> tuple[Span, ...]:
    """The parts of `intervals` that lie in `panel`."""
    spans = []
    for interval in intervals:
        start, end = max(interval.start, panel.start), min(interval.end, panel.end)
        if start < end:
            x = float(start - panel.start) * _SCALE
            spans.append(Span(round(x, 1), round(float(end - start) * _SCALE, 1)))
    return tuple(spans)


def _placed(words: Sequence[Word], panel: Interval) -> Iterator[PlacedWord]:
    """The words whose middle lies in `panel`, on the first row where they overlap no other."""
    row_ends = [0.0] * len(WORD_ROWS)
    for word in words:
        interval = word.interval
        if interval is None or not panel.start <= _middle(interval) < panel.end:
            continue
        half = len(word.text) * _LETTER_WIDTH / 2
        x = float(_middle(interval) - panel.start) * _SCALE
        x = min(max(x, half), PANEL_WIDTH - half) if half < PANEL_WIDTH / 2 else PANEL_WIDTH / 2
        free = [row for row, end in enumerate(row_ends) if end <= x - half]
        row = free[0] if free else int(np.argmin(row_ends))
        row_ends[row] = x + half
        bar = _spans([interval], panel)
        yield PlacedWord(
            text=word.text,
            x=round(x, 1),
            y=WORD_ROWS[row],
            bar=bar[0] if bar else Span(round(x, 1), 0.0),
            start=interval.start,
            end=interval.end,
        )


def _middle(interval: Interval) -> Fraction:
    return (interval.start + interval.end) / 2
