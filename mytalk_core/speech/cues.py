"""The cues of a subtitle file in its own order, also of a file in which some cannot be read.

pysubs2 knows the formats. What it does with a damaged cue differs: it refuses the whole file, or
takes the cue for text of the one before. Here such a cue costs only itself.
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
# Formats in which a cue is a row of times with an arrow, and text below.
_ARROW_FORMATS = ("srt", "vtt")
# pysubs2 would read such a time without its sign.
_NEGATIVE = re.compile(r"^[ \t]*-[\d:,.]+[ \t]*-->.*$|^.*-->[ \t]*-.*$", re.MULTILINE)
_SSA_FORMATS = ("ass", "ssa")


@dataclass(frozen=True)
class Cue:
    """One cue as it stands in the file."""

    text: str  # without markup; lines are separated by line feeds
    start: Fraction | None  # seconds; None where it cannot be read
    end: Fraction | None  # the same


def read_cues(text: str) -> list[Cue]:
    """The cues of a file in SRT, WebVTT, TTML, SSA or another format that pysubs2 tells by itself.

    Raises:
        ValueError: where the whole cannot be read as any of them.
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
    """A cue, and those below whose row of times was taken for its text."""
    blocks: list[list[str]] = [[]]
    for line in cue.text.split("\n"):
        if _ARROW in line:
            blocks.append([])
        else:
            blocks[-1].append(line)
    for number, block in enumerate(blocks):
        followed = number + 1 < len(blocks)
        text = "\n".join(block)
        if kind == "vtt":  # a blank line ends a cue; what follows is a name, or a comment
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
    except ValueError:  # of a time; each event is then read by itself
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
    """Paragraphs that pysubs2 cannot read are taken out before it reads the rest."""
    root = ElementTree.fromstring(text)
    parents = {child: parent for parent in root.iter() for child in parent}
    unreadable: list[tuple[int, Cue]] = []
    for number, paragraph in enumerate(list(root.iter(f"{TT_NS}p"))):
        if not _has_times(paragraph):
            words = " ".join("".join(paragraph.itertext()).split())
            unreadable.append((number, Cue(words, None, None)))
            parents[paragraph].remove(paragraph)
    cues = list(_events(ElementTree.tostring(root, encoding="unicode")))
    for number, cue in unreadable:  # back into their places
        cues.insert(number, cue)
    yield from cues


def _has_times(paragraph: ElementTree.Element) -> bool:
    """Whether pysubs2 can read a paragraph's times; a duration is turned into the end it means."""
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
