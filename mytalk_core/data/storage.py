"""One place for results, on a file system or an object store; a name holds a whole file or none."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec
from tenacity import (
    Retrying,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from mytalk_core.errors import BadInputError, MytalkError, OutputError, Reason, StorageError
from mytalk_core.media.output import atomic_path, make_folder

# Stores that footage may come from and results go to. Others of fsspec's run commands, or read
# indexes that name further addresses.
_READ_ONLY = frozenset({"http", "https"})
PROTOCOLS = _READ_ONLY | {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}

_T = TypeVar("_T")

# Once, and again after a second or so, twice that and four times that.
_TRIES = 4
_LONGEST_WAIT = 10.0  # seconds

# Trying again helps with none of these: what is named is not there, is not allowed, or is wrong.
_LASTING = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    ImportError,
    ValueError,
    TypeError,
    MytalkError,
)


def is_local(url: str) -> bool:
    """Whether `url` is a path or a file:// URL, rather than an address elsewhere."""
    return "://" not in url or url.startswith("file://")


def local_file(url: str) -> Path:
    """The path that a local `url` names."""
    return Path(url.removeprefix("file://"))


def remote_file(url: str) -> tuple[Any, str]:
    """The fsspec file system of a remote `url`, and its path there.

    File systems are kept by fsspec for each process, so asking again costs nothing.

    Raises:
        BadInputError: BAD_CONFIGURATION where the store is not among `PROTOCOLS` or its package
            is not installed.
    """
    protocol = url.split("://", 1)[0].lower()
    if protocol not in PROTOCOLS or "::" in url:
        raise BadInputError(
            f"{protocol}:// is not a storage that is known here.",
            reason=Reason.BAD_CONFIGURATION,
            where=url,
            remedy=f"Use a path or one of {', '.join(sorted(PROTOCOLS))}.",
        )
    try:
        # Others write there too, so a list of names from before would mislead.
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise BadInputError(
            f"{protocol}:// needs a package that is not installed ({error}).",
            reason=Reason.BAD_CONFIGURATION,
            where=url,
        ) from error
    return system, str(path)


def persistently(action: Callable[[], _T], where: str) -> _T:
    """What `action` gives, tried again, after growing pauses, where storage fails in passing.

    Raises:
        StorageError: STORAGE_ERROR where the last try failed as well.
        BadInputError: NOT_FOUND, UNREADABLE or BAD_CONFIGURATION where trying again would not help.
    """
    attempts = Retrying(
        retry=retry_if_not_exception_type(_LASTING),
        stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=1, max=_LONGEST_WAIT),
        reraise=True,
    )
    try:
        return attempts(action)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInputError(
            "there is nothing here.", reason=Reason.NOT_FOUND, where=where, remedy="Check the URL."
        ) from None
    except (PermissionError, IsADirectoryError) as error:
        raise BadInputError(
            f"cannot be read: {error}.", reason=Reason.UNREADABLE, where=where
        ) from error
    except ValueError as error:  # such as names that no bucket may have
        raise BadInputError(
            f"is no address that this storage knows: {error}.",
            reason=Reason.BAD_CONFIGURATION,
            where=where,
        ) from error
    except (TypeError, ImportError, MytalkError):
        raise
    except Exception as error:  # every store has errors of its own
        raise StorageError(
            f"the storage failed {_TRIES} times, last with {type(error).__name__}: {error}.",
            reason=Reason.STORAGE_ERROR,
            where=where,
            remedy="Run the same command again later.",
        ) from error


@dataclass(frozen=True)
class Store:
    """A folder, or all below a prefix of an object store. Can be sent to other processes.

    Names are relative, with slashes; none of their parts is empty or begins with a dot, so that
    none leaves the folder. Methods raise ValueError for other names; BadInputError, NOT_FOUND or
    UNREADABLE, or BAD_CONFIGURATION for a URL that its storage refuses; StorageError where storage
    failed and may work later.
    """

    url: str  # as the user wrote it, without a slash at the end

    def exists(self, name: str) -> bool:
        """Whether a file stands under `name`."""
        path = self.local_path(name)
        if path is not None:
            return path.is_file()
        system, remote = self._remote(name)
        return persistently(lambda: bool(system.isfile(remote)), self._where(name))

    def read(self, name: str) -> bytes:
        """The whole content."""
        path = self.local_path(name)
        if path is not None:
            return persistently(path.read_bytes, self._where(name))
        system, remote = self._remote(name)
        return persistently(lambda: cast(bytes, system.cat_file(remote)), self._where(name))

    def open_read(self, name: str) -> BinaryIO:
        """The file opened for reading and seeking; the caller closes it."""
        path = self.local_path(name)
        if path is not None:
            return persistently(lambda: path.open("rb"), self._where(name))
        system, remote = self._remote(name)
        return persistently(lambda: cast(BinaryIO, system.open(remote, "rb")), self._where(name))

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names of finished files that begin with `prefix`, in order; none where no folder is."""
        folder = prefix.rpartition("/")[0]
        if folder:
            _check_name(folder)
        for name in sorted(self._names_below(folder)):
            if name.startswith(prefix) and not _has_hidden_part(name):
                yield name

    @contextmanager
    def publish(self, name: str) -> Iterator[Path]:
        """A local temporary path; what was written there stands under `name` when the block ends.

        Nothing stands there before, and where the block fails what was there stays. On an object
        store the finished file is put at once; a put that is cut short leaves nothing.

        Raises:
            OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
            StorageError: STORAGE_ERROR.
        """
        path = self.local_path(name)
        if path is not None:
            make_folder(path.parent)
            with atomic_path(path) as temporary:
                yield temporary
            return
        system, remote = self._remote(name)
        with tempfile.TemporaryDirectory(prefix="mytalk-") as scratch:
            with atomic_path(Path(scratch) / Path(name).name) as temporary:
                yield temporary
            finished = Path(scratch) / Path(name).name
            try:
                persistently(lambda: system.put_file(str(finished), remote), self._where(name))
            except BadInputError as error:  # no such bucket, or no right to write there
                raise OutputError(
                    f"cannot be written: {error.what}",
                    reason=Reason.OUTPUT_NOT_WRITABLE,
                    where=self._where(name),
                    remedy="Check that the bucket exists and that you may write there.",
                ) from error

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where none stands.

        Raises:
            OutputError: OUTPUT_NOT_WRITABLE where that is not allowed.
            StorageError: STORAGE_ERROR.
        """
        path = self.local_path(name)
        try:
            if path is not None:
                persistently(partial(path.unlink, missing_ok=True), self._where(name))
            else:
                system, remote = self._remote(name)
                persistently(lambda: system.rm_file(remote), self._where(name))
        except BadInputError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise OutputError(
                    f"cannot be removed: {error.what}",
                    reason=Reason.OUTPUT_NOT_WRITABLE,
                    where=self._where(name),
                ) from error

    def local_path(self, name: str) -> Path | None:
        """Where `name` stands on this machine's file systems; None for an object store."""
        _check_name(name)
        return local_file(self.url) / name if is_local(self.url) else None

    def _remote(self, name: str) -> tuple[Any, str]:
        system, root = remote_file(self.url)
        return system, f"{root.rstrip('/')}/{name}"

    def _where(self, name: str) -> str:
        return f"{self.url}/{name}"

    def _names_below(self, folder: str) -> list[str]:
        if is_local(self.url):
            here = local_file(self.url)
            files = (path for path in (here / folder).rglob("*") if path.is_file())
            return [path.relative_to(here).as_posix() for path in files]
        system, root = remote_file(self.url)
        root = root.rstrip("/")
        start = f"{root}/{folder}" if folder else root
        try:
            found = persistently(lambda: list(system.find(start)), self._where(folder))
        except BadInputError as error:
            if error.reason is Reason.NOT_FOUND:
                return []
            raise
        return [path.removeprefix(f"{root}/") for path in found]


def open_store(url: str | Path) -> Store:
    """The store at a path or a URL. Nothing is made or asked before it is used.

    Raises:
        BadInputError: BAD_CONFIGURATION where the URL's storage is not known or cannot be
            written to.
    """
    text = str(url)
    if not is_local(text):
        remote_file(text)
        if text.lower().startswith(tuple(_READ_ONLY)):
            raise BadInputError(
                "results cannot be written to a web server.",
                reason=Reason.BAD_CONFIGURATION,
                where=text,
                remedy="Use a path or an object store.",
            )
    return Store(text.rstrip("/") or "/")


def _has_hidden_part(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _check_name(name: str) -> None:
    if not all(name.split("/")) or _has_hidden_part(name) or "\0" in name:
        raise ValueError(f"not a name of a file in a store: {name!r}")
