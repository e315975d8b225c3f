"""The problems of a catalogue as one table; a file has all of them, memory the first ones."""

import csv
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from mytalk_core.catalogue.entries import Entry, RefusedTitle
from mytalk_core.media.output import atomic_path


@dataclass(frozen=True)
class RowProblem:
    """One problem of a row."""

    row: str  # the list and the line
    title: str  # its id, as far as it is known
    where: str  # column or key; empty: the row
    what: str
    remedy: str


class ProblemTable:
    """Collects the problems of entries."""

    def __init__(self, file: Path | None, most: int) -> None:
        """Args: a CSV file for all problems; how many are kept in memory."""
        self.titles = 0  # entries so far
        self.refused = 0  # entries with a problem
        self.problems = 0
        self.first: list[RowProblem] = []
        self._file, self._most = file, most
        self._resources = ExitStack()
        self._write: Callable[[Iterable[str]], object] = lambda row: None

    def __enter__(self) -> Self:
        """Create the file.

        Raises:
            OutputError: it cannot be written.
        """
        if self._file:
            path = self._resources.enter_context(atomic_path(self._file))
            stream = self._resources.enter_context(path.open("w", encoding="utf-8", newline=""))
            writer = csv.writer(stream)
            writer.writerow([each.name for each in fields(RowProblem)])
            self._write = writer.writerow
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file; after an error it does not appear."""
        self._resources.__exit__(kind, error, trace)

    def add(self, entry: Entry) -> None:
        """Count an entry and keep its problems."""
        self.titles += 1
        if not isinstance(entry, RefusedTitle):
            return
        self.refused += 1
        for each in entry.problems:
            problem = RowProblem(entry.where, entry.id, each.where, each.what, each.remedy)
            self.problems += 1
            self._write(astuple(problem))
            if len(self.first) < self._most:
                self.first.append(problem)
