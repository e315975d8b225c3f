"""Storage that fails while a unit is written: no segment is blamed and no record is left."""

import errno
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mytalk_core.data.manifest import Status
from mytalk_core.data.shard_set import ShardBounds, ShardSet
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import ErrorClass, MytalkError, OutputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.footage import clips, unit_work
from mytalk_core.footage.clips import Clip, extract_clips
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import Records
from mytalk_core.footage.stages import StageLog
from mytalk_core.footage.track_parts import FootageConfig
from mytalk_core.footage.unit_work import Extraction, WorkConfig, WorkModels, extract_unit
from mytalk_core.footage.units import Segment, Unit
from mytalk_core.speech.features import SpeechEncoder
from tests.storage_faults import Faults, local, remote

SOURCE = Source("a.mp4", "/films/a.mp4", "a_12345678", "ann", "")
SEGMENTS = tuple(Segment(SOURCE, n, 3, 90 * n, 90 * n + 90, 3.6) for n in range(3))
UNIT = Unit("0123456789ab-0000", SEGMENTS)
# Two clips of a segment and three in a shard, so that shards end within segments.
CONFIG = WorkConfig(shards=ShardBounds(samples=3))


@pytest.fixture(scope="module")
def clip(tmp_path_factory, sample_clips, run_ffmpeg, landmarker_model, whisper_dir) -> Clip:
    """One clip of real footage."""
    film = tmp_path_factory.mktemp("film") / "a.mp4"
    run_ffmpeg(film, "-i", sample_clips["jwp_intro"].path, "-t", "1.2")
    models = FootageModels(
        MeshLandmarker(landmarker_model), SpeechEncoder(whisper_dir, threads=1), None
    )
    whole = Segment(SOURCE, 0, 1, 0, None, 1.2)
    found = extract_clips(whole, film, models, FootageConfig(), {}, StageLog())
    return next(each for each in found if isinstance(each, Clip))


@dataclass
class Work:
    """Extracts the unit from clips made beforehand, so that only writing is tested."""

    store: Store
    models: WorkModels

    def extract(self) -> None:
        fetched = {SOURCE.title: "a.mp4"}
        extraction = Extraction(Records(self.store), CONFIG, "id", self.models)
        extract_unit(UNIT, fetched, extraction, {}, lambda message: None)

    def result(self) -> tuple[dict[str, str], list[str]]:
        """Digests of all shards, and the rows without their times."""
        shards = {
            name: hashlib.sha256(self.store.read(name)).hexdigest()
            for name in self.store.names("shards/")
        }
        rows = Records(self.store).read_unit(UNIT.name)
        # As text: missing measurements are NaN, which does not equal itself.
        return shards, [repr(replace(row, seconds_spent=0.0)) for row in rows]


@pytest.fixture
def work(monkeypatch, tmp_path, clip) -> Iterator[Callable[[Store], Work]]:
    def made(segment: Segment, *_: object) -> Iterator[Clip]:
        for number in range(2):
            meta = replace(clip.sample.meta, key=f"a_12345678-{segment.number:05d}-{number:02d}")
            yield replace(clip, sample=replace(clip.sample, meta=meta))

    members = unit_work.encode_sample(clip.sample)
    monkeypatch.setattr(clips, "extract_clips", made)
    monkeypatch.setattr(unit_work, "encode_sample", lambda sample: members)
    monkeypatch.setattr(unit_work, "_load", lambda *_: None)
    monkeypatch.setenv("MYTALK_RETRY_SECONDS", "0.001")
    nothing = Path("/nowhere")
    return lambda store: Work(store, WorkModels(nothing, nothing, None, ()))


def test_any_failed_call_to_a_local_folder_ends_the_unit(work, tmp_path) -> None:
    undisturbed = work(open_store(tmp_path / "undisturbed"))
    points = Faults()
    with local(tmp_path, points):
        undisturbed.extract()
    assert len(undisturbed.result()[0]) == 2
    writes = [point for point in points.points if point.startswith("write")]
    assert len(writes) > 70
    left_out = {each for number, each in enumerate(writes) if number % 8}
    for at, point in enumerate(points.points):
        if point in left_out:
            continue
        tried = work(open_store(tmp_path / str(at)))
        for code in (errno.EIO, errno.ENOSPC):
            faults = Faults(at, 1, lambda code=code: OSError(code, "no"))
            with local(tmp_path, faults), pytest.raises(MytalkError) as caught:
                tried.extract()
            assert caught.value.error_class is ErrorClass.TRANSIENT, point
            assert not Records(tried.store).has_unit(UNIT.name), point
        assert caught.value.reason is Reason.DISK_FULL, point
        tried.extract()
        assert tried.result() == undisturbed.result(), point


def test_any_failed_call_to_an_object_store_ends_the_unit(work, tmp_path) -> None:
    undisturbed = work(open_store(f"memory://{tmp_path.name}/undisturbed"))
    points = Faults()
    with remote(MemoryFileSystem, points):
        undisturbed.extract()
    assert points.points == [
        "put_file 0123456789ab-0000-000.tar",
        "put_file 0123456789ab-0000-001.tar",
        "put_file 0123456789ab-0000.parquet",
    ]
    for at, point in enumerate(points.points):
        tried = work(open_store(f"memory://{tmp_path.name}/{at}"))
        with remote(MemoryFileSystem, Faults(at)), pytest.raises(MytalkError) as caught:
            tried.extract()
        assert caught.value.error_class is ErrorClass.TRANSIENT, point
        assert not Records(tried.store).has_unit(UNIT.name), point
        with remote(MemoryFileSystem, Faults(at, times=2)):  # fewer than the retries
            tried.extract()
        assert tried.result() == undisturbed.result(), point


def test_a_segment_that_fails_half_way_leaves_no_clip(monkeypatch, work, tmp_path) -> None:
    made = clips.extract_clips

    def breaking(segment: Segment, *arguments: object) -> Iterator[Clip]:
        found = made(segment, *arguments)
        yield next(found)
        if segment.number == 1:
            raise OSError(errno.EINVAL, "a broken file")
        yield from found

    monkeypatch.setattr(clips, "extract_clips", breaking)
    tried = work(open_store(tmp_path))
    tried.extract()
    rows = Records(tried.store).read_unit(UNIT.name)
    assert [row.status for row in rows] == [*[Status.OK] * 3, Status.FAILED, *[Status.OK] * 3]


def test_a_full_disk_is_not_blamed_on_a_segment(monkeypatch, work, tmp_path) -> None:
    def full(*_: object) -> Iterator[Clip]:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/sound.wav")

    monkeypatch.setattr(clips, "extract_clips", full)
    with pytest.raises(OutputError, match="/tmp/sound") as caught:
        work(open_store(tmp_path)).extract()
    assert caught.value.reason is Reason.DISK_FULL


def test_a_failure_closes_the_set_of_shards(tmp_path) -> None:
    """Otherwise later samples would get a place in a shard that does not exist."""
    sample = {"json": b"{}", "wav": bytes(5000)}
    store = open_store(tmp_path)
    faults = Faults("write 7 a-000.tar")  # of the second sample
    with local(tmp_path, faults), ShardSet(store, "shards/a", ShardBounds()) as shards:
        shards.add("a-0", sample)
        with pytest.raises(OutputError):
            shards.add("a-1", sample)
        with pytest.raises(RuntimeError):
            shards.add("a-2", sample)
    assert faults.hits == 1
    assert list((tmp_path / "shards").iterdir()) == []
