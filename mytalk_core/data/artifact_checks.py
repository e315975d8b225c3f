"""Digests of the files of an artifact: disks lose files, cut them off and flip bits.

They are the file `checks.json` in the folder of the artifact.
"""

import json
from pathlib import Path

from mytalk_core.data.checked_file import sha256_of

CHECKS = "checks.json"


def write_checks(folder: Path) -> None:
    """Store the digests of all files of a folder in it.

    Raises:
        OSError: where the disk is full.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    digests = {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}
    (folder / CHECKS).write_text(json.dumps(digests), encoding="utf-8")


def is_intact(folder: Path) -> bool:
    """Whether the files of a folder are those of which `write_checks` stored the digests."""
    try:
        digests = json.loads((folder / CHECKS).read_text(encoding="utf-8"))
        return isinstance(digests, dict) and all(
            sha256_of(folder / name) == digest for name, digest in digests.items()
        )
    except (OSError, ValueError):
        return False
