"""Opening media files: local ones only, with a clear error for each way to be unusable."""

import stat
from pathlib import Path

import av
import av.container
import av.error
import av.logging

from mytalk_core.errors import BadInputError, Reason

# Playlists and edit lists name other inputs; these protocols let none of them open a connection.
LOCAL_PROTOCOLS = "file,pipe"

# Plain text with a telling suffix opens as a film of a text terminal.
_NOT_MEDIA_FORMATS = frozenset({"tty"})


def check_readable(path: Path) -> None:
    """Returns where `path` is a regular file with content that this process may read.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE (a folder, a device, no permission) or EMPTY_FILE.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise BadInputError(
                f"is {kind}.",
                reason=Reason.UNREADABLE,
                where=str(path),
                remedy="Name a media file.",
            )
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise BadInputError(
            "no such file.", reason=Reason.NOT_FOUND, where=str(path), remedy="Check the path."
        ) from None
    except OSError as error:
        raise BadInputError(
            f"cannot be read: {error.strerror}.",
            reason=Reason.UNREADABLE,
            where=str(path),
            remedy="Check the path and its permissions.",
        ) from error
    if status.st_size == 0:
        raise BadInputError("the file is empty.", reason=Reason.EMPTY_FILE, where=str(path))


def file_url(path: Path) -> str:
    """The file as FFmpeg must be told it: no name is taken for an option, pattern or protocol."""
    return f"file:{path.absolute()}"


def open_container(path: Path) -> av.container.InputContainer:
    """The opened file; the caller closes it (it is a context manager).

    Raises:
        BadInputError: as `check_readable`, or NOT_MEDIA where FFmpeg knows no such format.
    """
    check_readable(path)
    # torchvision switches logging into Python on. A decoder's thread that logs then waits for the
    # interpreter, which, freeing the decoder, waits for that thread: the process hangs for ever.
    av.logging.set_level(None)
    try:
        container = av.open(
            file_url(path), mode="r", options={"protocol_whitelist": LOCAL_PROTOCOLS}
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _not_media(path) from error
    if container.format.name in _NOT_MEDIA_FORMATS:
        container.close()
        raise _not_media(path)
    return container


def _not_media(path: Path) -> BadInputError:
    return BadInputError(
        "is not a media file that FFmpeg can read, or is damaged at its start.",
        reason=Reason.NOT_MEDIA,
        where=str(path),
        remedy="Play it, or convert it to MP4 or WAV.",
    )
