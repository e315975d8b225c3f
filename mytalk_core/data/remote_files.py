"""Files on object stores and web servers: their addresses, listings, and reading."""

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

import fsspec

from mytalk_core.data.retrying import with_retries
from mytalk_core.data.web_access import web_options
from mytalk_core.errors import BadInputError, Reason

# Protocols for footage and results. Others of fsspec run commands or follow addresses in indexes.
_READ_ONLY = frozenset({"http", "https"})
PROTOCOLS = _READ_ONLY | {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}

STORE_ALIASES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs"}
"""Protocols that name the same store as another one."""

_GLOB = frozenset("*?[")
_BUFFER_BYTES = 2**20


def is_web(url: str) -> bool:
    """Return whether a remote `url` is the address of a web server, which is only read from."""
    return url.lower().startswith(tuple(f"{each}://" for each in _READ_ONLY))


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
    return bool(_GLOB & set(url.partition("?")[0] if is_web(url) else url))


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
        self._streams = is_web(where)
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
