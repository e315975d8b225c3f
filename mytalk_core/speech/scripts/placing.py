"""Place the rows of a script on the film: from their own clock to seconds of the film."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.scripts.rows import RowTime, ScriptRow, ScriptRows, UnreadableScriptError

# A line without an end is as long as its letters take, and ends where the next one starts.
_LETTERS_A_SECOND = 15
_SHORTEST = Fraction(1)  # second, of a line without an end
_DAY = Fraction(86_400)  # seconds
_MIDNIGHT = "00:00:00:00"


@dataclass(frozen=True)
class ScriptFilm:
    """What a script may count its times from."""

    duration: Fraction | None = None  # seconds; None where unknown
    fps: Fraction | None = None  # frames a second; None where unknown
    start: Timecode | None = None  # timecode of the first frame; None where the film has none


@dataclass(frozen=True)
class PlacedRow:
    """A row with its times in seconds after the film's first frame."""

    row: ScriptRow
    start: Fraction | None  # None where the row states no valid time
    end: Fraction | None  # None where the row states no valid time


@dataclass(frozen=True)
class _Zero:
    """A point of time that a script may count from."""

    clock: Fraction  # seconds since midnight on the clock of times in seconds
    label: str  # timecode of the same point
    note: str  # for people, where it is taken; may be empty


@dataclass(frozen=True)
class _Labels:
    """How a script's timecode labels count frames."""

    rate: Fraction  # frames a second
    drop: bool  # whether labels with colons drop frames; those with `;` do

    def seconds(self, label: str) -> Fraction | None:
        """Return the seconds since midnight; None where no frame has the label."""
        try:
            code = Timecode.parse(label, self.rate, True if ";" in label else self.drop)
        except ValueError:
            return None
        return code.frame / code.rate


def place_rows(rows: ScriptRows, film: ScriptFilm) -> tuple[tuple[PlacedRow, ...], tuple[str, ...]]:
    """Return the rows in seconds of the film, in their order, and notes on what was decided.

    Times may count from the film's timecode, from its first frame, or from the full hour before
    the first line: the first of these that puts most lines inside the film is taken.

    Raises:
        UnreadableScriptError: where times are in frames and no rate is known.
    """
    labels = _labels(rows, film)
    has_labels = any(isinstance(row.start, str) for row in rows.rows)
    if labels is None and has_labels:
        raise UnreadableScriptError(
            "its times are in frames, and the frame rate is not known.",
            "Write times with milliseconds, or use the script with a film.",
        )
    zeros = _zeros(rows, film, labels)
    placed = [tuple(_placed(row, zero, labels) for row in rows.rows) for zero in zeros]
    counts = [_inside(each, film.duration) for each in placed]
    best = counts.index(max(counts))
    found = placed[best]
    notes = [zeros[best].note]
    if rows.rate and film.fps and rows.rate != film.fps:
        notes.append(f"the script counts {rows.rate} frames a second, the film has {film.fps}")
    if not rows.has_ends:
        found = _with_ends(found)
        notes.append(
            "the script states no ends: a line ends where the next one starts, at the latest after"
            f" the time of {_LETTERS_A_SECOND} letters a second"
        )
    return found, tuple(filter(None, notes))


def _labels(rows: ScriptRows, film: ScriptFilm) -> _Labels | None:
    rate = rows.rate or film.fps or (film.start.rate if film.start else None)
    if rate is None:
        return None
    return _Labels(rate, film.start is not None and film.start.drop and film.start.rate == rate)


def _zeros(rows: ScriptRows, film: ScriptFilm, labels: _Labels | None) -> list[_Zero]:
    """Return the points that the script may count from, the likeliest first."""

    def zero(label: str, note: str) -> _Zero:
        if rows.rate and labels:  # the file's seconds were themselves counted in frames
            return _Zero(labels.seconds(label) or Fraction(0), label, note)
        hours, minutes, seconds, frames = map(int, label.replace(";", ":").split(":"))
        clock = Fraction(3600 * hours + 60 * minutes + seconds)
        return _Zero(clock + Fraction(frames, max(round(film.fps or 1), 1)), label, note)

    zeros = [zero(_MIDNIGHT, "")]
    if film.start is not None and film.start.frame:
        start = film.start.label
        zeros = [
            zero(start, f"the script counts from {start}, the film's timecode"),
            zero(_MIDNIGHT, f"the script counts from the film's first frame, not from {start}"),
        ]
    hour = _first_hour(rows.rows)
    if 0 < hour < 24:
        label = f"{hour:02d}:00:00:00"
        zeros.append(zero(label, f"the script counts from {label}, unlike the film"))
    return zeros


def _first_hour(rows: Sequence[ScriptRow]) -> int:
    """Return the full hour before the first line; 0 without a time."""
    hours = [
        int(row.start[:2]) if isinstance(row.start, str) else int(row.start // 3600)
        for row in rows
        if row.start is not None
    ]
    return min(hours, default=0)


def _placed(row: ScriptRow, zero: _Zero, labels: _Labels | None) -> PlacedRow:
    def seconds(time: RowTime | None) -> Fraction | None:
        if time is None or isinstance(time, Fraction):
            return None if time is None else time - zero.clock
        since_midnight = labels.seconds(time) if labels else None
        start = labels.seconds(zero.label) if labels else None
        if since_midnight is None or start is None:
            return None
        after = since_midnight - start
        return after + _DAY if after < -_DAY / 2 else after  # a film may cross midnight

    start, end, length = seconds(row.start), seconds(row.end), row.duration
    if isinstance(length, str):
        length = labels.seconds(length) if labels else None
    if end is None and start is not None and length is not None:
        end = start + length
    return PlacedRow(row, start, end)


def _inside(rows: Sequence[PlacedRow], duration: Fraction | None) -> int:
    """Return how many rows start inside the film."""
    starts = [row.start for row in rows if row.start is not None]
    return sum(start >= 0 and (not duration or start < duration) for start in starts)


def _with_ends(rows: Sequence[PlacedRow]) -> tuple[PlacedRow, ...]:
    starts = sorted({row.start for row in rows if row.start is not None})
    following = dict(pairwise(starts))
    found = []
    for row in rows:
        if row.start is not None:
            length = max(_SHORTEST, Fraction(len(row.row.text), _LETTERS_A_SECOND))
            end = row.start + length
            row = replace(row, end=min(end, following.get(row.start, end)))
        found.append(row)
    return tuple(found)
