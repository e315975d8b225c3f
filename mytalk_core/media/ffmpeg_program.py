"""Run the bundled ffmpeg program on graphs built with ffmpeg-python."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg

from mytalk_core.media.container import FORMATS, LOCAL_PROTOCOLS, MOST_PIXELS, file_url
from mytalk_core.work_log import log

# The last lines of its error output state the cause.
_ERROR_LINES = 3

# The exit status is the last AVERROR, a negative errno, modulo 256.
_DISK_FULL_STATUS = -errno.ENOSPC & 0xFF


class FfmpegFailed(Exception):  # noqa: N818  (internal; callers translate it)
    """The program failed; the text is the end of its error output."""


def local_input(path: Path, **options: Any) -> Any:
    """Return an ffmpeg-python input node for a local file, restricted as `open_container`."""
    return ffmpeg.input(
        file_url(path),
        protocol_whitelist=LOCAL_PROTOCOLS,
        format_whitelist=FORMATS,
        max_pixels=MOST_PIXELS,
        **options,
    )


def copied_input(path: Path, offset: Fraction = Fraction(0)) -> list[str]:
    """Return the program's arguments for an input whose packets are copied, as `local_input`.

    Args:
        offset: seconds added to its timestamps, to the nearest unit of a stream's time base.
    """
    rules = ["-protocol_whitelist", LOCAL_PROTOCOLS, "-format_whitelist", FORMATS]
    later = ["-itsoffset", f"{float(offset):.6f}"] if offset else []
    return [*rules, *later, "-i", file_url(path)]


@contextmanager
def running(output: Any) -> Iterator[IO[bytes]]:
    """Run an ffmpeg-python output node and provide its standard output, to be read to the end.

    Leaving early or by an exception stops the program.

    Raises:
        OSError: on leaving, ENOSPC where the disk is full.
        FfmpegFailed: on leaving, where it failed otherwise.
    """
    with _started(ffmpeg.compile(output, cmd=_program(), overwrite_output=True)) as result:
        yield result


def run(arguments: Sequence[str]) -> None:
    """Run the program with arguments that name an output file, which is overwritten.

    Raises:
        OSError, FfmpegFailed: as `running`.
    """
    with _started([*_program(), "-y", *arguments]):
        pass


def _program() -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error"]


@contextmanager
def _started(command: Sequence[str]) -> Iterator[IO[bytes]]:
    # A file, not a pipe: errors on a damaged input can exceed a pipe's buffer.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None  # it is a pipe
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
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            cause = "; ".join(lines[-_ERROR_LINES:]) or f"exit status {status}"
            log("ffmpeg failed", status=status, message=cause)
            raise FfmpegFailed(cause)
