"""The store of artifacts: results of stages under keys, written once and whole.

An artifact is the folder `<root>/<stage>/<first two digits of the key>/<key>/` with its value as
`value.json`, the files that belong to it, and `checks.json` with their digests. Values name files
relative to the root, so that a store can be moved; a value may refer to files of other artifacts.
An artifact is prepared in a folder of the same root and renamed when it is complete, so there is
never a part of one. With a shelf, artifacts are exchanged with other machines: those that are made
here are put there, and those that are missing here are fetched.
"""

import errno
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from filelock import FileLock

from mytalk_core.data.artifact_checks import is_intact, write_checks
from mytalk_core.data.artifact_shelf import ArtifactShelf
from mytalk_core.data.artifact_sweep import (
    UNFINISHED,
    VALUE,
    ArtifactConfig,
    discard,
    mark_of_run,
    marked_as_used,
    run_of,
    stage_sizes,
)
from mytalk_core.data.checked_file import sha256_of
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.data.values import dump_named, key_text, load_named
from mytalk_core.errors import BadInputError, Reason, StorageError
from mytalk_core.media.output import cannot_be_written, make_folder, work_folder

V = TypeVar("V")

# A file that changed this recently may change again within one tick of the file system's clock.
_SETTLED_SECONDS = 2.0
_DIGESTS = "digest"  # the stage under which SHA-256 of files are stored
_DIGESTS_VERSION = 1
_FETCHING = "fetching"  # folder of locks


@dataclass(frozen=True)
class Draft:
    """An artifact that is being made."""

    folder: Path  # exists, empty; its files belong to the artifact
    scratch: Path  # exists, empty; removed when the block of `Artifacts.draft` ends
    stage: str
    key: str


class Artifacts:
    """The artifacts below a root. Safe for any number of processes and threads."""

    def __init__(
        self,
        root: Path,
        config: ArtifactConfig | None = None,
        shelf: ArtifactShelf | None = None,
    ) -> None:
        """Args: the root, which need not exist; limits; where other machines find artifacts."""
        self.root = root.absolute()
        self._config = config or ArtifactConfig()
        self._shelf = shelf
        self._intact: set[Path] = set()  # folders of artifacts whose files were compared
        self._shelved: set[Path] = set()  # folders of artifacts that the shelf has

    @property
    def limit(self) -> int:
        """Bytes beyond which artifacts are removed."""
        return self._config.limit_bytes

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Mark the store as used by a run of this process, and keep it within its bound.

        What killed runs left is removed. Artifacts that a run has used since it began are never
        removed, by this process or another one.

        Raises:
            OutputError: where the root cannot be written.
        """
        with run_of(self.root, self._config):
            yield

    @contextmanager
    def kept(self) -> Iterator[None]:
        """As `in_use`, but without looking at all artifacts: for work of seconds.

        Raises:
            OutputError: where the root cannot be written.
        """
        with mark_of_run(self.root):
            yield

    def key(self, stage: str, version: int, request: Any, kind: Any) -> str:
        """Return the key of the artifact of a request: a SHA-256, hexadecimal.

        It depends on the stage and its version, on what the request contains and on the versions of
        the software. Files outside of the store count by content.

        Args:
            kind: type of the request.

        Raises:
            ValueError: the request has the path of a file outside of the store that is not a
                `MediaFile`.
        """
        text = key_text(request, kind, self.name_of)
        software = sorted(made_with(ResultKind.DUBBING).items())
        identity = json.dumps([stage, version, software, text])
        return hashlib.sha256(identity.encode()).hexdigest()

    def load(self, stage: str, key: str, kind: type[V]) -> V | None:
        """Return a stored value, and count it as used; None where it is not stored.

        An artifact that is damaged, or refers to a file that is damaged or was removed, is not
        stored. The files of an artifact are compared with their digests when it is first loaded.

        Raises:
            StorageError: where the shelf does not answer.
        """
        folder = self.folder(stage, key)
        if not self._is_here(folder):
            return None
        files: set[Path] = set()

        def path_of(name: str) -> Path:
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts:
                raise ValueError(f"{name} is not below the store")
            files.add(self.root / parts)
            return self.root / parts

        try:
            value = load_named((folder / VALUE).read_text(encoding="utf-8"), kind, path_of)
        except FileNotFoundError:
            return None  # another process removed it
        except ValueError:
            self._discard(folder)
            return None
        owners = {*map(self._owner, files)}
        if not all([self._is_here(owner) for owner in owners if owner != folder]) or not all(
            file.exists() for file in files
        ):
            self._discard(folder)
            return None
        marked_as_used(self.root, {folder, *files})
        return value

    @contextmanager
    def draft(self, stage: str, key: str) -> Iterator[Draft]:
        """Provide the folders in which an artifact is made; nothing of them stays unpublished.

        Raises:
            OutputError: where the root cannot be written.
        """
        make_folder(self.root / UNFINISHED)
        with work_folder(self.root / UNFINISHED / key) as work:
            folder, scratch = work / "artifact", work / "scratch"
            folder.mkdir()
            scratch.mkdir()
            yield Draft(folder, scratch, stage, key)

    def publish(self, draft: Draft, value: Any, kind: Any) -> None:
        """Store a value and the files of its draft; an artifact that is already there stays.

        Args:
            kind: type of the value.

        Raises:
            OutputError: DISK_FULL, STORAGE_ERROR (transient) or OUTPUT_NOT_WRITABLE.
            ValueError: the value has the path of a file that is neither in the folder of the draft
                nor in another artifact.
        """
        final = self.folder(draft.stage, draft.key)

        def name_of(path: Path) -> str:
            if path.is_relative_to(draft.folder):
                return self.name_of(final / path.relative_to(draft.folder))
            return self.name_of(path)

        text = dump_named(value, kind, name_of)
        try:
            (draft.folder / VALUE).write_text(text, encoding="utf-8")
            write_checks(draft.folder)
            _flush(draft.folder)
            make_folder(final.parent)
            if (
                not _renamed(draft.folder, final)
                and self.load(draft.stage, draft.key, kind) is None
            ):
                _renamed(draft.folder, final)  # the one that was there was damaged
        except OSError as error:
            raise cannot_be_written(final, error) from error
        if draft.stage != _DIGESTS:  # of files of this machine
            self.share(final)

    def share(self, file: Path) -> None:
        """Put the artifact to which a file belongs on the shelf, unless it is there.

        Raises:
            OutputError, StorageError: as `ArtifactShelf.put`.
        """
        folder = self._owner(file)
        if self._shelf is None or folder in self._shelved:
            return
        if not self._shelf.has(*_stage_and_key(folder)):
            self._shelf.put(*_stage_and_key(folder), folder)
        self._shelved.add(folder)

    def obtain(self, name: str) -> Path:
        """Return a file of an artifact, by its name relative to the root; fetch it if necessary.

        Raises:
            StorageError: the artifact is not here, and not on the shelf.
        """
        file = self.root / name
        owner = self._owner(file)
        if not self._is_here(owner) or not file.exists():
            raise StorageError(
                f"{name} was removed while it was in use.",
                reason=Reason.STORAGE_ERROR,
                where=str(self._shelf.store.url if self._shelf else self.root),
                remedy="Run the same command again.",
            )
        marked_as_used(self.root, {file})
        return file

    def media_file(self, path: Path) -> MediaFile:
        """Identify a file by its content, which is read once as long as the file does not change.

        Raises:
            BadInputError: NOT_FOUND or UNREADABLE.
            OutputError: where the root cannot be written.
        """
        try:
            return MediaFile(path.absolute(), self._sha256(path))
        except FileNotFoundError as error:
            raise BadInputError(
                "this file does not exist.", reason=Reason.NOT_FOUND, where=str(path)
            ) from error
        except OSError as error:
            raise BadInputError(
                f"cannot be read: {error.strerror}.", reason=Reason.UNREADABLE, where=str(path)
            ) from error

    def media_files(self, path: Path) -> Mapping[str, MediaFile]:
        """Identify a file, or every file below a folder, by its name relative to `path`.

        A single file has the empty name.

        Raises:
            BadInputError, OutputError: as `media_file`.
        """
        if not path.is_dir():
            return {"": self.media_file(path)}
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): self.media_file(file) for file in files}

    def usage(self) -> dict[str, int]:
        """Return the bytes of the stored artifacts by stage."""
        return stage_sizes(self.root)

    def folder(self, stage: str, key: str) -> Path:
        """Return the folder of an artifact, which may not exist."""
        return self.root / stage / key[:2] / key

    def _owner(self, file: Path) -> Path:
        """Return the folder of the artifact to which a file belongs."""
        return self.root.joinpath(*file.relative_to(self.root).parts[:3])

    def _is_intact(self, folder: Path) -> bool:
        if folder not in self._intact and is_intact(folder):
            self._intact.add(folder)
        return folder in self._intact

    def _is_here(self, folder: Path) -> bool:
        """Whether an artifact is in the root and intact; if it is not, it is fetched."""
        if folder.is_dir():
            if self._is_intact(folder):
                return True
            discard(self.root, folder)
        self._intact.discard(folder)
        if self._shelf is None or _stage_and_key(folder)[0] == _DIGESTS:
            return False
        if not self._fetched(self._shelf, folder):
            return False
        if self._is_intact(folder):
            self._shelved.add(folder)
            return True
        self._discard(folder)
        return False

    def _fetched(self, shelf: ArtifactShelf, folder: Path) -> bool:
        """Fetch an artifact, one of all processes of this machine; return whether it is here."""
        stage, key = _stage_and_key(folder)
        try:
            make_folder(self.root / _FETCHING)
            with FileLock(self.root / _FETCHING / f"{key[:2]}.lock"):
                if folder.is_dir():
                    return True
                with self.draft(stage, key) as draft:
                    if not shelf.fetch(stage, key, draft.folder):
                        return False
                    make_folder(folder.parent)
                    _renamed(draft.folder, folder)
        except OSError as error:
            raise cannot_be_written(folder, error) from error
        return True

    def _discard(self, folder: Path) -> None:
        """Remove an artifact of which a part is lost, also from the shelf."""
        self._intact.discard(folder)
        self._shelved.discard(folder)
        discard(self.root, folder)
        stage, key = _stage_and_key(folder)
        if self._shelf is not None and stage != _DIGESTS:
            self._shelf.remove(stage, key)

    def name_of(self, path: Path) -> str:
        """Return the name of a file of an artifact relative to the root.

        Raises:
            ValueError: it is not a file of an artifact.
        """
        if not path.is_relative_to(self.root) or path.is_relative_to(self.root / UNFINISHED):
            raise ValueError(f"{path} is not a file of an artifact; name it as a MediaFile")
        return path.relative_to(self.root).as_posix()

    def _sha256(self, path: Path) -> str:
        before = path.stat()
        identity = [str(path.resolve()), before.st_size, before.st_mtime_ns, before.st_ino]
        key = hashlib.sha256(json.dumps([_DIGESTS_VERSION, *identity]).encode()).hexdigest()
        if (stored := self.load(_DIGESTS, key, str)) is not None:
            return stored
        digest = sha256_of(path)
        if time.time() - before.st_mtime > _SETTLED_SECONDS:
            with self.draft(_DIGESTS, key) as draft:
                self.publish(draft, digest, str)
        return digest


def _stage_and_key(folder: Path) -> tuple[str, str]:
    """What names the artifact in a folder."""
    return folder.parts[-3], folder.parts[-1]


def _renamed(folder: Path, final: Path) -> bool:
    """Rename a folder; return False where `final` exists."""
    try:
        folder.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _flush(folder: Path) -> None:
    """Write the files of a folder to disk: after a power cut a name must not stand for less."""
    for file in folder.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
