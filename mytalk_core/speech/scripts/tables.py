"""Turn the table of a dialogue list into rows of a script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.speech.scripts.rows import (
    RowTime,
    ScriptRow,
    ScriptRows,
    UnreadableScriptError,
)
from mytalk_core.speech.scripts.table_headers import (
    Column,
    Header,
    find_header,
    guess_from_content,
)
from mytalk_core.speech.scripts.times import read_time


@dataclass(frozen=True)
class Cell:
    """A cell: its text, and its time where the format has a type for times."""

    text: str
    seconds: Fraction | None = None


def read_table(table: Sequence[Sequence[Cell]]) -> ScriptRows:
    """Read a dialogue list with a header row; rows are numbered as in the table.

    Rows without a time and without a text, and repetitions of the header, are left out.

    Raises:
        UnreadableScriptError: where no row names the columns of a start and a text, or several
            columns could be the same thing.
    """
    texts = [[cell.text for cell in cells] for cells in table]
    header = find_header(texts)
    if header is None:
        guess = guess_from_content(texts)
        raise UnreadableScriptError(
            "no row names a column for the start and one for the text of the lines"
            f"{f'; {guess}' if guess else ''}.",
            "Add a header row such as: start, end, character, text.",
        )
    rows = []
    for number, cells in enumerate(table[header.row + 1 :], header.row + 2):
        if texts[number - 1] == texts[header.row]:
            continue
        row = _row(number, {kind: _at(cells, index) for kind, index in header.columns.items()})
        if row.text.strip() or row.start is not None:
            rows.append(row)
    ended = Column.END in header.columns or Column.DURATION in header.columns
    return ScriptRows(tuple(rows), (_columns_note(header, texts[header.row]),), has_ends=ended)


def is_dialogue_list(table: Sequence[Sequence[Cell]]) -> bool:
    """Whether a table has a header of a dialogue list.

    Raises:
        UnreadableScriptError: where several columns could be the same thing.
    """
    return find_header([[cell.text for cell in cells] for cells in table]) is not None


def _row(number: int, cells: Mapping[Column, Cell]) -> ScriptRow:
    empty = Cell("")
    return ScriptRow(
        number,
        _time(cells.get(Column.START, empty)),
        _time(cells.get(Column.END, empty)),
        cells[Column.TEXT].text,
        cells.get(Column.CHARACTER, empty).text.strip(),
        marks=cells.get(Column.PRESENCE, empty).text,
        duration=_time(cells.get(Column.DURATION, empty)),
    )


def _time(cell: Cell) -> RowTime | None:
    return read_time(cell.text) if cell.seconds is None else cell.seconds


def _at(cells: Sequence[Cell], index: int) -> Cell:
    return cells[index] if index < len(cells) else Cell("")


def _columns_note(header: Header, cells: Sequence[str]) -> str:
    used = ", ".join(f"{kind} from {cells[index]!r}" for kind, index in header.columns.items())
    return f"columns: {used}"
