"""Real footage, and some that is none, into shards: what comes out, and what is done again."""

import json
import signal
import subprocess
import sys
from collections import Counter
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
from mytalk_core.footage.unit_work import WorkModels, config_id
from mytalk_core.media.clock import MOTION_FPS
from pipelines.preprocess import preprocess
from tests.preprocess_runs import CONFIG, job, kill_when, processes, records, rows, same, shards


@pytest.fixture(scope="module")
def models(landmarker_model, whisper_dir) -> WorkModels:
    return WorkModels(landmarker_model, whisper_dir, None, (("face-landmarker", "1"),))


@pytest.fixture(scope="module")
def footage(tmp_path_factory, sample_clips, run_ffmpeg) -> Path:
    """Three films of a speaking man, one of them cut into segments, and files that give no clip."""
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
    """When every file was written, nanoseconds."""
    files = [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def done(footage, tmp_path_factory, models, two_cpus) -> tuple[Path, RunAccount, list[float]]:
    """A run without any disturbance: its folder, its account, the sources done as it was told."""
    out = tmp_path_factory.mktemp("done")
    told: list[float] = []
    account = preprocess(job(footage, out, models), lambda state: told.append(state.done))
    return out, account, told


@pytest.fixture(scope="module")
def samples(done) -> list[ClipSample]:
    return list(iter_samples(sorted((done[0] / "shards").glob("*.tar"))))


def test_every_file_has_a_row_that_says_what_became_of_it(done):
    out, account, told = done
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
    assert max(told) <= 6


def test_the_summary_counts_what_the_manifest_lists(done):
    out, account, _ = done
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


def test_clips_have_rows_with_what_filters_look_at(done):
    out, _, _ = done
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
        assert row.sync_shift == 0
        assert 0 < row.sharpness < 1
        assert 0 < row.jitter < 0.02
        assert 0 <= row.speech_share <= 1
        assert (len(row.audio_hash), len(row.picture_hash)) == (32, 16)
    assert len({row.content_hash for row in clips}) == len(clips)


def test_rows_say_where_the_bytes_of_a_sample_are(done):
    out, _, _ = done
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
    out, _, _ = done
    for path in (out / "shards").iterdir():
        assert 1 <= len(list(iter_members([path]))) <= CONFIG.shards.samples


def test_samples_hold_what_the_contract_says(done, samples):
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
        assert np.abs(sample.audio).max() > 300  # somebody speaks
        assert len(sample.audio) == pytest.approx(count * 640, abs=3 * 640)


def test_boxes_bring_the_mouth_to_one_place_of_the_crop(samples):
    for sample in samples:
        lips = sample.landmarks[:, [13, 14, 61, 291], :2].mean(axis=1)
        placed = np.einsum("ti,tij->tj", np.c_[lips, np.ones(len(lips))], sample.boxes)
        assert np.ptp(placed, axis=0).max() < 0.15 * sample.meta.crop_size
        size = sample.meta.crop_size
        assert (0.25 * size < placed).all()
        assert (placed < 0.85 * size).all()


def test_the_same_again_does_nothing(done, footage, models):
    out, account, _ = done
    ends = ("manifest.parquet", "report.html", "summary.json")
    before = {name: at for name, at in written(out).items() if name not in ends}
    manifest = rows(out)
    again = preprocess(job(footage, out, models))

    assert {n: at for n, at in written(out).items() if n not in ends} == before
    assert repr(rows(out)) == repr(manifest)
    assert (again.sources, again.tracks) == (account.sources, account.tracks)
    assert all(stage["done"] == 0 for stage in again.stages.values())


def test_a_unit_without_its_record_is_done_again_and_no_other(done, footage, models):
    out, _, _ = done
    before, digests, manifest = written(out), shards(out), rows(out)
    record = min((out / "units").iterdir())
    chunk = out / "chunks" / f"{record.stem.rpartition('-')[0]}.parquet"
    record.unlink()
    chunk.unlink()
    preprocess(job(footage, out, models))

    assert (shards(out), repr(rows(out))) == (digests, repr(manifest))
    changed = {name for name, at in written(out).items() if before.get(name) != at}
    ends = {"manifest.parquet", "report.html", "summary.json"}
    own = {f"units/{record.name}", f"chunks/{chunk.name}", *ends}
    assert own <= changed
    assert {name for name in changed - own if not name.startswith(f"shards/{record.stem}")} == set()


def test_nothing_but_results_and_records_is_left(done):
    kinds = Counter(Path(name).parts[0] for name in written(done[0]))
    ends = {"manifest.parquet", "report.html", "summary.json"}
    assert set(kinds) == {"plans", "units", "chunks", "shards", *ends}


def test_another_configuration_is_another_run(done, footage, models):
    _out, _, _ = done
    other = replace(CONFIG, footage=replace(CONFIG.footage, smallest_face=20))
    assert config_id(other, models) != config_id(CONFIG, models)
    assert config_id(CONFIG, replace(models, versions=())) != config_id(CONFIG, models)


@pytest.mark.parametrize("victim", ["ray::_Worker", "mytalk_core.footage.isolated"])
def test_killed_workers_and_decoders_change_nothing(done, footage, tmp_path, models, victim):
    out = tmp_path / "out"
    killer = kill_when(lambda: records(out) >= 1, lambda: processes(victim))
    preprocess(job(footage, out, models))
    killer.join()
    assert same(out, done[0])


COMMAND = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
import ray
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
from mytalk_core.footage.unit_work import WorkModels
from tests.preprocess_runs import job
from pipelines.preprocess import preprocess
models = WorkModels(Path({landmarker!r}), Path({encoder!r}), None, {versions!r})
preprocess(job({footage!r}, {out!r}, models))
"""


def test_a_killed_driver_is_continued_by_the_same_command(done, footage, tmp_path, models):
    out = tmp_path / "out"
    script = COMMAND.format(
        path=[str(Path(__file__).parents[2]), *sys.path],
        landmarker=str(models.landmarker),
        encoder=str(models.speech_encoder),
        versions=models.versions,
        footage=str(footage),
        out=str(out),
    )
    driver = subprocess.Popen([sys.executable, "-c", script])
    killer = kill_when(lambda: records(out) >= 1, lambda: [driver.pid])
    assert driver.wait() == -signal.SIGKILL
    killer.join()
    assert not (out / "manifest.parquet").exists()
    assert 1 <= records(out) < records(done[0])

    preprocess(job(footage, out, models))
    assert same(out, done[0])


def test_retries_take_only_what_failed(
    footage, tmp_path, models, run_ffmpeg, sample_clips, two_cpus
):
    films = tmp_path / "films" / "man"
    films.mkdir(parents=True)
    for name in ("c_text.mp4", "d_movie.mp4"):
        (films / name).symlink_to(footage / "man" / name)
    out = tmp_path / "out"
    first = preprocess(job(tmp_path / "films", out, models))
    assert first.sources == {"failed": 1, "ok": 1}
    before = written(out)

    assert preprocess(job(tmp_path / "films", out, models, "transient")).sources == first.sources
    ends = ("manifest.parquet", "report.html", "summary.json")
    assert {n: at for n, at in written(out).items() if n not in ends} == {
        n: at for n, at in before.items() if n not in ends
    }
    again = preprocess(job(tmp_path / "films", out, models, "failed"))
    assert again.sources == first.sources
    assert again.stages["probe"]["failed"] == 1
    assert again.stages["shots"]["done"] == 0  # what was ok is left alone
    assert [row.status for row in rows(out) if row.kind is Kind.SOURCE] == ["failed", "ok"]


def test_an_input_that_is_missing_is_refused(tmp_path, models, two_cpus):
    with pytest.raises(BadInputError) as refusal:
        preprocess(job(tmp_path / "none", tmp_path / "out", models))
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_made_is_an_error(tmp_path, footage, models, two_cpus):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        preprocess(job(footage, tmp_path / "file" / "out", models))
