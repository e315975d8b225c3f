"""Scripts: the timed lines of a dub, as SRT, WebVTT, TTML or SSA."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.cues import Cue, read_cues
from mytalk_core.speech.transcript import Segment

_UNSPOKEN = re.compile(r"\[[^\]]*\]|[♪♫]")  # [door slams], song marks


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

    lines: tuple[Segment, ...] = ()  # by start, without words
    faults: tuple[ScriptFault, ...] = ()  # in the order of the file


def read_script(path: Path) -> Script:
    """Read the lines of a script by start, without markup and sound descriptions.

    Lines without a valid time, without length or without text are skipped; overlapping lines are
    used. Both are reported as faults.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, or BAD_SCRIPT where no line is usable or
            the file is no script.
    """
    try:
        cues = read_cues(_text(path))
    except ValueError as error:
        raise _bad(path, "this is not a readable script.") from error
    lines: list[Segment] = []
    faults: list[ScriptFault] = []
    latest = Fraction(0)  # end of the lines so far
    for number, cue in enumerate(cues, 1):
        text = _spoken(cue.text)
        if cue.text.strip() and not text:  # a sound description only
            continue
        what = _unusable(cue, text)
        if cue.start is None or cue.end is None or what:
            faults.append(ScriptFault(number, text, cue.start, cue.end, what, skipped=True))
            continue
        lines.append(Segment(text, cue.start, cue.end))
        if cue.start < latest and any(_overlap(cue, line) for line in lines[:-1]):
            overlaps = "overlaps another line"
            faults.append(ScriptFault(number, text, cue.start, cue.end, overlaps, skipped=False))
        latest = max(latest, cue.end)
    if not lines:
        because = f": {faults[0]}" if faults else ""
        raise _bad(path, f"the script has no usable spoken line{because}.")
    return Script(tuple(sorted(lines, key=lambda line: line.start)), tuple(faults))


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


def _unusable(cue: Cue, text: str) -> str:
    """Return why a cue is unusable, or the empty string."""
    if cue.start is None or cue.end is None:
        return "has no valid time"
    if cue.start < 0:
        return "starts before the recording"
    if cue.end == cue.start:
        return "has no length"
    if cue.end < cue.start:
        return "ends before it starts"
    return "" if text else "has no text"


def _overlap(cue: Cue, line: Segment) -> bool:
    assert cue.start is not None and cue.end is not None  # checked by the caller
    return cue.start < line.end and line.start < cue.end


def _clock(time: Fraction | None) -> str:
    """Format as h:mm:ss.mmm, rounded down."""
    if time is None:
        return "?"
    seconds, milliseconds = divmod(int(abs(time) * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    sign = "-" if time < 0 else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{seconds:02d}.{milliseconds:03d}"


def _text(path: Path) -> str:
    try:
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
        raise BadInputError("the script is empty.", reason=Reason.EMPTY_FILE, where=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"the script is not UTF-8 (byte {error.start}).",
            reason=Reason.BAD_SCRIPT,
            where=str(path),
            remedy="Save it as UTF-8.",
        ) from error


def _spoken(text: str) -> str:
    return " ".join(_UNSPOKEN.sub(" ", text).split())


def _bad(path: Path, what: str) -> BadInputError:
    return BadInputError(
        what,
        reason=Reason.BAD_SCRIPT,
        where=str(path),
        remedy="Give SRT, WebVTT, TTML or SSA with a time for every line.",
    )
