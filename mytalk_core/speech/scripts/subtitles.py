"""Read the cues of SRT, SSA and other subtitle files in file order, also where some are malformed.

pysubs2 parses the formats, but a malformed cue makes it refuse the whole file or append the cue to
the text of the one before. Here such a cue affects only itself.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import pysubs2

from mytalk_core.speech.scripts.rows import ScriptRow, ScriptRows, UnreadableScriptError

_ARROW = "-->"
# pysubs2 would drop the sign of such a timestamp.
_NEGATIVE = re.compile(r"^[ \t]*-[\d:,.]+[ \t]*-->.*$|^.*-->[ \t]*-.*$", re.MULTILINE)
_SSA_FORMATS = ("ass", "ssa")


@dataclass(frozen=True)
class _Cue:
    text: str
    start: Fraction | None  # seconds
    end: Fraction | None  # seconds
    name: str = ""


def read_subtitles(text: str) -> ScriptRows:
    """Parse SRT, SSA or another format that pysubs2 detects; SSA names its speakers.

    Raises:
        UnreadableScriptError: where the file as a whole cannot be parsed.
    """
    try:
        cues = list(_read(text))
    except (
        pysubs2.exceptions.Pysubs2Error,
        LookupError,
        NotImplementedError,
        SyntaxError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:
        raise UnreadableScriptError("this is not a readable script.") from error
    return ScriptRows(
        tuple(
            ScriptRow(number, cue.start, cue.end, cue.text, cue.name)
            for number, cue in enumerate(cues, 1)
        )
    )


def _read(text: str) -> Iterator[_Cue]:
    kind = pysubs2.formats.autodetect_format(text)
    if kind in _SSA_FORMATS:
        yield from _ssa(text)
    elif kind == "srt":
        for cue in _events(_NEGATIVE.sub(lambda row: row[0].replace(":", " "), text)):
            yield from _parts(cue)
    else:
        yield from _events(text)


def _events(text: str) -> Iterator[_Cue]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subtitles = pysubs2.SSAFile.from_string(text)
    for event in subtitles:
        if not event.is_comment and not event.is_drawing:
            times = Fraction(event.start, 1000), Fraction(event.end, 1000)
            yield _Cue(event.plaintext, *times, event.name)


def _parts(cue: _Cue) -> Iterator[_Cue]:
    """Yield a cue and the cues below it whose timing lines were parsed as its text."""
    blocks: list[list[str]] = [[]]
    for line in cue.text.split("\n"):
        if _ARROW in line:
            blocks.append([])
        else:
            blocks[-1].append(line)
    for number, block in enumerate(blocks):
        text = "\n".join(block)
        if number + 1 < len(blocks):  # the number of the next cue
            text = re.sub(r"(^|\n)\s*\d+\s*$", "", text)
        yield _Cue(text, None, None) if number else _Cue(text, cue.start, cue.end)


def _ssa(text: str) -> Iterator[_Cue]:
    try:
        yield from list(_events(text))
        return
    except ValueError:  # a malformed timestamp: parse each event separately
        pass
    lines = text.splitlines()
    is_event = [line.lstrip().lower().startswith("dialogue:") for line in lines]
    head = lines[: is_event.index(True)] if any(is_event) else lines
    for line in (line for line, event in zip(lines, is_event, strict=True) if event):
        try:
            yield from list(_events("\n".join([*head, line])))
        except ValueError:
            yield _Cue(line.rpartition(",")[2].strip(), None, None)
