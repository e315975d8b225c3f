"""A file that a result is made from, identified by its content."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MediaFile:
    """A file of this machine; a film, a sound or weights. Its path never enters a key."""

    path: Path
    sha256: str  # of its bytes, hexadecimal
