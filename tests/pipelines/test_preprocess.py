"""Real footage and files that are no media, preprocessed: results, interruptions, repeated runs."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.manifest import Kind, Status, read_manifest
from mytalk_core.data.schema import ClipSample
from mytalk_core.data.shard_set import content_hash
from mytalk_core.data.shards import iter_members, iter_samples
from mytalk_core.errors import BadInputError, ErrorClass, OutputError, Reason
from mytalk_core.footage.run_account import RunAccount
from mytalk_core.footage.unit_work import config_id
from mytalk_core.media.clock import MOTION_FPS
from pipelines import preprocess as preprocess_pipeline
from pipelines.actor_pool import Shape
from pipelines.preprocess import preprocess
from tests.preprocess_runs import (
    CONFIG,
    UNIT_PER_FILM,
    Killer,
    job,
    preprocess_here,
    processes,
    records,
    rows,
    same,
    shards,
    worker_here,
)

# Files that every run writes at its end.
ENDS = ("manifest.parquet", "report.html", "summary.json")


@pytest.fixture(scope="module")
def footage(tmp_path_factory, sample_clips, run_ffmpeg) -> Path:
    """Three films of a speaker, one of them cut into segments, and files that give no clip."""
    folder = tmp_path_factory.mktemp("somewhere") / "footage"
    man = folder / "man"
    man.mkdir(parents=True)
    intro, movie = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    run_ffmpeg(man / "a.intro.mp4", "-i", intro, "-t", "5.5")  # a dot that no key may hold
    run_ffmpeg(man / "b silent.mp4", "-i", intro, "-t", "1.5", "-an")
    (man / "c_text.mp4").write_text("I am no film.")
    run_ffmpeg(man / "d_movie.mp4", "-i", movie, "-t", "1.6")
    slate = ["-f", "lavfi", "-i", "testsrc=d=1.2", "-f", "lavfi", "-i", "sine=d=1.2"]
    run_ffmpeg(man / "e_slate.mp4", *slate)
    run_ffmpeg(man / "f_movie.mp4", "-ss", "2", "-i", movie, "-t", "1.4")
    return folder


def written(out: Path) -> dict[str, int]:
    """The time at which each file was written, nanoseconds."""
    files = [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in files}


def without_ends(times: dict[str, int]) -> dict[str, int]:
    """`times` without the files that every run writes at its end."""
    return {name: at for name, at in times.items() if name not in ENDS}


@pytest.fixture(scope="module")
def done(footage, tmp_path_factory, models) -> tuple[Path, RunAccount]:
    """A run without Ray and without interruptions: its folder and its account."""
    out = tmp_path_factory.mktemp("done")
    return out, preprocess_here(job(footage, out, models))


@pytest.fixture(scope="module")
def samples(done) -> list[ClipSample]:
    return list(iter_samples(sorted((done[0] / "shards").glob("*.tar"))))


def test_every_file_has_a_row_with_its_result(done):
    out, account = done
    found = {Path(row.source).name: row for row in rows(out) if row.kind is Kind.SOURCE}

    assert {name: (row.status, row.reason, row.stage) for name, row in found.items()} == {
        "a.intro.mp4": (Status.OK, None, "shard"),
        "b silent.mp4": (Status.FAILED, Reason.NO_AUDIO_STREAM, "probe"),
        "c_text.mp4": (Status.FAILED, Reason.NOT_MEDIA, "probe"),
        "d_movie.mp4": (Status.OK, None, "shard"),
        "e_slate.mp4": (Status.FILTERED, Reason.NO_FACE, "tracks"),
        "f_movie.mp4": (Status.OK, None, "shard"),
    }
    assert [row.id for row in found.values()] == sorted(row.id for row in found.values())
    assert found["c_text.mp4"].error_class is ErrorClass.BAD_INPUT
    assert found["e_slate.mp4"].error_class is None  # nothing is wrong with it
    assert "c_text.mp4" in found["c_text.mp4"].message
    spent = [row.seconds_spent for row in read_manifest(out / "manifest.parquet")]
    assert spent[0] > 0
    assert account.sources == {"failed": 2, "filtered": 1, "ok": 3}
    assert account.reasons == {"no_audio_stream": 1, "no_face": 1, "not_media": 1}
    assert account.classes == {"bad_input": 2}


def test_the_summary_counts_what_the_manifest_lists(done):
    out, account = done
    clips = [row for row in rows(out) if row.kind is Kind.CLIP and row.status is Status.OK]
    summary = json.loads((out / "summary.json").read_text())

    assert summary["sources"] == account.sources
    assert summary["tracks"]["ok"] == len(clips)
    assert summary["shards"] == len({row.shard for row in clips}) == len(shards(out))
    assert summary["clip_hours"] == pytest.approx(sum(r.duration_seconds for r in clips) / 3600)
    stages = summary["stages"]
    assert (stages["probe"]["done"], stages["probe"]["failed"]) == (4, 2)
    assert stages["shard"]["done"] == stages["speech"]["done"] == len(clips)
    assert stages["tracks"]["filtered"] >= 1
    assert all(stage["busy_seconds"] > 0 for stage in stages.values())


def test_rows_of_clips_have_the_columns_that_filters_read(done):
    out, _ = done
    clips = [row for row in rows(out) if row.kind is Kind.CLIP]
    titles = {row.source: row.title for row in rows(out) if row.kind is Kind.SOURCE}

    # The first film is cut into segments of 4 s, and the first of these into two clips.
    assert [row.key.removeprefix(titles[row.source]) for row in clips] == [
        "-00000-00-000",
        "-00000-00-001",
        "-01000-00-000",
        "-00000-00-000",
        "-00000-00-000",
    ]
    assert [row.first_frame for row in clips] == [0, 50, 100, 0, 0]
    for row in clips:
        assert (row.status, row.speaker, row.fps, row.faces) == (Status.OK, "man", "25/1", 1)
        assert row.frames == round(row.duration_seconds * 25)
        assert row.face_height > 80
        assert row.face_share == 1.0
        assert 0 <= row.yaw_degrees < 45
        assert -1 <= row.sync_confidence <= 1
        assert abs(row.sync_shift) < 2.5
        assert 0 < row.sharpness < 1
        assert 0 < row.jitter < 0.02
        assert 0 <= row.speech_share <= 1
        assert (len(row.audio_hash), len(row.picture_hash)) == (32, 16)
    assert len({row.content_hash for row in clips}) == len(clips)


def test_rows_locate_the_bytes_of_a_sample(done):
    out, _ = done
    members = {
        key: each for path in (out / "shards").iterdir() for key, each in iter_members([path])
    }
    for row in rows(out):
        if row.kind is Kind.CLIP:
            with (out / row.shard).open("rb") as shard:
                shard.seek(row.offset)
                data = shard.read(row.size)
            assert data.startswith(f"{row.key}.json".encode())
            assert len(data) == row.size
            assert members[row.key]["landmarks.npy"] in data
            assert content_hash(members[row.key]) == row.content_hash


def test_shards_are_bounded(done):
    out, _ = done
    for path in (out / "shards").iterdir():
        assert 1 <= len(list(iter_members([path]))) <= CONFIG.shards.samples


def test_samples_have_the_shapes_and_types_of_the_schema(done, samples):
    keys = {row.key for row in rows(done[0]) if row.kind is Kind.CLIP}
    assert {sample.meta.key for sample in samples} == keys
    for sample in samples:
        count, size = sample.meta.frame_count, sample.meta.crop_size
        assert sample.meta.fps == MOTION_FPS
        assert sample.meta.scheme == "mesh478"
        assert sample.meta.bridged == 0
        assert (sample.landmarks.shape, sample.landmarks.dtype) == ((count, 478, 3), np.float32)
        assert (sample.boxes.shape, sample.boxes.dtype) == ((count, 3, 2), np.float32)
        assert (sample.crops.shape, sample.crops.dtype) == ((count, size, size, 3), np.uint8)
        assert (sample.speech.shape[1], sample.speech.dtype) == (512, np.float16)
        assert abs(len(sample.speech) - 2 * count) <= 4
        assert np.isfinite(sample.landmarks).all()
        assert np.abs(sample.audio).max() > 300  # there is speech
        assert len(sample.audio) == pytest.approx(count * 640, abs=3 * 640)


def test_boxes_align_the_mouth_within_the_crop(samples):
    for sample in samples:
        lips = sample.landmarks[:, [13, 14, 61, 291], :2].mean(axis=1)
        placed = np.einsum("ti,tij->tj", np.c_[lips, np.ones(len(lips))], sample.boxes)
        assert np.ptp(placed, axis=0).max() < 0.15 * sample.meta.crop_size
        size = sample.meta.crop_size
        assert (0.25 * size < placed).all()
        assert (placed < 0.85 * size).all()


@pytest.fixture
def copied(done, tmp_path) -> Path:
    """A copy of the folder of the finished run."""
    return shutil.copytree(done[0], tmp_path / "copied")


def test_the_same_run_again_on_ray_does_nothing(done, copied, footage, models, two_cpus):
    _, account = done
    before, manifest = without_ends(written(copied)), rows(copied)
    progress: list[int] = []
    again = preprocess(job(footage, copied, models), lambda state: progress.append(state.done))

    assert progress and max(progress) <= 6
    assert without_ends(written(copied)) == before
    assert repr(rows(copied)) == repr(manifest)
    assert (again.sources, again.tracks) == (account.sources, account.tracks)
    assert all(stage["done"] == 0 for stage in again.stages.values())


def test_only_a_unit_without_a_record_is_done_again(copied, footage, models):
    before, digests, manifest = written(copied), shards(copied), rows(copied)
    record = min((copied / "units").iterdir())
    chunk = copied / "chunks" / f"{record.stem.rpartition('-')[0]}.parquet"
    record.unlink()
    chunk.unlink()
    preprocess_here(job(footage, copied, models))

    assert (shards(copied), repr(rows(copied))) == (digests, repr(manifest))
    changed = {name for name, at in written(copied).items() if before.get(name) != at}
    own = {f"units/{record.name}", f"chunks/{chunk.name}", *ENDS}
    assert own <= changed
    assert {name for name in changed - own if not name.startswith(f"shards/{record.stem}")} == set()


def test_nothing_but_results_and_records_is_left(done):
    kinds = {Path(name).parts[0] for name in written(done[0])}
    assert kinds == {"plans", "units", "chunks", "shards", *ENDS}


def test_another_configuration_is_another_run(models):
    other = replace(CONFIG, footage=replace(CONFIG.footage, smallest_face=20))
    assert config_id(other, models) != config_id(CONFIG, models)
    assert config_id(CONFIG, replace(models, versions=())) != config_id(CONFIG, models)


def test_killed_workers_change_nothing(undisturbed, films, tmp_path, models, two_cpus):
    """Both extraction workers are killed while the third unit is at work or waits for one."""
    out = tmp_path / "out"
    with Killer(lambda: records(out) >= 1, lambda: processes("ray::WorkerActor")) as killer:
        preprocess(job(films, out, models, config=UNIT_PER_FILM))
    assert killer.killed
    assert same(out, undisturbed)


def test_a_killed_decoder_changes_nothing(undisturbed, films, tmp_path, models, monkeypatch):
    """The child is killed when it reports the first item of the second unit."""
    work = job(films, tmp_path / "out", models, config=UNIT_PER_FILM)
    worker = worker_here(work.place)
    child, killed = worker._child, []
    call = child.call

    def disturbed(*arguments, on_message):
        def kill(message):
            if not killed and records(tmp_path / "out") == 1:
                killed.append(child._process.pid)
                child._process.kill()
            on_message(message)

        return call(*arguments, on_message=kill)

    monkeypatch.setattr(child, "call", disturbed)
    preprocess_here(work, worker)
    assert killed
    assert same(tmp_path / "out", undisturbed)


COMMAND = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from mytalk_core.footage.unit_work import WorkModels
from tests.preprocess_runs import UNIT_PER_FILM, job
from pipelines import preprocess as module
from pipelines.actor_pool import Shape
module.extraction_shape = lambda machines: Shape(1, module.EXTRACTOR)
models = WorkModels(Path({landmarker!r}), Path({encoder!r}), None, {versions!r})
work = job({footage!r}, {out!r}, models, config=UNIT_PER_FILM)
module.preprocess(work, address={address!r})
"""


def test_the_same_command_continues_the_run_of_a_killed_driver(
    undisturbed, films, tmp_path, models, ray_address, two_cpus, monkeypatch
):
    """With one extraction worker, as the start of each takes seconds."""
    one = Shape(1, preprocess_pipeline.EXTRACTOR)
    monkeypatch.setattr(preprocess_pipeline, "extraction_shape", lambda machines: one)
    out = tmp_path / "out"
    script = COMMAND.format(
        path=[str(Path(__file__).parents[2]), *sys.path],
        landmarker=str(models.landmarker),
        encoder=str(models.speech_encoder),
        versions=models.versions,
        footage=str(films),
        out=str(out),
        address=ray_address,
    )
    driver = subprocess.Popen([sys.executable, "-c", script])
    with Killer(lambda: records(out) >= 1, lambda: [driver.pid]):
        assert driver.wait() == -signal.SIGKILL
    assert not (out / "manifest.parquet").exists()
    assert records(out) >= 1

    preprocess(job(films, out, models, config=UNIT_PER_FILM))
    assert same(out, undisturbed)


def test_retries_take_only_what_failed(films, tmp_path, models):
    footage = tmp_path / "films" / "man"
    footage.mkdir(parents=True)
    (footage / "a_text.mp4").write_text("I am no film.")
    (footage / "b_film.mp4").symlink_to(films / "man" / "0.mp4")
    out = tmp_path / "out"
    first = preprocess_here(job(tmp_path / "films", out, models))
    assert first.sources == {"failed": 1, "ok": 1}
    before = without_ends(written(out))

    transient = preprocess_here(job(tmp_path / "films", out, models, "transient"))
    assert transient.sources == first.sources
    assert without_ends(written(out)) == before
    again = preprocess_here(job(tmp_path / "films", out, models, "failed"))
    assert again.sources == first.sources
    assert again.stages["probe"]["failed"] == 1
    assert again.stages["shots"]["done"] == 0  # what was ok is left alone
    assert [row.status for row in rows(out) if row.kind is Kind.SOURCE] == ["failed", "ok"]


def test_an_input_that_is_missing_is_refused(tmp_path, models, two_cpus):
    with pytest.raises(BadInputError) as refusal:
        preprocess(job(tmp_path / "none", tmp_path / "out", models))
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_created_is_an_error(tmp_path, footage, models, two_cpus):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        preprocess(job(footage, tmp_path / "file" / "out", models))
