"""Who reads all shards of a folder reads every clip of its manifest once, whatever happened."""

import io
import tarfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mytalk_core.data.manifest import Kind, ManifestRow, Status, rows_of
from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import ErrorClass, MytalkError, OutputError, Reason, StorageError
from mytalk_core.footage import unit_work, worker
from mytalk_core.footage.attempts import Retry
from mytalk_core.footage.clips import Clip
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.records import MANIFEST, Records
from mytalk_core.footage.run_account import RunProgress, write_account
from mytalk_core.footage.unit_work import WorkConfig, WorkModels
from mytalk_core.footage.units import Segment, UnitConfig, group_sources
from mytalk_core.footage.unnamed import NamedShards
from mytalk_core.footage.worker import Worker, WorkPlace


class Here:
    """Does in this process what a child would do."""

    def call(self, work: Callable[..., Any], *arguments: Any, told: Callable[..., None]) -> Any:
        return work(*arguments, told)

    def close(self) -> None:
        pass


def clip(segment: Segment, number: int, content: bytes) -> Clip:
    key = f"{segment.source.title}-{segment.number:05d}-{number:02d}"
    meta = ClipMeta(
        key=key,
        source=segment.source.id,
        source_id=segment.source.title,
        speaker="",
        first_frame=segment.first,
        frame_count=2,
        fps=Fraction(25),
        scheme="mesh478",
        crop_size=16,
        sync_offset=0.0,
        sync_confidence=0.0,
        versions={"content": content[-50:].hex()},
    )
    sample = ClipSample(
        meta=meta,
        audio=np.zeros(1280, np.int16),
        landmarks=np.zeros((2, 478, 3), np.float32),
        boxes=np.zeros((2, 3, 2), np.float32),
        crops=np.zeros((2, 16, 16, 3), np.uint8),
        speech=np.zeros((4, 512), np.float16),
    )
    return Clip(sample, 1.0, 100.0, 0.0, 1, 1.0, 0.0, 1.0, b"", b"", ())


@dataclass
class Run:
    """Preprocessing without Ray, a child or models: two clips of every segment."""

    place: WorkPlace
    films: str
    refuses: Callable[[str], MytalkError | None] = lambda unit: None

    def __call__(self, retry: Retry = "none") -> dict[str, int]:
        """Sources by status."""
        work = Worker(self.place)
        work._child = Here()  # type: ignore[assignment]
        progress = RunProgress([self.films], ListingConfig(), lambda progress: None)
        sources = list_sources([self.films], ListingConfig())
        for number, chunk in enumerate(group_sources(sources, self.place.config.units)):
            state = work.plan(chunk, retry)
            failures = {}
            for unit in state.units:
                if (error := self.refuses(unit.name)) is None:
                    work.extract(unit)
                else:
                    failures[unit.name] = error
            if state.units:
                state = work.finish(state.name, failures)
            progress.chunk_named(number, state.name)
        return write_account(Records(self.store), self.place, progress).sources

    @property
    def store(self) -> Store:
        return open_store(self.place.out)

    def rows(self) -> list[ManifestRow]:
        """The manifest."""
        return rows_of(pq.read_table(io.BytesIO(self.store.read(MANIFEST))), MANIFEST)

    def check(self) -> Counter[str]:
        """Clips by title; each stands once in the manifest, and once in all shards."""
        rows = [row for row in self.rows() if row.kind is Kind.CLIP and row.status is Status.OK]
        keys = []
        for name in self.store.names("shards/"):
            with self.store.open_read(name) as file, tarfile.open(fileobj=file) as tar:
                keys += [each.partition(".")[0] for each in tar.getnames() if each.endswith("json")]
        assert sorted(keys) == sorted(row.key for row in rows)
        assert len(set(keys)) == len(keys)
        return Counter(row.title.rpartition("_")[0] for row in rows)


@pytest.fixture
def film(tmp_path, run_ffmpeg) -> Callable[[str, float], Path]:
    """Makes a film of some seconds."""
    (tmp_path / "films").mkdir()

    def make(name: str, seconds: float = 1.0) -> Path:
        picture = f"color=gray:size=64x64:rate=25:duration={seconds}"
        sound = f"sine=duration={seconds}:frequency={300 + 100 * seconds}"
        out = tmp_path / "films" / name
        return run_ffmpeg(out, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)

    return make


@pytest.fixture(params=["local", "s3"])
def run(request, monkeypatch, tmp_path) -> Run:
    def made(segment: Segment, path: Path, *_: object) -> Iterator[Clip]:
        for number in range(2):
            yield clip(segment, number, path.read_bytes())

    monkeypatch.setattr(unit_work, "extract_clips", made)
    monkeypatch.setattr(unit_work, "_load", lambda *_: None)
    monkeypatch.setenv("MYTALK_RETRY_SECONDS", "0.001")
    out = str(tmp_path / "out")
    if request.param == "s3":
        out = f"{request.getfixturevalue('s3_url')}/{uuid.uuid4().hex}"
    nothing = Path("/nowhere")
    place = WorkPlace(
        out=out,
        config=WorkConfig(units=UnitConfig(unit_seconds=2)),
        config_id="id",
        models=WorkModels(nothing, nothing, None, ()),
        scratch=tmp_path / "scratch",
    )
    return Run(place, str(tmp_path / "films"))


def names(store: Store) -> list[str]:
    return [name for name in store.names() if "/" in name and "identities" not in name]


def test_footage_that_is_replaced_added_or_removed(run, film) -> None:
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
    assert names(run.store) == before  # done again, as its shards were gone
    run()
    assert names(run.store) == before


def test_files_of_the_user_stay(run, film) -> None:
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
    made, asked = unit_work.extract_clips, []

    def flaky(segment: Segment, *arguments: Any) -> Iterator[Clip]:
        asked.append((segment.source.title[:7], segment.number))
        yield from made(segment, *arguments)
        if asked[-1] == ("films_b", 1) and len(asked) < 5:
            raise StorageError("went away", reason=Reason.STORAGE_ERROR)

    monkeypatch.setattr(unit_work, "extract_clips", flaky)
    assert run() == {"failed": 1, "ok": 1}
    assert run.check() == {"films_a": 2, "films_b": 2}
    assert run() == {"failed": 1, "ok": 1}
    assert len(asked) == 3
    assert run("transient") == {"failed": 1, "ok": 1}
    assert asked[3:] == [("films_b", 1)]
    assert run("transient") == {"ok": 2}
    assert asked[4:] == [("films_b", 1)]
    assert run.check() == {"films_a": 2, "films_b": 4}
    assert run("failed") == {"ok": 2}
    assert len(asked) == 5


@pytest.mark.parametrize("retry", ["none", "transient", "failed"])
def test_a_unit_that_could_not_be_stored_is_done_by_the_next_run(run, film, retry) -> None:
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


def test_shards_of_a_unit_that_was_given_up_go(run, film) -> None:
    film("b.mp4", 4.0)
    run.refuses = lambda unit: OutputError("no", reason=Reason.DISK_FULL)
    run()
    with run.store.publish(f"shards/{'0a' * 6}-0000-000.tar") as path:
        tarfile.open(path, "w").close()
    run()
    assert run.check() == {}


def test_storage_of_footage_that_does_not_answer_costs_nothing_done(monkeypatch, run, film) -> None:
    film("a.mp4")
    film("b.mp4")
    run()
    before = names(run.store)
    true_identity = worker.file_identity

    def failing(url: str) -> str:
        if url.endswith("b.mp4"):
            raise StorageError("503", reason=Reason.STORAGE_ERROR, where=url)
        return true_identity(url)

    monkeypatch.setattr(worker, "file_identity", failing)
    assert run() == {"ok": 2}
    assert names(run.store) == before


def test_names_among_many() -> None:
    named = NamedShards()
    assert named.unnamed(["shards/a.tar"]) == ["shards/a.tar"]
    named.add(f"shards/{number}.tar" for number in range(0, 1000, 2))
    named.add(["shards/0.tar"])
    found = named.unnamed(f"shards/{number}.tar" for number in range(1000))
    assert found == [f"shards/{number}.tar" for number in range(1, 1000, 2)]
    assert named.unnamed([]) == []
