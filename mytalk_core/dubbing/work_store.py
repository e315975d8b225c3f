"""Where the artifacts of titles are kept on this machine."""

from pathlib import Path

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.cache import cache_root


def work_store(folder: Path | None) -> Artifacts:
    """The store in a folder; None: in the cache of the user. It is created when it is used."""
    return Artifacts(folder or cache_root() / "work")
