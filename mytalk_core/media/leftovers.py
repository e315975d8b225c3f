"""Temporary names marked with their owner, and removal of those whose process is dead.

A killed process leaves hidden files of up to gigabytes beside its results. Every temporary name
therefore carries a mark of its owner: machine, process id and start time of the process. The next
writer to the same folder removes the files of processes that are provably dead, and files of other
machines that have not changed for a week. Names without such a mark are never touched.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from mytalk_core.media.process_identity import boot, machine, process_start

# Files of another machine that are unchanged for this long are left over.
_FORGOTTEN_SECONDS = 7 * 24 * 3600.0
_STEM_BYTES = 100  # bytes of the final stem kept in the name; names may have 255

_MARKED = re.compile(
    r"\..*\.(?P<boot>[0-9a-f]{8})(?P<view>[0-9a-f]{8})-(?P<process>\d+)-(?P<start>\d+)"
    r"-[0-9a-f]{8}\.(part(\..*)?|work)",
    re.DOTALL,
)


def part_name(final: Path) -> str:
    """Return a temporary name for the file `final`, with its suffix and this process's mark."""
    return f"{_hidden(final)}.part{final.suffix}"


def work_name(near: Path) -> str:
    """Return a name for a temporary folder beside `near`, with this process's mark."""
    return f"{_hidden(near)}.work"


def sweep_leftovers(folder: Path, only_writer: bool = False) -> list[str]:
    """Remove what dead processes left in a folder, without descending; return the removed names.

    Args:
        folder: need not exist.
        only_writer: the caller is known to be the only writer to the folder; then all marked names
            are removed.
    """
    removed = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            marked = _MARKED.fullmatch(entry.name)
            path = Path(entry.path)
            if marked and (only_writer or _is_left(path, marked)):
                _remove(path)
                removed.append(entry.name)
    return removed


def lock_folder(folder: Path) -> int | None:
    """Lock a temporary folder until the returned descriptor is closed or this process dies.

    Returns None where the file system does not lock folders.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


@cache
def _views() -> tuple[str, str]:
    """Return digests of this boot and of this process namespace."""
    return _digest(boot()), _digest(machine())


def _hidden(final: Path) -> str:
    stem = os.fsdecode(os.fsencode(final.stem)[:_STEM_BYTES])
    process = os.getpid()
    start = process_start(process) or "0"
    return f".{stem}.{''.join(_views())}-{process}-{start}-{secrets.token_hex(4)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _is_left(path: Path, marked: re.Match[str]) -> bool:
    own_boot, own_view = _views()
    same_boot = marked["boot"] == own_boot and bool(boot())
    if same_boot and marked["view"] == own_view:
        return process_start(int(marked["process"])) != marked["start"]
    if same_boot and path.is_dir():  # another container: process ids do not apply, locks do
        with suppress(OSError):
            handle = lock_folder(path)
            if handle is not None:
                os.close(handle)
                return True
    return _untouched(path)


def _untouched(path: Path) -> bool:
    latest = 0.0
    with suppress(OSError):
        latest = path.lstat().st_mtime
        for root, folders, names in os.walk(path):
            for name in (*folders, *names):
                latest = max(latest, os.lstat(os.path.join(root, name)).st_mtime)
        return time.time() - latest > _FORGOTTEN_SECONDS
    return False  # another process is removing it


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
