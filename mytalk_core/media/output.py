"""Files that appear under their name only when they are complete."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mytalk_core.errors import OutputError, Reason
from mytalk_core.media.leftovers import hold, part_name, sweep_leftovers, work_name

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Of disks that other machines serve, mostly: the same write may succeed later.
_PASSING = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN, errno.EREMOTEIO}
    | {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
    | {errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.ENFILE, errno.EMFILE}
)


def may_pass(error: OSError) -> bool:
    """Whether a file system that answered so may do what it was asked to a little later."""
    return error.errno in _PASSING | _FULL


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A temporary path beside `final`, with its suffix, that becomes `final` when the block ends.

    An empty file stands there from the start, so a folder that cannot be written to is found out
    before any work. When the block fails it is removed and `final` stays as it was.

    Raises:
        OutputError: DISK_FULL, STORAGE_ERROR (it may pass) or OUTPUT_NOT_WRITABLE, for any OSError
            of the block or of ours.
    """
    temporary = final.with_name(part_name(final))
    try:
        if final.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Not tempfile: its files are private, and this one becomes the user's.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            _flush_to_disk(temporary)
            os.replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_be_written(final, error) from error


@contextmanager
def work_folder(near: Path) -> Iterator[Path]:
    """An empty folder beside `near` for temporary files, removed when the block ends.

    What killed processes left in the same place is removed first.

    Raises:
        OutputError: DISK_FULL, STORAGE_ERROR (it may pass) or OUTPUT_NOT_WRITABLE where it cannot
            be made.
    """
    sweep_leftovers(near.parent)
    folder = near.with_name(work_name(near))
    held = None
    try:
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise cannot_be_written(near, error) from error
        held = hold(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def temporary_root() -> Path:
    """The folder for this user's temporary files that stand beside no result; it is made.

    Raises:
        OutputError: OUTPUT_NOT_WRITABLE where it cannot be made, or is somebody else's.
    """
    root = Path(tempfile.gettempdir()) / f"mytalk-{os.getuid()}"
    make_folder(root)
    if root.stat().st_uid != os.getuid():
        raise cannot_be_written(root, PermissionError(errno.EPERM, "it is another user's"))
    return root


def output_error(error: Exception, where: str) -> OutputError | None:
    """The error as a failure to write a result or a temporary file; None where it is another one.

    Work on one input calls it, so that a full disk is not taken for a fault of the input.
    """
    if isinstance(error, OutputError):
        return error
    if isinstance(error, OSError) and error.errno in _FULL:
        return cannot_be_written(Path(error.filename or where), error)
    return None


def cannot_be_written(final: Path, error: OSError) -> OutputError:
    """What a user is shown of an error of the file system that holds `final`."""
    if error.errno in _FULL:
        return OutputError(
            "cannot be written: the disk is full.",
            reason=Reason.DISK_FULL,
            where=str(final),
            remedy="Free some space, or write to another disk.",
        )
    if may_pass(error):
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
    """Make a folder for results, and those above it, where it is not there yet.

    Raises:
        OutputError: DISK_FULL, STORAGE_ERROR (it may pass) or OUTPUT_NOT_WRITABLE.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if may_pass(error):
            raise cannot_be_written(path, error) from error
        raise OutputError(
            f"this folder cannot be made: {error.strerror}.",
            reason=Reason.OUTPUT_NOT_WRITABLE,
            where=str(path),
        ) from error


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
