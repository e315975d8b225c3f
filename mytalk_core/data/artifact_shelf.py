"""Artifacts in a storage that all machines of a run reach: an archive each, put whole.

A machine keeps the artifacts that it makes and uses in a folder of its own, which is bounded. What
another machine needs goes through the shelf: `STAGE/AB/ABCD...tar` for the artifact of a key.
"""

import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason, StorageError


@dataclass(frozen=True)
class ArtifactShelf:
    """The archives below a prefix of an object store. Picklable.

    Methods raise OutputError and StorageError as those of `Store`.
    """

    store: Store

    def has(self, stage: str, key: str) -> bool:
        """Whether the artifact of a key is here."""
        return self.store.exists(_name(stage, key))

    def put(self, stage: str, key: str, folder: Path) -> None:
        """Store the folder of an artifact; what is here is replaced."""
        with self.store.publish(_name(stage, key)) as path, tarfile.open(path, "w") as archive:
            archive.add(folder, "")

    def fetch(self, stage: str, key: str, folder: Path) -> bool:
        """Write the files of an artifact into an empty folder; return whether it is here.

        Raises:
            StorageError: what was received is no whole archive.
        """
        name = _name(stage, key)
        try:
            with (
                closing(self.store.open_read(name)) as source,
                tarfile.open(fileobj=source, mode="r|") as archive,
            ):
                archive.extractall(folder, filter="data")
        except BadInputError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            return False
        except (tarfile.TarError, EOFError) as error:
            raise StorageError(
                f"is not a whole archive: {error}.",
                reason=Reason.STORAGE_ERROR,
                where=f"{self.store.url}/{name}",
                remedy="Run the same command again later.",
            ) from error
        return True

    def remove(self, stage: str, key: str) -> None:
        """Remove an artifact, if it is here."""
        self.store.remove(_name(stage, key))


def _name(stage: str, key: str) -> str:
    return f"{stage}/{key[:2]}/{key}.tar"
