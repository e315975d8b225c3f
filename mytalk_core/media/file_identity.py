"""Identify the content of a local file, as a key for caches in memory."""

from pathlib import Path
from typing import NamedTuple


class FileIdentity(NamedTuple):
    """Equal for the same unchanged file; a replaced or rewritten file has another identity."""

    path: str
    device: int
    inode: int
    size: int  # bytes
    modified: int  # nanoseconds

    @classmethod
    def of(cls, path: Path) -> "FileIdentity":
        """Return the identity of the file that is at `path` now.

        Raises:
            OSError: where there is none.
        """
        status = path.stat()
        return cls(
            str(path.absolute()),
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        )
