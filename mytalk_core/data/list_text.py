"""Lists as text: what encoding a file has, its lines, and the records that they hold.

Lines and records are bounded, so that a file that is no list, or a quote that is never closed,
costs one row and no memory.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST_LINE = 1 << 16  # characters; below the limit of the csv module
DELIMITERS = (",", ";", "\t", "|")
"""What may stand between values, the most usual first."""

_MOST_LINES = 64  # of one record: values in quotes may hold line breaks
_HEAD = 4096  # bytes that are searched for what is no text
_BOMS = (  # the longer ones first: one of UTF-32 begins like one of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REPLACED = "\ufffd"
_OPEN_QUOTE = 'opens a quote (") that is not closed'


class NotTextError(ValueError):
    """The file is no text in an encoding that can be read; says which byte shows it."""


@dataclass(frozen=True)
class Line:
    """A line of a list with its ending."""

    number: int  # 1..
    text: str
    problem: str = ""  # what is wrong with it; empty where it can be read


@dataclass(frozen=True)
class Record:
    """The values that stand between delimiters in one line, or in several by means of quotes."""

    line: int  # where it begins
    values: tuple[str, ...]
    problem: str = ""


class Lines:
    """The lines of a file, one at a time; lines may be given back."""

    def __init__(self, file: io.BufferedReader) -> None:
        """Find the encoding: by a byte order mark, else UTF-8.

        Raises:
            NotTextError: where the file begins like none.
        """
        head = file.peek(_HEAD)[:_HEAD]
        encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
        if encoding.startswith("utf-8") and b"\0" in head.split(b"\n", 1)[0]:
            place = head.index(b"\0")
            paired = head[1:64:2].count(0) > 16 or head[0:64:2].count(0) > 16
            kind = "it looks like UTF-16 without a byte order mark" if paired else "it is no text"
            raise NotTextError(f"byte {place} is NUL: {kind}")
        # Of bytes that are not UTF-8 only the rows that hold them are lost.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        self._file = io.TextIOWrapper(file, encoding, errors, newline="")
        self._replaces = errors == "replace"
        self._given_back: deque[Line] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        if self._given_back:
            return self._given_back.popleft()
        text = self._file.readline(LONGEST_LINE)
        if not text:
            raise StopIteration
        self._number += 1
        if len(text) == LONGEST_LINE and not text.endswith(("\n", "\r")):
            while (rest := self._file.readline(LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
                pass
            return Line(self._number, "", f"is longer than {LONGEST_LINE} characters")
        return Line(self._number, text, self._problem(text))

    def give_back(self, lines: list[Line]) -> None:
        """Have these lines, in order, come next."""
        self._given_back.extendleft(reversed(lines))

    def _problem(self, text: str) -> str:
        if text.isascii():
            return "holds a NUL byte" if "\0" in text else ""
        if self._replaces:
            return "holds bytes that are no character" if _REPLACED in text else ""
        foreign = next((each for each in text if "\udc80" <= each <= "\udcff"), "")
        if foreign:
            return f"is not UTF-8 (byte 0x{ord(foreign) - 0xDC00:02x})"
        return "holds a NUL byte" if "\0" in text else ""


def records(lines: Lines, delimiter: str) -> Iterator[Record]:
    """The records of the lines to come, blank ones too; what cannot be read has its problem."""
    for line in lines:
        yield (
            Record(line.number, (), line.problem)
            if line.problem
            else _record(line, lines, delimiter)
        )


def _record(first: Line, lines: Lines, delimiter: str) -> Record:
    values, problem = split_values([first.text], delimiter)
    if problem != _OPEN_QUOTE:
        return Record(first.number, values, problem)
    taken = [first]
    length = len(first.text)
    for line in lines:
        taken.append(line)
        length += len(line.text)
        if line.problem or length > LONGEST_LINE or len(taken) > _MOST_LINES:
            break
        if '"' in line.text:  # no other line can close it
            values, problem = split_values([each.text for each in taken], delimiter)
            if not problem:
                return Record(first.number, values)
            if problem != _OPEN_QUOTE:
                break
    lines.give_back(taken[1:])
    return Record(first.number, (), _OPEN_QUOTE)


def split_values(lines: Sequence[str], delimiter: str) -> tuple[tuple[str, ...], str]:
    """The values of a record, trimmed, and what is wrong with it."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        values = tuple(value.strip() for value in next(reader, []))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return (), _OPEN_QUOTE
        return (), f"is not CSV: {error}"
    return values, ""
