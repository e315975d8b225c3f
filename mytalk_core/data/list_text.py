"""Lists as text: detect the encoding, read lines, and split them into records.

The length of lines and records is bounded, so that a file that is not a list, or an unclosed quote,
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
"""Separators of values, the most usual first."""

_MOST_LINES = 64  # per record: values in quotes may contain line breaks
_HEAD = 4096  # bytes that are inspected for the encoding
_BOMS = (  # UTF-32 first: its little-endian mark starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REPLACED = "\ufffd"
_OPEN_QUOTE = 'opens a quote (") that is not closed'


class NotTextError(ValueError):
    """The file is not text in a supported encoding; the message names the offending byte."""


@dataclass(frozen=True)
class Line:
    """A line of a list with its line ending."""

    number: int  # from 1
    text: str
    problem: str = ""  # empty if it can be read


@dataclass(frozen=True)
class Record:
    """The values of one line, or of several lines if values in quotes contain line breaks."""

    line: int  # number of its first line
    values: tuple[str, ...]
    problem: str = ""


class Lines:
    """Iterator over the lines of a file, with push-back."""

    def __init__(self, file: io.BufferedReader) -> None:
        """Detect the encoding: by a byte order mark, else UTF-8.

        Raises:
            NotTextError: the first line contains NUL bytes.
        """
        head = file.peek(_HEAD)[:_HEAD]
        encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
        if encoding.startswith("utf-8") and b"\0" in head.split(b"\n", 1)[0]:
            position = head.index(b"\0")
            paired = head[1:64:2].count(0) > 16 or head[0:64:2].count(0) > 16
            kind = "it looks like UTF-16 without a byte order mark" if paired else "it is not text"
            raise NotTextError(f"byte {position} is NUL: {kind}")
        # Bytes that are not UTF-8 invalidate only the rows that contain them.
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
        """Push back lines; they are returned next, in this order."""
        self._given_back.extendleft(reversed(lines))

    def _problem(self, text: str) -> str:
        if text.isascii():
            return "contains a NUL byte" if "\0" in text else ""
        if self._replaces:
            return "contains bytes that are not characters" if _REPLACED in text else ""
        foreign = next((each for each in text if "\udc80" <= each <= "\udcff"), "")
        if foreign:
            return f"is not UTF-8 (byte 0x{ord(foreign) - 0xDC00:02x})"
        return "contains a NUL byte" if "\0" in text else ""


def records(lines: Lines, delimiter: str) -> Iterator[Record]:
    """Yield the records of the remaining lines, with blank ones and unreadable ones."""
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
        if '"' in line.text:  # may close the quote
            values, problem = split_values([each.text for each in taken], delimiter)
            if not problem:
                return Record(first.number, values)
            if problem != _OPEN_QUOTE:
                break
    lines.give_back(taken[1:])
    return Record(first.number, (), _OPEN_QUOTE)


def split_values(lines: Sequence[str], delimiter: str) -> tuple[tuple[str, ...], str]:
    """Return the trimmed values of a record, and its fault or an empty string."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        values = tuple(value.strip() for value in next(reader, []))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return (), _OPEN_QUOTE
        return (), f"is not CSV: {error}"
    return values, ""
