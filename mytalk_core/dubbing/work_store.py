"""Where the artifacts of titles are kept on this machine."""

import os
from pathlib import Path

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.cache import cache_root
from mytalk_core.errors import OutputError, Reason


def work_store(folder: Path | None) -> Artifacts:
    """The store in a folder; None: in the cache of the user. It is created when it is used.

    Raises:
        OutputError: OUTPUT_NOT_WRITABLE where a file has its place, or that of a folder above it,
            or nothing may be written there.
    """
    root = (folder or cache_root() / "work").absolute()
    existing = next(path for path in (root, *root.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        what = "may not be written" if existing.is_dir() else "is not a folder"
        raise OutputError(
            f"no intermediate results can be kept here: {existing} {what}.",
            reason=Reason.OUTPUT_NOT_WRITABLE,
            where=str(root),
            remedy="Name another folder with --work.",
        )
    return Artifacts(root)
