"""Scripts: the lines of a dub with their times, as SRT, WebVTT, TTML or SSA."""

import re
from fractions import Fraction
from pathlib import Path

import pysubs2

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.transcript import Segment

_UNSPOKEN = re.compile(r"\[[^\]]*\]|[♪♫]")  # [door slams], song marks


def read_script(path: Path) -> tuple[Segment, ...]:
    """The lines of a script by start, without markup and sound descriptions, not yet aligned.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, or BAD_SCRIPT where it holds no lines,
            a line ends before it starts, or it is no script at all.
    """
    try:
        subtitles = pysubs2.SSAFile.from_string(_text(path))
    except (pysubs2.exceptions.Pysubs2Error, ValueError, SyntaxError) as error:
        raise _bad(path, "this is no script that can be read.") from error
    lines = [_line(event, path) for event in subtitles.get_text_events() if _spoken(event)]
    if not lines:
        raise _bad(path, "the script holds no spoken line.")
    return tuple(sorted(lines, key=lambda line: line.start))


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


def _spoken(event: pysubs2.SSAEvent) -> str:
    return " ".join(_UNSPOKEN.sub(" ", event.plaintext).split())


def _line(event: pysubs2.SSAEvent, path: Path) -> Segment:
    if event.end <= event.start:
        raise _bad(path, f"the line {_spoken(event)!r} ends before it starts.")
    return Segment(_spoken(event), Fraction(event.start, 1000), Fraction(event.end, 1000))


def _bad(path: Path, what: str) -> BadInputError:
    return BadInputError(
        what,
        reason=Reason.BAD_SCRIPT,
        where=str(path),
        remedy="Give SRT, WebVTT, TTML or SSA with a time for every line.",
    )
