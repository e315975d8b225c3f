"""One place for results, on a file system or an object store; a name holds a whole file or none."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec

from mytalk_core.data.retrying import RetryConfig
from mytalk_core.data.retrying import persistently as persistently
from mytalk_core.data.web_access import web_options
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.output import atomic_path, make_folder, temporary_root, work_folder

# Stores that footage may come from and results go to. Others of fsspec's run commands, or read
# indexes that name further addresses.
_READ_ONLY = frozenset({"http", "https"})
PROTOCOLS = _READ_ONLY | {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}

_T = TypeVar("_T")

_GLOB = frozenset("*?[")
_BUFFER_BYTES = 2**20


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
    """Addresses of the files that a remote `url` names, in the same order every time.

    They are the file itself, all below a folder but hidden ones, or those that a glob matches.
    One folder is in memory at a time.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE or BAD_CONFIGURATION.
        StorageError: STORAGE_ERROR.
    """
    system, path = remote_file(url)
    if is_pattern(url):
        names: Iterable[str] = _matching(system, path, url)
    else:
        info = persistently(lambda: system.info(path), url)
        # A web server has no folders, but pages of links.
        folder = info.get("type") == "directory" or info.get("mimetype") == "text/html"
        names = _walk(system, path, url) if folder or path.endswith("/") else [path]
    for name in names:
        yield str(system.unstrip_protocol(name))


def is_pattern(url: str) -> bool:
    """Whether a remote `url` is a glob. To web servers `?` begins what is asked of them."""
    web = url.lower().startswith(tuple(f"{each}://" for each in _READ_ONLY))
    return bool(_GLOB & set(url.partition("?")[0] if web else url))


def _matching(system: Any, pattern: str, url: str) -> list[str]:
    """Files that a glob matches; hidden ones only where it names their dot."""
    found = persistently(lambda: system.glob(pattern, detail=True), url)
    hidden = pattern.rpartition("/")[2].startswith(".")
    return sorted(
        name
        for name, info in found.items()
        if info["type"] != "directory" and (hidden or not name.rpartition("/")[2].startswith("."))
    )


def _walk(system: Any, folder: str, url: str) -> Iterator[str]:
    entries = persistently(lambda: system.ls(folder, detail=True), url)
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
    """A remote file opened for reading and seeking, whose reads survive a storage's failures.

    Args:
        in_order: read from its start to its end, so that nothing is read ahead. Files of web
            servers can only be read so.

    Raises:
        BadInputError, StorageError: as `persistently`, here and from every read.
    """
    system, path = remote_file(url)
    return cast(BinaryIO, io.BufferedReader(_Remote(system, path, url, in_order), _BUFFER_BYTES))


class _Remote(io.RawIOBase):
    """A file of fsspec that is opened again, at the same place, after a read that failed.

    A web server is asked for the whole file in one request, as not all of them know ranges.
    """

    def __init__(self, system: Any, path: str, where: str, in_order: bool) -> None:
        self._system, self._path, self._where = system, path, where
        self._place = 0
        self._streams = where.lower().startswith(tuple(_READ_ONLY))
        # A web server sends a stream where no block size is named.
        self._options: dict[str, Any] = {"cache_type": "none"} if in_order else {}
        if self._streams:
            self._options = {"block_size": 0}
        self._file = persistently(self._opened, where)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self._streams

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if self._streams:
            raise io.UnsupportedOperation("seek")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        data = persistently(lambda: self._read(len(buffer)), self._where)
        buffer[: len(data)] = data
        self._place += len(data)
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
                skipped = self._place if self._streams else 0
                while skipped and (data := self._file.read(min(skipped, _BUFFER_BYTES))):
                    skipped -= len(data)
            if not self._streams:
                self._file.seek(self._place)
            return cast(bytes, self._file.read(count))
        except BaseException:
            self._file = None
            raise


@dataclass(frozen=True)
class Store:
    """A folder, or all below a prefix of an object store. Can be sent to other processes.

    Names are relative, with slashes; none of their parts is empty or begins with a dot, so that
    none leaves the folder. Methods raise ValueError for other names; BadInputError, NOT_FOUND or
    UNREADABLE, or BAD_CONFIGURATION for a URL that its storage refuses; StorageError where storage
    failed and may work later.
    """

    url: str  # as the user wrote it, without a slash at the end
    # How long a failing storage is asked again; None: as this process is configured.
    retry: RetryConfig | None = None

    def exists(self, name: str) -> bool:
        """Whether a file stands under `name`."""
        path = self.local_path(name)
        if path is not None:
            return path.is_file()
        system, remote = self._remote(name)
        try:
            # Not `isfile`, which takes a store that does not answer for one without the file.
            info = self._persistently(lambda: system.info(remote), name)
        except BadInputError as error:
            if error.reason is Reason.NOT_FOUND:
                return False
            raise
        return bool(info["type"] == "file")

    def read(self, name: str) -> bytes:
        """The whole content."""
        path = self.local_path(name)
        if path is not None:
            return self._persistently(path.read_bytes, name)
        system, remote = self._remote(name)
        return self._persistently(lambda: cast(bytes, system.cat_file(remote)), name)

    def open_read(self, name: str) -> BinaryIO:
        """The file opened for reading and seeking; the caller closes it."""
        path = self.local_path(name)
        if path is not None:
            return self._persistently(lambda: path.open("rb"), name)
        return open_remote(self._where(name))

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
            OutputError: DISK_FULL, OUTPUT_NOT_WRITABLE, or of a folder STORAGE_ERROR.
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
                self._persistently(lambda: system.put_file(str(finished), remote), name)
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
                self._persistently(partial(path.unlink, missing_ok=True), name)
            else:
                system, remote = self._remote(name)
                self._persistently(lambda: system.rm_file(remote), name)
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

    def _persistently(self, action: Callable[[], _T], name: str) -> _T:
        return persistently(action, self._where(name), self.retry)

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
            found = self._persistently(lambda: list(system.find(start)), folder)
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
