"""Read WebVTT with its voices."""

import html
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby

from webvtt.vtt import WebVTTCommentBlock, WebVTTCueBlock, WebVTTRegionBlock, WebVTTStyleBlock

from mytalk_core.speech.scripts.rows import ScriptRow, ScriptRows, UnreadableScriptError
from mytalk_core.speech.scripts.times import read_time

# <v Anna>, <v.loud Anna>
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?(?:[ \t]+([^>]*))?>")
_TAG = re.compile(r"</?[^>]*>")
_NOT_CUES = (WebVTTCommentBlock, WebVTTStyleBlock, WebVTTRegionBlock)


def read_web_vtt(text: str) -> ScriptRows:
    """Parse WebVTT: a row per voice of a cue, with its name.

    The voices of one cue share its time in order, each by its number of letters. A cue with a
    malformed time affects only itself.

    Raises:
        UnreadableScriptError: where the file does not start with `WEBVTT`.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[0].startswith("WEBVTT"):
        raise UnreadableScriptError("this is not a readable script.")
    _header, *blocks = _blocks(lines)
    rows: list[ScriptRow] = []
    shared = 0
    for number, block in enumerate(filter(_is_cue, blocks), 1):
        block = _without_id(block)
        voices = list(_voices("\n".join(block[1:])))
        shared += len(voices) > 1
        rows.extend(_rows(number, _times(block[0]), voices))
    notes = (
        f"{shared} cue{'s' if shared > 1 else ''} of several voices: the voices share the time of"
        " their cue by their numbers of letters",
    )
    return ScriptRows(tuple(rows), notes if shared else ())


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines between blank lines."""
    return [list(block) for blank, block in groupby(lines, lambda line: line == "") if not blank]


def _is_cue(block: Sequence[str]) -> bool:
    if any(kind.is_valid(block) for kind in _NOT_CUES):
        return False
    return any("-->" in line for line in block[:2])


def _without_id(block: list[str]) -> list[str]:
    return block if "-->" in block[0] else block[1:]


def _times(line: str) -> tuple[Fraction | None, Fraction | None]:
    if not re.match(WebVTTCueBlock.CUE_TIMINGS_PATTERN, line):
        return None, None
    cue = WebVTTCueBlock.from_lines([line])
    start, end = read_time(cue.start), read_time(cue.end)
    return (
        start if isinstance(start, Fraction) else None,
        end if isinstance(end, Fraction) else None,
    )


def _voices(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the plain text of each voice; a text before the first has no name."""
    pieces = _VOICE.split(text)
    before, *named = pieces
    if _plain(before) or not named:
        yield "", _plain(before)
    for name, spoken in zip(named[::2], named[1::2], strict=True):
        yield html.unescape(name or "").strip(), _plain(spoken)


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


def _rows(
    number: int,
    times: tuple[Fraction | None, Fraction | None],
    voices: Sequence[tuple[str, str]],
) -> Iterator[ScriptRow]:
    start, end = times
    if start is None or end is None or len(voices) == 1:
        yield from (ScriptRow(number, start, end, text, name) for name, text in voices)
        return
    letters = [max(len(text), 1) for _, text in voices]
    position, second = start, (end - start) / sum(letters)
    for (name, text), count in zip(voices, letters, strict=True):
        yield ScriptRow(number, position, position + count * second, text, name)
        position += count * second
