"""Inject a storage failure at one operation of a run, for tests and benchmarks."""

import errno
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from s3fs import S3FileSystem

from mytalk_core.media import output

_TEMPORARY = re.compile(r"\.([^/]+)\.[0-9a-f]{16}-\d+-\d+-[0-9a-f]{8}\.part(\.\w+)?$")
_ALWAYS = 10**9


class Faults:
    """Records the operations on storage by name and path, and makes one of them fail."""

    def __init__(
        self,
        at: int | str | None = None,
        times: int = _ALWAYS,
        error: Callable[[], Exception] = lambda: OSError(errno.EIO, "the storage failed"),
    ) -> None:
        """Configure the failure.

        Args:
            at: index or name of the operation that fails; None: all succeed.
            times: how often it fails before it succeeds.
            error: makes the exception.
        """
        self.points: list[str] = []  # operations in the order of their first occurrence
        self.hits = 0
        self._at, self._times, self._error = at, times, error

    def check(self, operation: str, path: str) -> None:
        """Record an operation; raise if it is the one that fails."""
        point = f"{operation} {Path(_TEMPORARY.sub(_final, path)).name}"
        if point not in self.points:
            self.points.append(point)
        selected = self._at in (point, self.points.index(point))
        if selected and self.hits < self._times:
            self.hits += 1
            raise self._error()


def _final(match: re.Match[str]) -> str:
    return match[1] + (match[2] or "")


@contextmanager
def remote(system: type, faults: Faults) -> Iterator[None]:
    """Check `faults` before every operation on file systems of this fsspec class."""

    inside = False

    def checked(method: str) -> Callable[..., Any]:
        actual = getattr(system, method)

        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            nonlocal inside
            if inside:  # these methods call each other
                return actual(self, *arguments, **options)
            path = arguments[1] if method == "put_file" else arguments[0]
            faults.check(method, str(path))
            inside = True
            try:
                return actual(self, *arguments, **options)
            finally:
                inside = False

        return call

    methods = ("put_file", "cat_file", "info", "find", "open", "rm_file")
    with patch.multiple(system, **{method: checked(method) for method in methods}):
        yield


@contextmanager
def s3(faults: Faults) -> Iterator[None]:
    """Check `faults` before every request to S3."""
    actual = S3FileSystem._call_s3

    async def call(self: Any, method: str, *arguments: Any, **options: Any) -> Any:
        named = [options, *(each for each in arguments if isinstance(each, dict))]
        path = next((d[k] for d in named for k in ("Key", "Prefix", "Bucket") if d.get(k)), "")
        faults.check(method, path)
        return await actual(self, method, *arguments, **options)

    with patch.object(S3FileSystem, "_call_s3", call):
        yield


@contextmanager
def local(root: Path, faults: Faults) -> Iterator[None]:
    """Check `faults` before files below `root` are created, written as tar, renamed or read."""
    open_file, replace, read_bytes, open_tar = (
        os.open,
        os.replace,
        Path.read_bytes,
        tarfile.bltn_open,  # type: ignore[attr-defined]
    )

    def check(operation: str, path: object) -> None:
        if str(path).startswith(str(root)):
            faults.check(operation, str(path))

    def opening(path: Any, flags: int, *arguments: Any) -> int:
        if flags & os.O_CREAT:
            check("create", path)
        return open_file(path, flags, *arguments)

    def replacing(source: Any, target: Any) -> None:
        check("rename", target)
        replace(source, target)

    def reading(path: Path) -> bytes:
        check("read", path)
        return read_bytes(path)

    class Tar:
        """A file that may fail in a write, after half of its block."""

        def __init__(self, path: str, mode: str) -> None:
            self._path, self._file, self._blocks = path, open_tar(path, mode), 0

        def write(self, data: bytes) -> int:
            self._blocks += 1
            try:
                check(f"write {self._blocks}", self._path)
            except OSError:
                self._file.write(data[: len(data) // 2])
                raise
            return int(self._file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    with (
        patch.object(output.os, "open", opening),
        patch.object(output.os, "replace", replacing),
        patch.object(Path, "read_bytes", reading),
        patch.object(tarfile, "bltn_open", Tar),
    ):
        yield
