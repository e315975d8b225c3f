"""Read the cues of a subtitle file in file order, even where some of them are malformed.

pysubs2 parses the formats, but a malformed cue makes it refuse the whole file or append the cue to
the text of the one before. Here such a cue affects only itself.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from xml.etree import ElementTree

import pysubs2
from pysubs2.formats.ttml import TT_NS, TTMLFormat

_ARROW = "-->"
# Formats in which a cue is a timing line with an arrow, followed by text.
_ARROW_FORMATS = ("srt", "vtt")
# pysubs2 would drop the sign of such a timestamp.
_NEGATIVE = re.compile(r"^[ \t]*-[\d:,.]+[ \t]*-->.*$|^.*-->[ \t]*-.*$", re.MULTILINE)
_SSA_FORMATS = ("ass", "ssa")


@dataclass(frozen=True)
class Cue:
    """One cue of a subtitle file."""

    text: str  # without markup; lines are separated by line feeds
    start: Fraction | None  # seconds; None where it cannot be parsed
    end: Fraction | None  # seconds; None where it cannot be parsed


def read_cues(text: str) -> list[Cue]:
    """Parse a file in SRT, WebVTT, TTML, SSA or another format that pysubs2 detects.

    Raises:
        ValueError: where the file as a whole cannot be parsed.
    """
    try:
        return list(_read(text))
    except (
        pysubs2.exceptions.Pysubs2Error,
        LookupError,
        NotImplementedError,
        SyntaxError,
        TypeError,
        AttributeError,
    ) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _read(text: str) -> Iterator[Cue]:
    kind = pysubs2.formats.autodetect_format(text)
    if kind == "ttml":
        yield from _ttml(text)
    elif kind in _SSA_FORMATS:
        yield from _ssa(text)
    elif kind in _ARROW_FORMATS:
        readable = _NEGATIVE.sub(lambda row: row[0].replace(":", " "), text)
        for cue in _events(readable):
            yield from _parts(cue, kind)
    else:
        yield from _events(text)


def _events(text: str) -> Iterator[Cue]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subtitles = pysubs2.SSAFile.from_string(text)
    for event in subtitles:
        if not event.is_comment and not event.is_drawing:
            times = Fraction(event.start, 1000), Fraction(event.end, 1000)
            yield Cue(event.plaintext, *times)


def _parts(cue: Cue, kind: str) -> Iterator[Cue]:
    """Yield a cue and the cues below it whose timing lines were parsed as its text."""
    blocks: list[list[str]] = [[]]
    for line in cue.text.split("\n"):
        if _ARROW in line:
            blocks.append([])
        else:
            blocks[-1].append(line)
    for number, block in enumerate(blocks):
        followed = number + 1 < len(blocks)
        text = "\n".join(block)
        if kind == "vtt":  # a blank line ends a cue; an identifier or a comment may follow
            text = text.partition("\n\n")[0]
        elif followed:  # the number of the next cue
            text = re.sub(r"(^|\n)\s*\d+\s*$", "", text)
        if number:
            yield Cue(text, None, None)
        else:
            yield Cue(text, cue.start, cue.end)


def _ssa(text: str) -> Iterator[Cue]:
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
            yield Cue(line.rpartition(",")[2].strip(), None, None)


def _ttml(text: str) -> Iterator[Cue]:
    """Parse TTML; paragraphs that pysubs2 cannot parse are removed before and reinserted after."""
    root = ElementTree.fromstring(text)
    parents = {child: parent for parent in root.iter() for child in parent}
    unreadable: list[tuple[int, Cue]] = []
    for number, paragraph in enumerate(list(root.iter(f"{TT_NS}p"))):
        if not _has_times(paragraph):
            words = " ".join("".join(paragraph.itertext()).split())
            unreadable.append((number, Cue(words, None, None)))
            parents[paragraph].remove(paragraph)
    cues = list(_events(ElementTree.tostring(root, encoding="unicode")))
    for number, cue in unreadable:
        cues.insert(number, cue)
    yield from cues


def _has_times(paragraph: ElementTree.Element) -> bool:
    """Return whether pysubs2 can parse the paragraph's times; a `dur` is converted to an `end`."""
    begin, end, duration = (paragraph.get(name) for name in ("begin", "end", "dur"))
    try:
        start = TTMLFormat.timestamp_to_ms(begin or "0s")
        if "duration" in paragraph.attrib:
            TTMLFormat.timestamp_to_ms(paragraph.attrib["duration"])
        elif end is None and duration is not None:
            until = start + TTMLFormat.timestamp_to_ms(duration)
            paragraph.set("end", TTMLFormat.ms_to_timestamp(until))
        else:
            TTMLFormat.timestamp_to_ms(end or "")
    except NotImplementedError:
        return False
    return True
