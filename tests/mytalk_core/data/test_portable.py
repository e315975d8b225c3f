"""Artifacts and values of one machine are used on another, through a storage that both reach."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import fsspec
import numpy as np
import pytest

from mytalk_core.data.artifact_shelf import ArtifactShelf
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.portable import (
    FileAddress,
    dump_portable,
    loaded_portable,
    local_file_of,
)
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import StorageError
from mytalk_core.films.stored_array import StoredArray, store_array

KEY, OTHER = "ab" + "0" * 62, "cd" + "0" * 62


@dataclass(frozen=True)
class Faces:
    rows: StoredArray


@dataclass(frozen=True)
class Request:
    film: MediaFile
    faces: Faces


@pytest.fixture
def store() -> Store:
    return open_store(f"memory://shelf-{secrets.token_hex(4)}")


@pytest.fixture
def here(store: Store, tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "here", shelf=ArtifactShelf(store))


@pytest.fixture
def there(store: Store, tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "there", shelf=ArtifactShelf(store))


def stored(artifacts: Artifacts) -> Faces:
    """Faces with an array of their own, and others that refer to it; the latter are returned."""
    with artifacts.draft("faces", KEY) as draft:
        rows = store_array(draft.folder / "rows", [np.arange(9, dtype=np.uint8)])
        artifacts.publish(draft, Faces(rows), Faces)
    found = artifacts.load("faces", KEY, Faces)
    assert found is not None
    with artifacts.draft("part", OTHER) as draft:
        artifacts.publish(draft, Faces(found.rows.rows(2, 4)), Faces)
    return found


def test_what_one_machine_made_is_there_on_another(here: Artifacts, there: Artifacts) -> None:
    stored(here)
    loaded = there.load("part", OTHER, Faces)
    assert loaded is not None
    assert loaded.rows.path.is_relative_to(there.root)
    assert loaded.rows.read().tolist() == [2, 3]
    (there.folder("faces", KEY) / "rows").write_bytes(b"damaged")
    fresh = Artifacts(there.root, shelf=there._shelf)
    again = fresh.load("part", OTHER, Faces)
    assert again is not None and again.rows.read().tolist() == [2, 3]
    assert there.load("faces", OTHER, Faces) is None


def test_an_artifact_whose_parts_are_lost_everywhere_is_removed(
    here: Artifacts, there: Artifacts, store: Store
) -> None:
    stored(here)
    store.remove(f"faces/ab/{KEY}.tar")
    assert there.load("part", OTHER, Faces) is None
    assert list(store.names()) == []
    assert here.load("part", OTHER, Faces) is not None  # this machine has it all


def test_an_archive_that_was_cut_off_is_a_failure_of_the_storage(
    here: Artifacts, there: Artifacts, store: Store
) -> None:
    stored(here)
    name = f"faces/ab/{KEY}.tar"
    whole = store.read(name)
    with store.publish(name) as path:
        path.write_bytes(whole[:1000])
    with pytest.raises(StorageError, match="not a whole archive"):
        there.load("faces", KEY, Faces)
    assert not list((there.root / "unfinished").iterdir())


def test_a_request_travels_with_what_it_names(
    here: Artifacts, there: Artifacts, store: Store, tmp_path: Path
) -> None:
    """An artifact that was on this machine alone is put on the shelf for it."""
    faces = stored(Artifacts(here.root))
    assert not list(store.names())
    film = "memory://films/film.mp4"
    fsspec.filesystem("memory").pipe("films/film.mp4", b"a film")
    own, copy = tmp_path / "own.wav", FileAddress(film)
    own.write_bytes(b"sound")
    with loaded_portable(dump_portable(MediaFile(own, "1"), here, {}), there) as sound:
        assert sound == MediaFile(own, "1")
    with local_file_of(copy) as path:
        message = dump_portable(Request(MediaFile(path, "0"), faces), here, {path: copy})
    assert str(here.root).encode() not in message
    with loaded_portable(message, there) as request:
        assert request.film.path.read_bytes() == b"a film"
        assert request.faces.rows.path.is_relative_to(there.root)
        assert request.faces.rows.read().tolist() == list(range(9))

    fsspec.filesystem("memory").pipe("films/film.mp4", b"another film")
    with (
        pytest.raises(StorageError, match=r"film\.mp4: was changed"),
        loaded_portable(message, there),
    ):
        pass


def test_an_artifact_that_is_gone_is_named(here: Artifacts, tmp_path: Path) -> None:
    message = dump_portable(stored(here), here, {})
    elsewhere = Artifacts(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="rows was removed"), loaded_portable(message, elsewhere):
        pass
