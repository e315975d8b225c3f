"""Atomic output: files appear under their name only when they are complete."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.leftovers import lock_folder, part_name, sweep_leftovers, work_name

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Errors of network file systems, mostly; the same write may succeed later.
_PASSING = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN, errno.EREMOTEIO}
    | {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
    | {errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.ENFILE, errno.EMFILE}
)


def is_transient(error: OSError) -> bool:
    """Return whether the same operation may succeed later."""
    return error.errno in _PASSING | _FULL


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Provide a temporary path beside `final`, with its suffix; it becomes `final` on success.

    It is created empty at once, so an unwritable folder is detected before any work. If the block
    fails it is removed and `final` is unchanged.

    Raises:
        OutputError: DISK_FULL, STORAGE_ERROR (transient) or OUTPUT_NOT_WRITABLE, for any OSError of
            the block or of the temporary file.
    """
    temporary = final.with_name(part_name(final))
    try:
        if final.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Not tempfile, whose files are private: this one becomes the user's.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            _flush_to_disk(temporary)
            os.replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_be_written(final, error) from error


def create_file(final: Path, content: bytes) -> bool:
    """Write a file unless one of its name exists; return whether this call wrote it.

    The complete file is linked to its name, which one of several processes can do, also on NFS.

    Raises:
        OutputError: as `atomic_path` and `make_folder`, also where the file system has no links.
    """
    temporary = final.with_name(part_name(final))
    try:
        while True:
            make_folder(final.parent)
            with suppress(FileNotFoundError):  # another process removed the empty folder
                temporary.write_bytes(content)
                break
        try:
            _flush_to_disk(temporary)
            os.link(temporary, final)
        except FileExistsError:
            # The answer of a network file system may be lost: the link is there all the same.
            return temporary.stat().st_nlink == 2
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_be_written(final, error) from error
    return True


@contextmanager
def sole_writer(final: Path) -> Iterator[None]:
    """Allow one process at a time to write `final` and what belongs to it, within the block.

    A hidden file beside it is locked; a killed process holds no lock.

    Raises:
        BadInputError: OUTPUT_IN_USE where another process is in such a block.
        OutputError: as `atomic_path`, where the file cannot be created.
    """
    lock = final.with_name(f".{final.name}.lock")
    try:
        handle = _locked(lock)
    except BlockingIOError as error:
        raise BadInputError(
            "another run is writing this file.",
            reason=Reason.OUTPUT_IN_USE,
            where=str(final),
            remedy="Wait until it ends, stop it, or name another file.",
        ) from error
    except OSError as error:
        raise cannot_be_written(final, error) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def work_folder(near: Path) -> Iterator[Path]:
    """Provide an empty folder beside `near` for temporary files; it is removed afterwards.

    What killed processes left in the same place is removed first.

    Raises:
        OutputError: DISK_FULL, STORAGE_ERROR (transient) or OUTPUT_NOT_WRITABLE where it cannot be
            created.
    """
    sweep_leftovers(near.parent)
    folder = near.with_name(work_name(near))
    held = None
    try:
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise cannot_be_written(near, error) from error
        held = lock_folder(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def temporary_root() -> Path:
    """Return this user's folder for temporary files that belong to no result; it is created.

    Raises:
        OutputError: OUTPUT_NOT_WRITABLE where it cannot be created or another user owns it.
    """
    root = Path(tempfile.gettempdir()) / f"mytalk-{os.getuid()}"
    make_folder(root)
    if root.stat().st_uid != os.getuid():
        raise cannot_be_written(root, PermissionError(errno.EPERM, "another user owns it"))
    return root


def output_error(error: Exception, where: str) -> OutputError | None:
    """Return the error as an OutputError where a result could not be written, else None.

    Work on one input calls it so that a full disk is not attributed to the input.
    """
    if isinstance(error, OutputError):
        return error
    if isinstance(error, OSError) and error.errno in _FULL:
        return cannot_be_written(Path(error.filename or where), error)
    return None


def cannot_be_written(final: Path, error: OSError) -> OutputError:
    """Convert a file system error on `final` to the error shown to the user."""
    if error.errno in _FULL:
        return OutputError(
            "cannot be written: the disk is full.",
            reason=Reason.DISK_FULL,
            where=str(final),
            remedy="Free some space, or write to another disk.",
        )
    if is_transient(error):
        return OutputError(
            f"cannot be written now: {error.strerror}.",
            reason=Reason.STORAGE_ERROR,
            where=str(final),
            remedy="Run the same command again later.",
        )
    return OutputError(
        f"cannot be written: {error.strerror or error}.",
        reason=Reason.OUTPUT_NOT_WRITABLE,
        where=str(final),
        remedy="Check that its folder exists and that you may write there.",
    )


def make_folder(path: Path) -> None:
    """Create a folder for results and its parents where they do not exist.

    Raises:
        OutputError: DISK_FULL, STORAGE_ERROR (transient) or OUTPUT_NOT_WRITABLE.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if is_transient(error):
            raise cannot_be_written(path, error) from error
        raise OutputError(
            f"this folder cannot be created: {error.strerror}.",
            reason=Reason.OUTPUT_NOT_WRITABLE,
            where=str(path),
            remedy="Check the folder above it, or name another one.",
        ) from error


def _locked(path: Path) -> int:
    """Create and lock a file; raise BlockingIOError where another process holds the lock."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _names(path, handle):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError:  # a file system without locks
            return handle
        os.close(handle)  # its holder has removed it meanwhile


def _names(path: Path, handle: int) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
