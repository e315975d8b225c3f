"""Keep a store of artifacts within its bound, and remove what killed runs left in it.

The least recently used artifacts are removed first. Each run marks the store as used; what any live
run has used since it began stays. Folders that are not artifacts are never touched.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.media.leftovers import part_name, sweep_leftovers, work_name
from mytalk_core.media.output import cannot_be_written, make_folder

VALUE = "value.json"  # the file of an artifact with its value; its time is that of the last use
UNFINISHED = "unfinished"  # folder of artifacts that are being made or removed
_RUNS = "runs"  # folder with a file for each live run, as old as the run

_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ArtifactConfig:
    """Limits of a store of artifacts."""

    # Bytes of all artifacts; exceeded only by what live runs have used.
    limit_bytes: int = 50 * 10**9


@dataclass(frozen=True)
class _Artifact:
    folder: Path
    used: int  # time of the last use, nanoseconds since 1970
    size: int  # bytes


@contextmanager
def run_of(root: Path, config: ArtifactConfig) -> Iterator[None]:
    """Mark the store as used by a run of this process; sweep it before and after.

    Raises:
        OutputError: where the root cannot be written.
    """
    for folder in (root / _RUNS, root / UNFINISHED):
        sweep_leftovers(folder)
    try:
        with mark_of_run(root):
            sweep(root, config)
            yield
            sweep(root, config)
    finally:
        sweep_leftovers(root / UNFINISHED)


@contextmanager
def mark_of_run(root: Path) -> Iterator[None]:
    """Mark the store as used by a run of this process: what it uses from now on stays.

    Raises:
        OutputError: where the root cannot be written.
    """
    runs = root / _RUNS
    make_folder(runs)
    mark = runs / part_name(runs / "run")
    try:
        try:
            mark.touch()
        except OSError as error:
            raise cannot_be_written(runs, error) from error
        yield
    finally:
        mark.unlink(missing_ok=True)


def sweep(root: Path, config: ArtifactConfig) -> None:
    """Remove the least recently used artifacts beyond the bound, but none that a run uses."""
    horizon = _oldest_run(root)
    found = sorted(_artifacts(root), key=lambda artifact: artifact.used)
    total = sum(artifact.size for artifact in found)
    for artifact in found:
        if total <= config.limit_bytes or artifact.used >= horizon:
            return
        if _last_use(artifact.folder) == artifact.used:  # not used meanwhile
            discard(root, artifact.folder)
        total -= artifact.size


def stage_sizes(root: Path) -> dict[str, int]:
    """Return the bytes of the artifacts by stage."""
    sizes: Counter[str] = Counter()
    for artifact in _artifacts(root):
        sizes[artifact.folder.parts[-3]] += artifact.size
    return dict(sizes)


def discard(root: Path, folder: Path) -> None:
    """Remove an artifact, which vanishes at once; another process may have been first."""
    make_folder(root / UNFINISHED)
    aside = root / UNFINISHED / work_name(folder)
    with suppress(FileNotFoundError):
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def marked_as_used(root: Path, files: Iterable[Path]) -> None:
    """Set the time of the last use of the artifacts that contain these files."""
    folders = {root.joinpath(*file.relative_to(root).parts[:3]) for file in files}
    for folder in folders:
        with suppress(FileNotFoundError):  # removed meanwhile
            os.utime(folder / VALUE)


def _oldest_run(root: Path) -> float:
    """Return when the oldest live run began, nanoseconds since 1970; infinity without runs."""
    began = []
    for mark in (root / _RUNS).iterdir():
        with suppress(FileNotFoundError):  # ended meanwhile
            began.append(mark.stat().st_mtime_ns)
    return min(began, default=float("inf"))


def _artifacts(root: Path) -> Iterator[_Artifact]:
    for value in root.glob(f"*/??/*/{VALUE}"):
        folder = value.parent
        if _KEY.fullmatch(folder.name) and folder.name[:2] == folder.parent.name:
            with suppress(FileNotFoundError):  # removed meanwhile
                files = [file.stat() for file in folder.rglob("*") if file.is_file()]
                yield _Artifact(folder, _last_use(folder), sum(file.st_size for file in files))


def _last_use(folder: Path) -> int:
    try:
        return (folder / VALUE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
