"""Read the tables of dialogue lists: CSV, workbooks (XLSX, XLS, ODS) and documents (DOCX)."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from mytalk_core.speech.scripts.rows import ScriptRows, UnreadableScriptError
from mytalk_core.speech.scripts.tables import Cell, is_dialogue_list, read_table

_SEPARATORS = (";", "\t", ",", "|")
_SAMPLE = 40  # lines that decide about the separator


def read_csv(text: str) -> ScriptRows:
    """Read a dialogue list of separated values; the separator is found.

    Raises:
        UnreadableScriptError: as `read_table`.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text)))
    except csv.Error as error:
        raise UnreadableScriptError(f"this is not a readable table: {error}.") from error
    return read_table([[Cell(cell) for cell in row] for row in rows])


def read_workbook(data: bytes) -> ScriptRows:
    """Read the first sheet of a workbook that is a dialogue list.

    Raises:
        UnreadableScriptError: where it is no workbook, or as `read_table`.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = {
            name: _cells(book.get_sheet_by_name(name).to_python(skip_empty_area=False))
            for name in book.sheet_names
        }
    except CalamineError as error:
        raise UnreadableScriptError(f"this is not a readable workbook: {error}.") from error
    lists = [name for name, cells in sheets.items() if is_dialogue_list(cells)]
    found = read_table(sheets[lists[0]] if lists else next(iter(sheets.values()), []))
    if len(sheets) == 1:
        return found
    others = f"; {', '.join(lists[1:])} also look like scripts" if lists[1:] else ""
    return ScriptRows(found.rows, (*found.notes, f"the sheet {lists[0]} was read{others}"))


def read_document(data: bytes) -> ScriptRows:
    """Read the tables of a Word document as one dialogue list.

    Raises:
        UnreadableScriptError: where it is no document with a table, or as `read_table`.
    """
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError

    try:
        tables = Document(io.BytesIO(data)).tables
    except (PackageNotFoundError, KeyError, ValueError) as error:
        raise UnreadableScriptError(f"this is not a readable document: {error}.") from error
    rows = [list(_document_row(row)) for table in tables for row in table._tbl.tr_lst]
    if not rows:
        raise UnreadableScriptError(
            "the document has no table.", "Give the lines as a table with a header row."
        )
    return read_table(rows)


def _separator(text: str) -> str:
    """Return the separator that divides most of the first lines into the same number of cells."""

    def regularity(separator: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        widths = [len(row) for row, _ in zip(reader, range(_SAMPLE), strict=False) if len(row) > 1]
        common = max(set(widths), key=widths.count, default=0)
        return widths.count(common), common

    return max(_SEPARATORS, key=regularity)


def _cells(rows: Sequence[Sequence[Any]]) -> list[list[Cell]]:
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: object) -> Cell:
    """Return a cell of a workbook, whose times may be text, a time of day or a duration."""
    if isinstance(value, timedelta):
        return Cell(str(value), Fraction(value // timedelta(milliseconds=1), 1000))
    if isinstance(value, datetime | time):
        milliseconds = round(value.microsecond / 1000)
        seconds = 3600 * value.hour + 60 * value.minute + value.second
        return Cell(str(value), seconds + Fraction(milliseconds, 1000))
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() else repr(value)
        return Cell(text, Fraction(round(value * 1000), 1000) if 0 <= value < 1e6 else None)
    return Cell(value.isoformat() if isinstance(value, date) else str(value))


def _document_row(row: Any) -> Iterator[Cell]:
    """Yield the cells of a row; one that spans columns is followed by empty ones.

    Read from the XML: the library's own cells take a time that grows with the square of the rows.
    """
    for cell in row.tc_lst:
        paragraphs = (paragraph.text for paragraph in cell.p_lst)
        yield Cell("\n".join(paragraphs).strip())
        yield from (Cell("") for _ in range(cell.grid_span - 1))
