"""Storage of files in a folder or object store; a file appears under its name when complete."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from mytalk_core.data.remote_files import is_web, open_remote, remote_file
from mytalk_core.data.retrying import RetryConfig, is_taken, with_retries
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.output import (
    atomic_path,
    create_file,
    make_folder,
    temporary_root,
    work_folder,
)

_T = TypeVar("_T")


def is_local(url: str) -> bool:
    """Return whether `url` is a path or a file:// URL."""
    return "://" not in url or url.startswith("file://")


def local_file(url: str) -> Path:
    """Return the path of a local `url`."""
    return Path(url.removeprefix("file://"))


@dataclass(frozen=True)
class Store:
    """A folder, or a prefix of an object store. Picklable.

    Names are relative, with slashes; no part of a name is empty or starts with a dot, so a name
    cannot leave the folder. Methods raise ValueError for other names; BadInputError (NOT_FOUND,
    UNREADABLE, or BAD_CONFIGURATION for a URL that the storage refuses); StorageError for a
    transient failure.
    """

    url: str  # as given, without a trailing slash
    # Retries after transient failures; None: the configuration of this process.
    retry: RetryConfig | None = None

    def exists(self, name: str) -> bool:
        """Return whether a file exists under `name`."""
        path = self.local_path(name)
        if path is not None:
            return path.is_file()
        system, remote = self._remote(name)
        try:
            # Not `isfile`, which returns False for a store that does not answer.
            info = self._with_retries(lambda: system.info(remote), name)
        except BadInputError as error:
            if error.reason is Reason.NOT_FOUND:
                return False
            raise
        return bool(info["type"] == "file")

    def read(self, name: str) -> bytes:
        """Return the whole content."""
        path = self.local_path(name)
        if path is not None:
            return self._with_retries(path.read_bytes, name)
        system, remote = self._remote(name)
        return self._with_retries(lambda: cast(bytes, system.cat_file(remote)), name)

    def open_read(self, name: str, read_ahead: bool = True) -> BinaryIO:
        """Open the file for reading and seeking; the caller closes it.

        Args:
            read_ahead: whether an object is mostly read in order; else a read fetches little more
                than it asks for.
        """
        path = self.local_path(name)
        if path is not None:
            return self._with_retries(lambda: path.open("rb"), name)
        return open_remote(self._where(name), in_order=not read_ahead)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the sorted names of complete files that start with `prefix`.

        A folder that does not exist has none.
        """
        folder = prefix.rpartition("/")[0]
        if folder:
            _check_name(folder)
        for name in sorted(self._names_below(folder)):
            if name.startswith(prefix) and not _has_hidden_part(name):
                yield name

    @contextmanager
    def publish(self, name: str) -> Iterator[Path]:
        """Yield a local temporary path whose file replaces `name` when the block ends.

        If the block fails, an existing file is unchanged. To an object store the complete file is
        put in one operation; an interrupted put leaves nothing.

        Raises:
            OutputError: DISK_FULL, OUTPUT_NOT_WRITABLE, or STORAGE_ERROR in a local folder.
            StorageError: STORAGE_ERROR.
        """
        path = self.local_path(name)
        if path is not None:
            make_folder(path.parent)
            with atomic_path(path) as temporary:
                yield temporary
            return
        system, remote = self._remote(name)
        with work_folder(temporary_root() / Path(name).name) as scratch:
            finished = scratch / Path(name).name
            with atomic_path(finished) as temporary:
                yield temporary
            try:
                self._with_retries(lambda: system.put_file(str(finished), remote), name)
            except BadInputError as error:
                raise self._not_writable(name, error) from error

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file unless one of this name exists; return whether this call wrote it.

        Of several writers at once one succeeds: a local file is linked to its name when it is
        complete, also on NFS; an object store is asked on the condition that the name is free.

        Args:
            content: different for every writer. An answer may be lost, and a retry then finds the
                file that it wrote itself.

        Raises:
            OutputError: as `publish`.
            StorageError: STORAGE_ERROR.
        """
        path = self.local_path(name)
        if path is not None:
            return create_file(path, content)
        system, remote = self._remote(name)

        def put() -> bool:
            try:
                system.pipe_file(remote, content, mode="create")
            except Exception as error:
                if is_taken(error):
                    return False
                raise
            return True

        try:
            return self._with_retries(put, name) or self._is(name, content)
        except BadInputError as error:
            raise self._not_writable(name, error) from error

    def remove(self, name: str) -> None:
        """Remove a file if it exists.

        Raises:
            OutputError: OUTPUT_NOT_WRITABLE if that is not allowed.
            StorageError: STORAGE_ERROR.
        """
        path = self.local_path(name)
        try:
            if path is not None:
                self._with_retries(partial(path.unlink, missing_ok=True), name)
            else:
                system, remote = self._remote(name)
                self._with_retries(lambda: system.rm_file(remote), name)
        except BadInputError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise OutputError(
                    f"cannot be removed: {error.what}",
                    reason=Reason.OUTPUT_NOT_WRITABLE,
                    where=self._where(name),
                ) from error

    def remove_folder(self, name: str) -> None:
        """Remove all files below `name`, if there are any.

        Files that are written meanwhile, or may not be removed, stay.

        Raises:
            StorageError: STORAGE_ERROR.
        """
        path = self.local_path(name)
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
            return
        system = remote_file(self.url)[0]
        with suppress(BadInputError):
            if found := list(self._found(name)):
                self._with_retries(lambda: system.rm(found), name)

    def local_path(self, name: str) -> Path | None:
        """Return the path of `name` in a folder of this machine; None for an object store."""
        _check_name(name)
        return local_file(self.url) / name if is_local(self.url) else None

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield the names of complete files that start with `prefix`, and their bytes, unsorted."""
        path = local_file(self.url) if is_local(self.url) else None
        for name in self.names(prefix) if path else ():
            with suppress(FileNotFoundError):
                yield name, (cast(Path, path) / name).stat().st_size
        if path is None:
            root = remote_file(self.url)[1].rstrip("/")
            for name, info in self._found(prefix.rpartition("/")[0]).items():
                name = name.removeprefix(f"{root}/")
                if name.startswith(prefix) and not _has_hidden_part(name):
                    yield name, int(info["size"])

    def _is(self, name: str, content: bytes) -> bool:
        try:
            return self.read(name) == content
        except BadInputError:  # removed meanwhile
            return False

    def _not_writable(self, name: str, error: BadInputError) -> OutputError:
        """The error where there is no such bucket, or no right to write there."""
        return OutputError(
            f"cannot be written: {error.what}",
            reason=Reason.OUTPUT_NOT_WRITABLE,
            where=self._where(name),
            remedy="Check that the bucket exists and that you may write there.",
        )

    def _remote(self, name: str) -> tuple[Any, str]:
        system, root = remote_file(self.url)
        return system, f"{root.rstrip('/')}/{name}"

    def _with_retries(self, action: Callable[[], _T], name: str) -> _T:
        return with_retries(action, self._where(name), self.retry)

    def _where(self, name: str) -> str:
        return f"{self.url}/{name}"

    def _names_below(self, folder: str) -> list[str]:
        if is_local(self.url):
            here = local_file(self.url)
            # A folder that another process removes meanwhile has no files.
            files = (Path(top, name) for top, _, names in os.walk(here / folder) for name in names)
            return [path.relative_to(here).as_posix() for path in files if path.is_file()]
        root = remote_file(self.url)[1].rstrip("/")
        return [path.removeprefix(f"{root}/") for path in self._found(folder)]

    def _found(self, folder: str) -> Mapping[str, Mapping[str, Any]]:
        """The objects below a folder with what the storage states of them."""
        system, root = remote_file(self.url)
        start = f"{root.rstrip('/')}/{folder}".rstrip("/")
        try:
            return self._with_retries(lambda: dict(system.find(start, detail=True)), folder)
        except BadInputError as error:
            if error.reason is Reason.NOT_FOUND:
                return {}
            raise


def open_store(url: str | Path) -> Store:
    """Return the store at a path or URL, without accessing it.

    Raises:
        BadInputError: BAD_CONFIGURATION if the URL's protocol is not supported or is read-only.
    """
    text = str(url)
    if not is_local(text):
        remote_file(text)
        if is_web(text):
            raise BadInputError(
                "a web server cannot hold data sets or results.",
                reason=Reason.BAD_CONFIGURATION,
                where=text,
                remedy="Use a path or an object store.",
            )
    return Store(text.rstrip("/") or "/")


def _has_hidden_part(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _check_name(name: str) -> None:
    if not all(name.split("/")) or _has_hidden_part(name) or "\0" in name:
        raise ValueError(f"invalid name of a file in a store: {name!r}")
