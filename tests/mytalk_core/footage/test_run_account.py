"""After any sequence of runs, the shards of a folder hold each clip of its manifest once."""

import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mytalk_core.data.manifest import Status
from mytalk_core.data.storage import Store
from mytalk_core.errors import ErrorClass, MytalkError, OutputError, Reason, StorageError
from mytalk_core.footage import clips, unit_work, worker
from mytalk_core.footage.clips import Clip
from mytalk_core.footage.units import Segment
from mytalk_core.footage.unnamed import NamedShards
from tests.storage_faults import Faults, local, s3
from tests.stored_runs import Run, film_of, stored_run, two_clips


@pytest.fixture
def film(tmp_path, run_ffmpeg) -> Callable[[str, float], Path]:
    """A function that writes a film of some seconds."""
    (tmp_path / "films").mkdir()

    def make(name: str, seconds: float = 1.0) -> Path:
        return run_ffmpeg(tmp_path / "films" / name, *film_of(seconds))

    return make


@pytest.fixture(params=["local", "s3"])
def run(request, monkeypatch, tmp_path) -> Run:
    monkeypatch.setattr(clips, "extract_clips", two_clips)
    monkeypatch.setattr(unit_work, "_load", lambda *_: None)
    monkeypatch.setenv("MYTALK_RETRY_SECONDS", "0.001")
    out = str(tmp_path / "out")
    if request.param == "s3":
        out = f"{request.getfixturevalue('s3_url')}/{uuid.uuid4().hex}"
    return stored_run(str(tmp_path / "films"), out, tmp_path / "scratch")


def names(store: Store) -> list[str]:
    return [name for name in store.names() if "/" in name and "identities" not in name]


def test_clips_follow_footage_that_is_replaced_added_or_removed(run, film) -> None:
    film("a.mp4")
    film("b.mp4", 4.0)
    assert run()["ok"] == 2
    assert run.check() == {"films_a": 2, "films_b": 4}
    film("a.mp4", 1.2)
    run()
    assert run.check() == {"films_a": 2, "films_b": 4}
    before = names(run.store)
    added = film("c.mp4")
    run()
    assert run.check() == {"films_a": 2, "films_b": 4, "films_c": 2}
    assert not set(before) & set(names(run.store))
    added.unlink()
    run()
    assert run.check() == {"films_a": 2, "films_b": 4}
    assert names(run.store) == before  # extracted again, because the shards had been removed
    run()
    assert names(run.store) == before


def test_files_of_the_user_are_kept(run, film) -> None:
    film("a.mp4")
    run()
    own = ["shards/mine.tar", "shards/README", "notes.txt", "units/old.parquet", "shards/x/a.tar"]
    for name in own:
        with run.store.publish(name) as path:
            path.write_text("mine")
    film("a.mp4", 1.2)
    run()
    assert all(run.store.read(name) == b"mine" for name in own)


def test_a_retry_repeats_the_segments_that_failed(monkeypatch, run, film) -> None:
    film("a.mp4")
    film("b.mp4", 4.0)
    made, calls = clips.extract_clips, []

    def flaky(segment: Segment, *arguments: Any) -> Iterator[Clip]:
        calls.append((segment.source.title[:7], segment.number))
        yield from made(segment, *arguments)
        if calls[-1] == ("films_b", 1) and len(calls) < 5:
            raise StorageError("went away", reason=Reason.STORAGE_ERROR)

    monkeypatch.setattr(clips, "extract_clips", flaky)
    assert run() == {"failed": 1, "ok": 1}
    assert run.check() == {"films_a": 2, "films_b": 2}
    assert run() == {"failed": 1, "ok": 1}
    assert len(calls) == 3
    assert run("transient") == {"failed": 1, "ok": 1}
    assert calls[3:] == [("films_b", 1)]
    assert run("transient") == {"ok": 2}
    assert calls[4:] == [("films_b", 1)]
    assert run.check() == {"films_a": 2, "films_b": 4}
    assert run("failed") == {"ok": 2}
    assert len(calls) == 5


@pytest.mark.parametrize("retry", ["none", "transient", "failed"])
def test_a_unit_that_could_not_be_stored_is_extracted_by_the_next_run(run, film, retry) -> None:
    film("a.mp4")
    film("b.mp4", 4.0)
    run.refuses = lambda unit: (
        OutputError("no", reason=Reason.DISK_FULL) if unit.endswith("-0001") else None
    )
    assert run() == {"failed": 1, "ok": 1}
    assert run.check() == {"films_a": 2, "films_b": 2}
    failed = [row for row in run.rows() if row.status is Status.FAILED]
    assert [(row.error_class, row.reason) for row in failed] == [
        (ErrorClass.TRANSIENT, Reason.DISK_FULL)
    ]
    run.refuses = lambda unit: None
    assert run(retry) == {"ok": 2}
    assert run.check() == {"films_a": 2, "films_b": 4}
    done = {name: run.store.read(name) for name in names(run.store) if name.endswith(".tar")}
    undisturbed = replace(run, place=replace(run.place, out=f"{run.place.out}-undisturbed"))
    undisturbed()
    assert {name: undisturbed.store.read(name) for name in done} == done


def test_shards_of_an_unfinished_unit_are_removed(run, film) -> None:
    film("b.mp4", 4.0)
    run.refuses = lambda unit: OutputError("no", reason=Reason.DISK_FULL)
    run()
    with run.store.publish(f"shards/{'0a' * 6}-0000-000.tar") as path:
        tarfile.open(path, "w").close()
    run()
    assert run.check() == {}


def test_results_are_kept_while_the_storage_of_footage_fails(monkeypatch, run, film) -> None:
    film("a.mp4")
    film("b.mp4")
    run()
    before = names(run.store)
    real_identity = worker.file_identity

    def failing(url: str) -> str:
        if url.endswith("b.mp4"):
            raise StorageError("503", reason=Reason.STORAGE_ERROR, where=url)
        return real_identity(url)

    monkeypatch.setattr(worker, "file_identity", failing)
    assert run() == {"ok": 2}
    assert names(run.store) == before


def test_unnamed_shards_are_found_among_many() -> None:
    named = NamedShards()
    assert named.unnamed(["shards/a.tar"]) == ["shards/a.tar"]
    named.add(f"shards/{number}.tar" for number in range(0, 1000, 2))
    named.add(["shards/0.tar"])
    found = named.unnamed(f"shards/{number}.tar" for number in range(1000))
    assert found == [f"shards/{number}.tar" for number in range(1, 1000, 2)]
    assert named.unnamed([]) == []


@pytest.mark.parametrize("part", range(3))
def test_a_run_after_any_storage_failure_gives_the_undisturbed_result(
    run, film, tmp_path, part
) -> None:
    """Failing calls are divided among the parts.

    With an object store, which is slower, every third is tested here and all of them by
    `tests/benchmarks/storage_fuzz.py`.
    """
    film("a.mp4", 4.0)
    disturb = partial(local, tmp_path / "out") if run.store.local_path("x") else s3
    points = Faults()
    with disturb(points):
        assert run() == {"ok": 1}
    undisturbed = run.content()
    writes = [point for point in points.points if point.startswith("write")]
    places = [each for each in points.points if each not in writes[2:]]
    for point in places[part :: 3 if run.store.local_path("x") else 9]:
        for name in list(run.store.names()):
            run.store.remove(name)
        with disturb(Faults(point)):
            try:
                assert run() in ({"failed": 1}, {"ok": 1}), point
            except MytalkError as error:
                assert error.error_class is ErrorClass.TRANSIENT, point
        assert run() == {"ok": 1}, point
        run.check()
        assert run.content() == undisturbed, point
