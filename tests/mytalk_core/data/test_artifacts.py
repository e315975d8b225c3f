"""Artifacts are stored once, whole, under keys of what they were made from."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data import artifacts as store
from mytalk_core.data import recipe
from mytalk_core.data.artifact_checks import CHECKS, write_checks
from mytalk_core.data.artifact_sweep import UNFINISHED, ArtifactConfig
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.films.stored_array import StoredArray, store_array

KEY = "ab" + "0" * 62
OTHER = "cd" + "0" * 62


@dataclass(frozen=True)
class Request:
    film: MediaFile
    names: frozenset[str] = frozenset()
    faces: StoredArray | None = None
    options: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Value:
    text: str
    rows: StoredArray | None = None


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "work")


def stored(artifacts: Artifacts, key: str, text: str, count: int = 3) -> Value:
    """Store a value with an array; return it as it is loaded."""
    with artifacts.draft("stage", key) as draft:
        rows = store_array(draft.folder / "rows", [np.arange(count, dtype=np.uint8)])
        (draft.scratch / "temporary").touch()
        artifacts.publish(draft, Value(text, rows), Value)
    loaded = artifacts.load("stage", key, Value)
    assert loaded is not None
    return loaded


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def set_used(artifacts: Artifacts, key: str, time_ns: int) -> None:
    os.utime(artifacts.root / "stage" / key[:2] / key / "value.json", ns=(time_ns, time_ns))


def test_an_artifact_moves_with_its_store(artifacts: Artifacts, tmp_path: Path) -> None:
    assert artifacts.load("stage", KEY, Value) is None
    stored(artifacts, KEY, "first")
    artifacts.root.rename(tmp_path / "moved")
    loaded = Artifacts(tmp_path / "moved").load("stage", KEY, Value)
    assert loaded is not None and loaded.rows is not None
    assert loaded.rows.path == tmp_path / "moved" / "stage" / "ab" / KEY / "rows"
    assert loaded.rows.read().tolist() == [0, 1, 2]
    assert names(tmp_path / "moved") == ["checks.json", "rows", "value.json"]


def test_the_first_of_two_stays(artifacts: Artifacts) -> None:
    with artifacts.draft("stage", KEY) as late:
        stored(artifacts, KEY, "first")
        artifacts.publish(late, Value("second"), Value)
    assert stored(artifacts, KEY, "third").text == "first"


def test_a_stage_that_fails_leaves_nothing(artifacts: Artifacts) -> None:
    with pytest.raises(ValueError), artifacts.draft("stage", KEY) as draft:
        (draft.folder / "half").touch()
        raise ValueError
    assert names(artifacts.root) == [] and list((artifacts.root / UNFINISHED).iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", '{"text": 3', '{"text": "a", "rows": 1}', "\ufeff"])
def test_a_damaged_artifact_is_made_again(artifacts: Artifacts, text: str) -> None:
    stored(artifacts, KEY, "first")
    (artifacts.root / "stage" / "ab" / KEY / "value.json").write_text(text)
    with artifacts.draft("stage", KEY) as draft:  # without a look at what is stored
        artifacts.publish(draft, Value("second"), Value)
    assert stored(artifacts, KEY, "third").text == "second"


def flipped(file: Path) -> None:
    """Flip one bit, without any other trace."""
    data, status = bytearray(file.read_bytes()), file.stat()
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("file", ["value.json", "rows", "checks.json"])
@pytest.mark.parametrize(
    "damage",
    [flipped, lambda file: os.truncate(file, file.stat().st_size - 1), Path.unlink],
    ids=["a bit flipped", "cut off", "missing"],
)
def test_an_artifact_with_a_damaged_file_is_not_stored(
    artifacts: Artifacts, file: str, damage: Callable[[Path], None]
) -> None:
    rows = stored(artifacts, KEY, "first").rows
    with artifacts.draft("stage", OTHER) as draft:
        artifacts.publish(draft, Value("view", rows), Value)
    damage(artifacts.root / "stage" / "ab" / KEY / file)
    later = Artifacts(artifacts.root)
    assert later.load("stage", OTHER, Value) is None
    assert later.load("stage", KEY, Value) is None
    assert stored(later, KEY, "second").text == "second"


@pytest.mark.parametrize("name", ["/etc/passwd", "../../outside"])
def test_a_file_outside_of_the_store_is_not_opened(artifacts: Artifacts, name: str) -> None:
    stored(artifacts, KEY, "first")
    value = artifacts.root / "stage" / "ab" / KEY / "value.json"
    value.write_text(value.read_text().replace(f"stage/ab/{KEY}/rows", name))
    (value.parent / CHECKS).unlink()
    write_checks(value.parent)
    assert Artifacts(artifacts.root).load("stage", KEY, Value) is None
    assert not value.parent.exists()


def test_an_artifact_needs_the_files_of_others(artifacts: Artifacts) -> None:
    rows = stored(artifacts, KEY, "rows").rows
    with artifacts.draft("stage", OTHER) as draft:
        artifacts.publish(draft, Value("view", rows), Value)
    assert artifacts.load("stage", OTHER, Value) == Value("view", rows)
    shutil.rmtree(artifacts.root / "stage" / "ab")
    assert artifacts.load("stage", OTHER, Value) is None


def test_values_name_no_file_outside_of_the_store(artifacts: Artifacts, tmp_path: Path) -> None:
    outside = StoredArray(tmp_path / "film", "uint8", (1,))
    with artifacts.draft("stage", KEY) as draft:
        temporary = StoredArray(draft.scratch / "rows", "uint8", (1,))
        for rows in (outside, temporary):
            with pytest.raises(ValueError, match="MediaFile"):
                artifacts.publish(draft, Value("", rows), Value)
    with pytest.raises(ValueError, match="MediaFile"):
        artifacts.key("stage", 1, Value("", outside), Value)


def test_a_full_disk_is_an_output_error(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OutputError) as caught:
        stored(artifacts, KEY, "first")
    assert caught.value.reason is Reason.DISK_FULL
    assert artifacts.load("stage", KEY, Value) is None


def test_a_key_depends_on_content_and_not_on_places(artifacts: Artifacts, tmp_path: Path) -> None:
    film = MediaFile(tmp_path / "film", "a" * 64)
    rows = stored(artifacts, KEY, "rows").rows
    request = Request(film, frozenset({"x", "y", "z"}), rows, {"a": 1, "b": 2})
    moved = Artifacts(tmp_path / "moved")
    there = StoredArray(moved.root / "stage" / "ab" / KEY / "rows", "uint8", (3,))
    same = Request(
        MediaFile(Path("/elsewhere"), "a" * 64),
        frozenset({"z", "y", "x"}),
        there,
        {"b": 2, "a": 1},
    )
    key = artifacts.key("stage", 1, request, Request)
    assert moved.key("stage", 1, same, Request) == key
    others = {
        artifacts.key("stage", 2, request, Request),
        artifacts.key("other", 1, request, Request),
        artifacts.key("stage", 1, Request(film), Request),
        artifacts.key("stage", 1, Request(MediaFile(film.path, "b" * 64)), Request),
    }
    assert len(others | {key}) == 5


def test_a_key_does_not_depend_on_the_process(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from mytalk_core.data.artifacts import Artifacts;"
        "print(Artifacts(Path('work')).key('s', 1, frozenset('abcdefgh'), frozenset[str]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_key_depends_on_the_software(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = artifacts.key("stage", 1, 3, int)
    monkeypatch.setattr(recipe, "version", lambda name: "another")
    recipe._versions.cache_clear()
    after = artifacts.key("stage", 1, 3, int)
    recipe._versions.cache_clear()
    assert before != after


def test_a_file_is_read_once_until_it_changes(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    real = store.sha256_of
    monkeypatch.setattr(store, "sha256_of", lambda path: read.append(path) or real(path))
    film = tmp_path / "film"
    film.write_bytes(b"one")
    first = artifacts.media_file(film)
    assert artifacts.media_file(film) == first
    assert len(read) == 2  # changed just now: it may change again at the same time of the clock
    os.utime(film, (1, 1))
    assert artifacts.media_file(film) == artifacts.media_file(film) == first
    assert len(read) == 3
    film.write_bytes(b"two")
    assert artifacts.media_file(film).sha256 != first.sha256
    folder = tmp_path / "folder" / "inner"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"one")
    assert artifacts.media_files(tmp_path / "folder")["inner/weights"].sha256 == first.sha256
    assert artifacts.media_files(film) == {"": artifacts.media_file(film)}


def test_a_missing_file_is_named(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        artifacts.media_file(tmp_path / "film")
    assert caught.value.reason is Reason.NOT_FOUND
    assert caught.value.where == str(tmp_path / "film")


def test_the_least_recently_used_are_removed(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "work", ArtifactConfig(limit_bytes=3500))
    keys = [f"{number:02x}{'0' * 62}" for number in range(4)]
    for number, key in enumerate(keys):
        stored(artifacts, key, "", 1000)
        set_used(artifacts, key, number + 1)
    foreign = artifacts.root / "photographs" / "ab" / "summer"
    foreign.mkdir(parents=True)
    (foreign / "value.json").write_bytes(bytes(10000))
    assert artifacts.usage()["stage"] > 4000
    artifacts.load("stage", keys[0], Value)
    with artifacts.in_use():
        pass
    assert [artifacts.load("stage", key, Value) is not None for key in keys] == [
        *(True, False, False),
        True,
    ]
    assert foreign.exists()


def test_what_a_live_run_uses_stays(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "work", ArtifactConfig(limit_bytes=0))
    with artifacts.in_use():
        stored(artifacts, KEY, "used")
        with artifacts.in_use():  # of another run that began later
            pass
        assert artifacts.load("stage", KEY, Value) is not None
    time.sleep(0.02)
    with artifacts.in_use():
        assert artifacts.load("stage", KEY, Value) is None


@contextmanager
def killed(root: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program with the store `artifacts`; wait for its first line; kill it afterwards."""
    preamble = (
        "import sys; from pathlib import Path;"
        "from mytalk_core.data.artifacts import Artifacts; artifacts = Artifacts(Path(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{preamble}\n{program}", str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_leftovers_of_a_killed_run_are_removed_and_those_of_a_live_one_are_not(
    artifacts: Artifacts,
) -> None:
    program = f"""
with artifacts.in_use(), artifacts.draft("stage", "{KEY}") as draft:
    (draft.folder / "half").touch()
    print("ready", flush=True)
    sys.stdin.read()
"""
    with killed(artifacts.root, program), artifacts.in_use():
        assert "half" in names(artifacts.root)
        assert len(list((artifacts.root / "runs").iterdir())) == 2
    assert "half" in names(artifacts.root)
    with artifacts.in_use():
        assert "half" not in names(artifacts.root)
        assert len(list((artifacts.root / "runs").iterdir())) == 1
    assert names(artifacts.root) == []
