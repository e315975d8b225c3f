"""Values on their way to another machine, where the files that they name have other paths.

A file of an artifact travels by its name in the store, and is fetched where it is missing. A media
file travels by its address, and is copied where it is needed, once for all processes of a machine.
"""

import io
import pickle
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.fetch import local_copy
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.storage import is_local
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.errors import Reason, StorageError
from mytalk_core.media.limits import MediaLimits
from mytalk_core.media.output import temporary_root
from mytalk_core.redaction import redacted


@dataclass(frozen=True)
class FileAddress:
    """Where every machine finds a file. It may have secrets: it is neither printed nor stored."""

    address: str  # path or URL
    public_only: bool = False  # whether the address must be public, redirects included


@contextmanager
def local_file_of(file: FileAddress) -> Iterator[Path]:
    """Yield the path of a file on this machine, valid within the block.

    Raises:
        BadInputError, StorageError, OutputError: as `local_copy`.
    """
    with (
        public_addresses_only(file.public_only),
        local_copy(file.address, temporary_root(), MediaLimits()) as path,
    ):
        yield path


def dump_portable(value: Any, artifacts: Artifacts, files: Mapping[Path, FileAddress]) -> bytes:
    """Encode a value of dataclasses at the level of modules.

    Its artifacts are put on the shelf, if there is one.

    Args:
        files: where other machines find media files; those that are missing have the same path
            everywhere.

    Raises:
        ValueError: it has the path of a file that is neither a `MediaFile` nor of an artifact.
        OutputError, StorageError: as `Artifacts.share`.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, artifacts, files).dump(value)
    return buffer.getvalue()


@contextmanager
def loaded_portable(data: bytes, artifacts: Artifacts) -> Iterator[Any]:
    """Yield what `dump_portable` encoded, with files of this machine, valid within the block.

    Raises:
        BadInputError, OutputError: as `local_copy`.
        StorageError: a file has changed since, or an artifact is gone; as `local_copy`.
    """
    with ExitStack() as held:
        yield _Unpickler(io.BytesIO(data), artifacts, held).load()


class _Pickler(pickle.Pickler):
    def __init__(
        self, buffer: io.BytesIO, artifacts: Artifacts, files: Mapping[Path, FileAddress]
    ) -> None:
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self._artifacts, self._files = artifacts, files

    def persistent_id(self, value: Any) -> tuple[Any, ...] | None:
        if isinstance(value, MediaFile):
            file = self._files.get(value.path, FileAddress(str(value.path)))
            return MediaFile, file, value.path.name, value.sha256
        if isinstance(value, Path):
            name = self._artifacts.name_of(value)
            self._artifacts.share(value)
            return Path, name
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, artifacts: Artifacts, held: ExitStack) -> None:
        super().__init__(buffer)
        self._artifacts, self._held = artifacts, held
        self._files: dict[FileAddress, Path] = {}

    def persistent_load(self, found: tuple[Any, ...]) -> Any:
        if found[0] is Path:
            return self._artifacts.obtain(found[1])
        _, file, copy, sha256 = found
        path = self._files.get(file)
        if path is None:
            path = self._held.enter_context(local_file_of(file))
            self._files[file] = path
        # The name of a copy changes with what its storage states of the content.
        if not is_local(file.address) and path.name != copy:
            raise StorageError(
                "was changed while it was in use.",
                reason=Reason.STORAGE_ERROR,
                where=redacted(file.address),
                remedy="Run the same command again.",
            )
        return MediaFile(path, sha256)
