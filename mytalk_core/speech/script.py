"""Scripts: the timed lines of a dub, checked and in seconds of its film."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.character_names import name_key, presence_of_mark, read_name
from mytalk_core.speech.lines import Presence, ScriptLine
from mytalk_core.speech.scripts.formats import FORMATS, read_rows
from mytalk_core.speech.scripts.marks import read_spoken
from mytalk_core.speech.scripts.placing import PlacedRow, ScriptFilm, place_rows
from mytalk_core.speech.scripts.rows import UnreadableScriptError
from mytalk_core.speech.transcript import Interval, Segment

_LARGEST = 100_000_000  # bytes; a script of a film has less than one million
_PAST_END = Fraction(1, 2)  # seconds by which a line may end after the film without a fault


@dataclass(frozen=True)
class ScriptFault:
    """A problem in a line of a script."""

    number: int  # of the line in the file, from 1
    text: str  # spoken text; may be empty
    start: Fraction | None  # seconds; None where the file states no valid time
    end: Fraction | None  # seconds; None where the file states no valid time
    what: str  # the problem
    skipped: bool  # whether the line is skipped

    def __str__(self) -> str:
        times = f" ({_clock(self.start)} to {_clock(self.end)})"
        words = f" {self.text!r}" if self.text else ""
        outcome = "it is skipped" if self.skipped else "it is used nevertheless"
        return f"line {self.number}{times}{words} {self.what}: {outcome}"


@dataclass(frozen=True)
class Script:
    """The usable lines of a script."""

    lines: tuple[ScriptLine, ...] = ()  # by start
    faults: tuple[ScriptFault, ...] = ()  # in the order of the file
    notes: tuple[str, ...] = ()  # what the reader decided, for people


def read_script(path: Path, film: ScriptFilm | None = None) -> Script:
    """Read the lines of a script by start, without markup and performance marks.

    Lines without a valid time, without length, without text or after the film are skipped; lines
    that overlap, stand before an earlier one or end after the film are used. Both are reported as
    faults. Lines of different characters may overlap.

    Args:
        film: what the times may count from; None: its first frame.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, OVER_LIMIT, or BAD_SCRIPT where no line is
            usable or the file is no script.
    """
    film = film or ScriptFilm()
    try:
        rows = read_rows(_content(path))
        placed, notes = place_rows(rows, film)
    except UnreadableScriptError as error:
        raise _bad(path, error.what, error.remedy) from error
    usable, skipped = _sorted_out(placed, film.duration or None)
    faults = sorted([*skipped, *_order_faults(usable)], key=lambda fault: fault.number)
    if not usable:
        because = f": {faults[0]}" if faults else ""
        raise _bad(path, f"the script has no usable spoken line{because}.")
    lines = sorted(usable, key=lambda line: line.slot.start)
    return Script(tuple(lines), tuple(faults), (*rows.notes, *notes))


def segments(lines: Iterable[ScriptLine]) -> tuple[Segment, ...]:
    """Return lines as segments without words, as the recogniser takes them."""
    return tuple(Segment(line.text, line.slot.start, line.slot.end) for line in lines)


def faults_to_json(faults: Sequence[ScriptFault]) -> list[dict[str, object]]:
    """Convert faults to JSON values, times in seconds."""
    return [
        {
            "line": fault.number,
            "start": None if fault.start is None else float(fault.start),
            "end": None if fault.end is None else float(fault.end),
            "text": fault.text,
            "what": fault.what,
            "skipped": fault.skipped,
        }
        for fault in faults
    ]


def _sorted_out(
    rows: Sequence[PlacedRow], duration: Fraction | None
) -> tuple[list[ScriptLine], list[ScriptFault]]:
    """Return the usable lines in the order of the file, and the faults of single lines.

    Rows that contain sounds or marks only are left out without a fault.
    """
    lines: list[ScriptLine] = []
    faults: list[ScriptFault] = []
    for placed in rows:
        row, start, end = placed.row, placed.start, placed.end
        name = read_name(row.character)
        spoken = read_spoken(row.text, name.name)
        if row.text.strip() and not spoken.text:
            continue
        what = _unusable(placed, spoken.text, duration)
        if start is None or end is None or what:
            faults.append(ScriptFault(row.number, spoken.text, start, end, what, skipped=True))
            continue
        if duration and end > duration:
            if end > duration + _PAST_END:
                past = "ends after the film"
                faults.append(ScriptFault(row.number, spoken.text, start, end, past, skipped=False))
            end = duration
        stated = (row.presence, spoken.presence, name.presence, *_presences(row.marks))
        presence = next((each for each in stated if each is not Presence.UNKNOWN), stated[0])
        character = name.name or spoken.character
        slot = Interval(start, end)
        lines.append(ScriptLine(row.number, spoken.text, slot, character, presence))
    return lines, faults


def _presences(marks: str) -> Iterator[Presence]:
    """Yield what remarks such as "OFF, laughing" say about the picture."""
    for part in marks.replace("(", ",").replace(")", ",").replace(";", ",").split(","):
        if presence := presence_of_mark(part):
            yield presence


def _unusable(placed: PlacedRow, text: str, duration: Fraction | None) -> str:
    """Return why a row is unusable, or the empty string."""
    if placed.start is None or placed.end is None:
        return "has no valid time"
    if placed.start < 0:
        return "starts before the recording"
    if placed.end == placed.start:
        return "has no length"
    if placed.end < placed.start:
        return "ends before it starts"
    if duration and placed.start >= duration:
        return "starts after the end of the film"
    return "" if text else "has no text"


def _order_faults(lines: Sequence[ScriptLine]) -> Iterator[ScriptFault]:
    """Yield faults of lines that overlap another or stand in the file before an earlier one."""
    latest = Fraction(0)  # start of the lines above
    for line in lines:
        if line.slot.start < latest:
            yield _fault(line, "starts before a line above it")
        latest = max(latest, line.slot.start)
    open_lines: list[ScriptLine] = []
    for line in sorted(lines, key=lambda line: line.slot.start):
        open_lines = [other for other in open_lines if other.slot.end > line.slot.start]
        if any(_may_not_overlap(line, other) for other in open_lines):
            yield _fault(line, "overlaps another line")
        open_lines.append(line)


def _may_not_overlap(line: ScriptLine, other: ScriptLine) -> bool:
    """Whether one voice may have to say both lines."""
    names = name_key(line.character), name_key(other.character)
    return not all(names) or names[0] == names[1]


def _fault(line: ScriptLine, what: str) -> ScriptFault:
    return ScriptFault(line.number, line.text, line.slot.start, line.slot.end, what, skipped=False)


def _clock(time: Fraction | None) -> str:
    """Format as h:mm:ss.mmm, rounded down."""
    if time is None:
        return "?"
    seconds, milliseconds = divmod(int(abs(time) * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    sign = "-" if time < 0 else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{seconds:02d}.{milliseconds:03d}"


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInputError(
                "the file is too large for a script.", reason=Reason.OVER_LIMIT, where=str(path)
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInputError(
            "there is no such file.", reason=Reason.NOT_FOUND, where=str(path)
        ) from error
    except OSError as error:
        raise BadInputError(
            f"the script cannot be read: {error.strerror}.",
            reason=Reason.UNREADABLE,
            where=str(path),
        ) from error
    if not data.strip():
        raise BadInputError(
            "the script is empty.",
            reason=Reason.EMPTY_FILE,
            where=str(path),
            remedy="Export it again; without a script the words are recognised.",
        )
    return data


def _bad(path: Path, what: str, remedy: str = "") -> BadInputError:
    return BadInputError(
        what,
        reason=Reason.BAD_SCRIPT,
        where=str(path),
        remedy=remedy or f"Give {FORMATS} with a time for every line.",
    )
