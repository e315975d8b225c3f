"""Storage of files in a folder or object store; a file appears under its name when complete."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec

from mytalk_core.data.retrying import RetryConfig, is_taken, with_retries
from mytalk_core.data.web_access import web_options
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.output import (
    atomic_path,
    create_file,
    make_folder,
    temporary_root,
    work_folder,
)

# Protocols for footage and results. Others of fsspec run commands or follow addresses in indexes.
_READ_ONLY = frozenset({"http", "https"})
PROTOCOLS = _READ_ONLY | {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}

STORE_ALIASES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs"}
"""Protocols that name the same store as another one."""

_T = TypeVar("_T")

_GLOB = frozenset("*?[")
_BUFFER_BYTES = 2**20


def is_local(url: str) -> bool:
    """Return whether `url` is a path or a file:// URL."""
    return "://" not in url or url.startswith("file://")


def local_file(url: str) -> Path:
    """Return the path of a local `url`."""
    return Path(url.removeprefix("file://"))


def remote_file(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a remote `url`, and its path there.

    fsspec caches file systems per process, so repeated calls are cheap.

    Raises:
        BadInputError: BAD_CONFIGURATION if the protocol is not in `PROTOCOLS` or its package is
            not installed.
    """
    protocol = url.split("://", 1)[0].lower()
    if protocol not in PROTOCOLS or "::" in url:
        raise BadInputError(
            f"{protocol}:// is not a supported storage.",
            reason=Reason.BAD_CONFIGURATION,
            where=url,
            remedy=f"Use a path or one of {', '.join(sorted(PROTOCOLS))}.",
        )
    try:
        # No cache of listings: other processes write there too.
        options = web_options() if protocol in _READ_ONLY else {}
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
    except ImportError as error:
        raise BadInputError(
            f"{protocol}:// needs a package that is not installed ({error}).",
            reason=Reason.BAD_CONFIGURATION,
            where=url,
        ) from error
    return system, str(path)


def remote_files(url: str) -> Iterator[str]:
    """Yield the URLs of the files at a remote `url`, in a fixed order.

    A file yields itself, a folder all files below it except hidden ones, a glob its matches. One
    folder is in memory at a time.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE or BAD_CONFIGURATION.
        StorageError: STORAGE_ERROR.
    """
    system, path = remote_file(url)
    if is_pattern(url):
        names: Iterable[str] = _matching(system, path, url)
    else:
        info = with_retries(lambda: system.info(path), url)
        # A page of links is the folder of a web server.
        folder = info.get("type") == "directory" or info.get("mimetype") == "text/html"
        names = _walk(system, path, url) if folder or path.endswith("/") else [path]
    for name in names:
        yield str(system.unstrip_protocol(name))


def is_pattern(url: str) -> bool:
    """Return whether a remote `url` is a glob. In a web address `?` starts the query."""
    web = url.lower().startswith(tuple(f"{each}://" for each in _READ_ONLY))
    return bool(_GLOB & set(url.partition("?")[0] if web else url))


def _matching(system: Any, pattern: str, url: str) -> list[str]:
    """Return the files that a glob matches; hidden ones only if its last part starts with a dot."""
    found = with_retries(lambda: system.glob(pattern, detail=True), url)
    hidden = pattern.rpartition("/")[2].startswith(".")
    return sorted(
        name
        for name, info in found.items()
        if info["type"] != "directory" and (hidden or not name.rpartition("/")[2].startswith("."))
    )


def _walk(system: Any, folder: str, url: str) -> Iterator[str]:
    entries = with_retries(lambda: system.ls(folder, detail=True), url)
    entries = sorted(entries, key=lambda entry: str(entry["name"]))
    shown = [each for each in entries if _is_shown(each["name"], folder)]
    for kind in ("file", "directory"):
        for entry in shown:
            if (entry["type"] == "directory") == (kind == "directory"):
                name = entry["name"]
                yield from [name] if kind == "file" else _walk(system, name, url)


def _is_shown(name: str, folder: str) -> bool:
    last = name.rstrip("/").rpartition("/")[2]
    return name.rstrip("/") != folder.rstrip("/") and not last.startswith((".", "?"))


def open_remote(url: str, in_order: bool = False) -> BinaryIO:
    """Open a remote file for reading and seeking; failed reads are retried.

    Args:
        in_order: the file is read from start to end, without read-ahead. Files on web servers are
            always read in this way and cannot be sought.

    Raises:
        BadInputError, StorageError: as `with_retries`, here and from every read.
    """
    system, path = remote_file(url)
    return cast(BinaryIO, io.BufferedReader(_Remote(system, path, url, in_order), _BUFFER_BYTES))


class _Remote(io.RawIOBase):
    """An fsspec file that is reopened at the same position after a failed read.

    A file on a web server is read in one request, because not all servers support ranges.
    """

    def __init__(self, system: Any, path: str, where: str, in_order: bool) -> None:
        self._system, self._path, self._where = system, path, where
        self._position = 0
        self._streams = where.lower().startswith(tuple(_READ_ONLY))
        # A block size of 0 makes fsspec read from a web server as a stream.
        self._options: dict[str, Any] = {"cache_type": "none"} if in_order else {}
        if self._streams:
            self._options = {"block_size": 0}
        self._file = with_retries(self._opened, where)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self._streams

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if self._streams:
            raise io.UnsupportedOperation("seek")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = with_retries(lambda: self._read(len(buffer)), self._where)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed and self._file is not None:
            self._file.close()
        super().close()

    def _opened(self) -> Any:
        return self._system.open(self._path, "rb", **self._options)

    def _read(self, count: int) -> bytes:
        try:
            if self._file is None:
                self._file = self._opened()
                skipped = self._position if self._streams else 0
                while skipped and (data := self._file.read(min(skipped, _BUFFER_BYTES))):
                    skipped -= len(data)
            if not self._streams:
                self._file.seek(self._position)
            return cast(bytes, self._file.read(count))
        except BaseException:
            self._file = None
            raise


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

    def open_read(self, name: str) -> BinaryIO:
        """Open the file for reading and seeking; the caller closes it."""
        path = self.local_path(name)
        if path is not None:
            return self._with_retries(lambda: path.open("rb"), name)
        return open_remote(self._where(name))

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
            files = (path for path in (here / folder).rglob("*") if path.is_file())
            return [path.relative_to(here).as_posix() for path in files]
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
        if text.lower().startswith(tuple(_READ_ONLY)):
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
