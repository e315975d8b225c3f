"""Local copies of footage at a path or URL, downloaded once per machine and shared by processes.

fsspec's `filecache` does not fit here. It writes a download under its final name, so that the next
open in the same process is served a file that was cut off, and a reader of the old copy continues
in the new one. Over HTTP a changed ETag is not noticed, all processes download, and the cache has
no bound. It is also slower: 2.5-3.5 s against 2.0-2.4 s for 200 fetches of 100 files from S3.
"""

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from mytalk_core.data.remote_files import open_remote, remote_file
from mytalk_core.data.retrying import with_retries
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.errors import BadInputError, Reason, StorageError
from mytalk_core.media.container import check_readable
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.limits import MediaLimits
from mytalk_core.media.output import atomic_path, cannot_be_written, make_folder
from mytalk_core.redaction import redacted

# Bytes of copies that are kept on a machine, for the next unit of the same film.
KEPT_BYTES = 100 * 10**9

# The subfolder of the scratch folder that this program owns; files beside it are the user's.
_FOLDER = "mytalk-copies"
# Names of copies, and of `atomic_path` for downloads in progress. No others are deleted.
_OWN = re.compile(
    r"[0-9a-f]{40}(\.[A-Za-z0-9]{1,8})?|\.[0-9a-f]{40}\.[0-9a-f-]{8,80}\.part(\.[A-Za-z0-9]{1,8})?"
)
_BLOCK_BYTES = 16 * 2**20
_LOCKS = "fetch-{}.lock"  # one per first hex digit of a copy's name
_SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")

# Fields of fsspec's `info` that change with a file's content, most reliable first.
_STAMPS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "Digest", "crc32c")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created")


def file_identity(url: str) -> str:
    """Return a text that changes with the content, from size and modification time or checksum.

    Reads the file only if its server states none of them.

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


def stated_identity(url: str) -> str:
    """Return a text that changes with the content of a remote file, without reading it.

    Where its server states neither checksum nor time, only its size counts.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, or BAD_CONFIGURATION (unknown storage).
        StorageError: STORAGE_ERROR.
    """
    info = _remote_info(url)
    if info.get("size") == 0:
        raise BadInputError("the file is empty.", reason=Reason.EMPTY_FILE, where=url)
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
    """Yield a local path of the file at `url`, valid within the block.

    A path or file:// URL is used in place. Another file is downloaded whole into a subfolder of
    `scratch`, once for all processes of the machine, and stays there for later units. If the copies
    exceed `kept_bytes`, the least recently used ones that are not in use are deleted. If the server
    states neither checksum nor modification time, each call downloads the file.

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
    # Without a stamp, a copy cannot be compared with the file later: it is used once.
    identity = _identity_of(info) if _stamps(info) else secrets.token_hex(16)
    address = redacted(url)  # the same for every signature of a URL
    digest = hashlib.sha256(f"{address}\n{identity}".encode()).hexdigest()[:40]
    suffix = Path(address.partition("?")[0]).suffix
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
            handle = _hold(copy)  # another process may have downloaded it meanwhile
            if handle is None:
                _make_room(copy.parent, kept_bytes - (size or 0))
                _download(url, copy, size, limits)
                handle = _hold(copy)
    with handle:
        # The time of the last change stays: digests of unchanged files are stored by it.
        os.utime(copy, ns=(time.time_ns(), os.fstat(handle.fileno()).st_mtime_ns))
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
    """Open the copy with a shared lock, which marks it as in use; None if it does not exist."""
    try:
        handle = copy.open("rb")
    except FileNotFoundError:
        return None
    fcntl.flock(handle, fcntl.LOCK_SH)  # filelock has no shared locks
    if os.fstat(handle.fileno()).st_nlink == 0:  # deleted between the two lines above
        handle.close()
        return None
    return handle


def _download(url: str, copy: Path, size: int | None, limits: MediaLimits) -> None:
    # One sequential read: FFmpeg would seek, each time with a request to the store.
    with (
        open_remote(url, in_order=True) as source,
        atomic_path(copy) as temporary,
        temporary.open("wb") as target,
    ):
        fcntl.flock(target, fcntl.LOCK_EX)  # keeps `_make_room` of other processes off it
        while block := source.read(_BLOCK_BYTES):
            target.write(block)
            _check_size(url, target.tell(), limits)
        if size is not None and target.tell() != size:
            raise StorageError(
                f"changed during the download, or was cut off: {target.tell()} of {size} bytes.",
                reason=Reason.STORAGE_ERROR,
                where=url,
                remedy="Run the same command again later.",
            )


def _make_room(folder: Path, kept_bytes: int) -> None:
    """Delete least recently used copies and leftovers of downloads until `kept_bytes` are left.

    Files in use are kept.
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
        if status.st_size:  # a download that is not locked yet is empty
            files.append((status.st_atime_ns, status.st_size, path))
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
    info: dict[str, Any] = with_retries(lambda: system.info(path), url)
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
            remedy="Raise the limit if this is the intended file.",
        )
