"""Running the ffmpeg program that the environment carries, as ffmpeg-python describes the work."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg

from mytalk_core.media.container import FORMATS, LOCAL_PROTOCOLS, MOST_PIXELS, file_url

# Of an error text only the last lines tell the cause.
_ERROR_LINES = 3

# The program's exit status is its last error's number, negative, in one byte.
_DISK_FULL_STATUS = -errno.ENOSPC & 0xFF


class FfmpegFailed(Exception):  # noqa: N818  (an outcome that callers translate, never shown)
    """The program ended with an error; the text is the end of what it said."""


def local_input(path: Path, **options: Any) -> Any:
    """An ffmpeg-python input node for a local media file, as confined as `open_container`."""
    return ffmpeg.input(
        file_url(path),
        protocol_whitelist=LOCAL_PROTOCOLS,
        format_whitelist=FORMATS,
        max_pixels=MOST_PIXELS,
        **options,
    )


@contextmanager
def running(output: Any) -> Iterator[IO[bytes]]:
    """Runs an ffmpeg-python output node; gives its standard output, to be read to the end.

    Leaving early, or by an exception, stops the program.

    Raises:
        OSError: on leaving, ENOSPC where the program found the disk full.
        FfmpegFailed: on leaving, where it failed otherwise.
    """
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error"]
    command = ffmpeg.compile(output, cmd=program, overwrite_output=True)
    # A file, not a pipe: a damaged input can have more said about it than a pipe holds.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
        assert process.stdout is not None  # asked for a pipe above
        try:
            yield process.stdout
            process.stdout.close()
            status = process.wait()
        finally:
            process.stdout.close()
            process.kill()
            process.wait()
        if status == _DISK_FULL_STATUS:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if status != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise FfmpegFailed("; ".join(lines[-_ERROR_LINES:]) or f"exit status {status}")
