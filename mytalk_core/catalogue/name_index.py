"""Names that may stand once in a catalogue, on disk: catalogues may have millions of rows."""

import sqlite3
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

_CACHE_KIB = 64_000  # memory for pages of the index


class NameIndex:
    """The places of names by kind; a temporary file that its block removes."""

    def __enter__(self) -> Self:
        """Create the index."""
        self._folder = tempfile.TemporaryDirectory(prefix="mytalk-names-")
        self._base = sqlite3.connect(Path(self._folder.name) / "names.sqlite")
        # A crash loses the index, and the process with it.
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._base.execute(
            "CREATE TABLE names (kind TEXT, name TEXT, place TEXT, PRIMARY KEY (kind, name))"
            " WITHOUT ROWID"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the index."""
        self._base.close()
        self._folder.cleanup()

    def first_place(self, kind: str, name: str, place: str) -> str:
        """Return the place where a name of this kind was given first; it may be `place` itself.

        Names are compared without case, as file systems may.
        """
        key = (kind, name.casefold())
        added = self._base.execute(
            "INSERT OR IGNORE INTO names VALUES (?, ?, ?)", (*key, place)
        ).rowcount
        if added:
            return place
        found = self._base.execute("SELECT place FROM names WHERE kind = ? AND name = ?", key)
        return str(found.fetchone()[0])
