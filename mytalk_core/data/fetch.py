"""Footage by path or URL to a local file that FFmpeg may open, fetched once per machine."""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from mytalk_core.data.retrying import persistently
from mytalk_core.data.storage import is_local, local_file, open_remote, remote_file
from mytalk_core.errors import BadInputError, Reason, StorageError
from mytalk_core.media.container import check_readable
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.limits import MediaLimits
from mytalk_core.media.output import atomic_path, cannot_be_written, make_folder
from mytalk_core.redaction import redacted

# Copies are kept for the next unit of the same film up to so many bytes on a machine.
KEPT_BYTES = 100 * 10**9

# The folder below the user's that this program fills and empties; all else there is the user's.
_FOLDER = "mytalk-copies"
# Names of copies, and of those being downloaded as `atomic_path` gives them. No others are deleted.
_OWN = re.compile(
    r"[0-9a-f]{40}(\.[A-Za-z0-9]{1,8})?|\.[0-9a-f]{40}\.[0-9a-f-]{8,80}\.part(\.[A-Za-z0-9]{1,8})?"
)
_BLOCK_BYTES = 16 * 2**20
_LOCKS = "fetch-{}.lock"  # one for each first digit of a name: few files, few needless waits
_SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")

# What stores say of a file's content, best first; some say nothing but its size.
_STAMPS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "Digest", "crc32c")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created")


def file_identity(url: str) -> str:
    """A text that changes when the content does: size and time of change, or a store's checksum.

    Reads nothing, but where a server tells neither: then the whole file.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, or BAD_CONFIGURATION (unknown storage).
        StorageError: STORAGE_ERROR.
    """
    if is_local(url):
        path = local_file(url)
        check_readable(path)
        status = path.stat()
        return f"{status.st_size}-{status.st_mtime_ns}"
    info = _remote_info(url)
    if not _stamps(info):
        return _digest(url)
    return _identity_of(info)


def _digest(url: str) -> str:
    digest = hashlib.sha256()
    with open_remote(url, in_order=True) as source:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def local_copy(
    url: str, scratch: Path, limits: MediaLimits, kept_bytes: int = KEPT_BYTES
) -> Iterator[Path]:
    """The file at `url` on this machine, for as long as the block lasts.

    A path or file:// URL is given as it is. Anything else is downloaded whole into a folder of its
    own in `scratch`, once for all processes of the machine. Copies stay there for later units.
    Beyond `kept_bytes` those used longest ago are deleted, but none that is in use, and no other
    file. Of a server that tells neither a checksum nor a time of change, every use downloads the
    file again.

    Raises:
        BadInputError: as `file_identity`, or OVER_LIMIT (beyond `limits.size`).
        StorageError: STORAGE_ERROR.
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE, for `scratch`.
    """
    if is_local(url):
        yield local_file(url)
        return
    info = _remote_info(url)
    size = info.get("size")
    if size == 0:
        raise BadInputError("the file is empty.", reason=Reason.EMPTY_FILE, where=url)
    _check_size(url, size or 0, limits)
    # Without a stamp a copy cannot be compared with the file again: it serves this use only.
    identity = _identity_of(info) if _stamps(info) else secrets.token_hex(16)
    named = redacted(url)  # an address that is signed again is the same file
    digest = hashlib.sha256(f"{named}\n{identity}".encode()).hexdigest()[:40]
    suffix = Path(named.partition("?")[0]).suffix
    folder = scratch / _FOLDER
    copy = folder / (digest + (suffix if _SAFE_SUFFIX.fullmatch(suffix) else ""))
    make_folder(folder)
    try:
        with _held_copy(url, copy, size, limits, kept_bytes):
            yield copy
    finally:
        if not _stamps(info):
            copy.unlink(missing_ok=True)


@contextmanager
def _held_copy(
    url: str, copy: Path, size: int | None, limits: MediaLimits, kept_bytes: int
) -> Iterator[None]:
    handle = _hold(copy)
    while handle is None:
        with _locked(copy.with_name(_LOCKS.format(copy.name[0]))):
            handle = _hold(copy)  # another process may have fetched it meanwhile
            if handle is None:
                _make_room(copy.parent, kept_bytes - (size or 0))
                _download(url, copy, size, limits)
                handle = _hold(copy)
    with handle:
        os.utime(copy)
        yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire()
    except OSError as error:
        raise cannot_be_written(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _hold(copy: Path) -> BinaryIO | None:
    """The copy opened and marked as in use until closed, or the process dies; None if not there."""
    try:
        handle = copy.open("rb")
    except FileNotFoundError:
        return None
    # Not filelock, whose locks nobody can share.
    fcntl.flock(handle, fcntl.LOCK_SH)
    if os.fstat(handle.fileno()).st_nlink == 0:  # deleted between the two lines above
        handle.close()
        return None
    return handle


def _download(url: str, copy: Path, size: int | None, limits: MediaLimits) -> None:
    # FFmpeg asks for bytes here and there; a store is asked once, in order.
    with (
        open_remote(url, in_order=True) as source,
        atomic_path(copy) as temporary,
        temporary.open("wb") as target,
    ):
        fcntl.flock(target, fcntl.LOCK_EX)  # or another process would take it for a leftover
        while block := source.read(_BLOCK_BYTES):
            target.write(block)
            _check_size(url, target.tell(), limits)
        if size is not None and target.tell() != size:
            raise StorageError(
                f"changed while it was read, or was cut off: {target.tell()} of {size} bytes.",
                reason=Reason.STORAGE_ERROR,
                where=url,
                remedy="Run the same command again later.",
            )


def _make_room(folder: Path, kept_bytes: int) -> None:
    """Deletes copies, and leftovers of killed downloads, until at most `kept_bytes` are left.

    Those used longest ago go first; those in use stay.
    """
    sweep_leftovers(folder)
    files = []
    for path in folder.iterdir():
        if not _OWN.fullmatch(path.name):
            continue
        try:
            status = path.stat()
        except FileNotFoundError:  # deleted by another process
            continue
        if status.st_size:  # a download is empty until it holds its lock
            files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= kept_bytes:
            return
        try:
            with path.open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        except (FileNotFoundError, BlockingIOError):
            continue
        total -= size


def _remote_info(url: str) -> dict[str, Any]:
    system, path = remote_file(url)
    info: dict[str, Any] = persistently(lambda: system.info(path), url)
    if info.get("type") == "directory":
        raise BadInputError(
            "is a folder.", reason=Reason.UNREADABLE, where=url, remedy="Name a media file."
        )
    return info


def _identity_of(info: dict[str, Any]) -> str:
    return "-".join([str(info.get("size")), *_stamps(info)[:1]])


def _stamps(info: dict[str, Any]) -> list[str]:
    return [str(info[name]).strip('"') for name in _STAMPS + _TIMES if info.get(name)]


def _check_size(url: str, size: int, limits: MediaLimits) -> None:
    if size > limits.size:
        raise BadInputError(
            f"has {size} bytes or more, over the {limits.size} allowed.",
            reason=Reason.OVER_LIMIT,
            where=url,
            remedy="Raise the limit if the file is what you think it is.",
        )
