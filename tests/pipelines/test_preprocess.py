"""Real footage, and some that is none, into shards: what comes out, and what is done again."""

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.footage import FootageConfig
from mytalk_core.data.manifest import Kind, ManifestRow, Status, read_manifest
from mytalk_core.data.schema import ClipSample
from mytalk_core.data.shards import MEMBERS, iter_members, iter_samples
from mytalk_core.errors import BadInputError, ErrorClass, OutputError, Reason
from mytalk_core.media.audio import read_wav
from mytalk_core.media.clock import MOTION_FPS
from pipelines.preprocess import PreprocessConfig, PreprocessModels, preprocess

# Small units, and parts of three seconds, so that few seconds of footage make several of each.
CONFIG = PreprocessConfig(FootageConfig(clip_seconds=3), sources_per_shard=2)


pytestmark = pytest.mark.usefixtures("two_cpus")


@pytest.fixture(scope="module")
def models(landmarker_model, whisper_dir) -> PreprocessModels:
    return PreprocessModels(landmarker_model, whisper_dir)


@pytest.fixture(scope="module")
def footage(tmp_path_factory, sample_clips, run_ffmpeg) -> Path:
    """Two films of a speaking man, and three files that give no clip."""
    folder = tmp_path_factory.mktemp("footage")
    man = folder / "man"
    man.mkdir()
    intro, movie = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    run_ffmpeg(man / "a.intro.mp4", "-i", intro, "-t", "4.5")  # a dot that no key may hold
    run_ffmpeg(man / "b silent.mp4", "-i", intro, "-t", "1.5", "-an")
    (man / "c_text.mp4").write_text("I am no film.")
    run_ffmpeg(man / "d_movie.mp4", "-i", movie, "-t", "1.6")
    slate = ["-f", "lavfi", "-i", "testsrc=d=1.2", "-f", "lavfi", "-i", "sine=d=1.2"]
    run_ffmpeg(man / "e_slate.mp4", *slate)
    return folder


class Run:
    """A run over the footage into a folder of its own; may be repeated."""

    def __init__(self, footage: Path, out: Path, models: PreprocessModels) -> None:
        self.footage, self.out, self._models = footage, out, models
        self.told: list[tuple[int, int, int]] = []
        self.rows = self.again()

    def again(self) -> list[ManifestRow]:
        def progress(*state: int) -> None:
            self.told.append(state)

        return preprocess([self.footage], self.out, self._models, CONFIG, progress)

    def files(self, pattern: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.out.glob(pattern))}

    def written(self) -> dict[str, int]:
        """When every file was written, nanoseconds."""
        files = [path for path in self.out.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.out)): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def done(footage, tmp_path_factory, models) -> Run:
    return Run(footage, tmp_path_factory.mktemp("done"), models)


@pytest.fixture(scope="module")
def samples(done) -> list[ClipSample]:
    return list(iter_samples(sorted(done.out.glob("*.tar"))))


def test_every_file_has_a_row_that_says_what_became_of_it(done):
    found = {row.title: row for row in done.rows if row.kind is Kind.SOURCE}

    assert {title: (row.status, row.reason) for title, row in found.items()} == {
        "man_a_intro": (Status.OK, None),
        "man_b_silent": (Status.FAILED, Reason.NO_AUDIO_STREAM),
        "man_c_text": (Status.FAILED, Reason.NOT_MEDIA),
        "man_d_movie": (Status.OK, None),
        "man_e_slate": (Status.FILTERED, Reason.NO_FACE),
    }
    assert found["man_c_text"].error_class is ErrorClass.BAD_INPUT
    assert found["man_e_slate"].error_class is None  # nothing is wrong with it
    assert "c_text.mp4" in found["man_c_text"].message
    # By their text: measurements that were not taken are NaN, which equals nothing.
    assert repr(read_manifest(done.out / "manifest.parquet")) == repr(done.rows)
    assert done.told[-1] == (5, 5, 3)  # done, in all, without a clip


def test_clips_have_rows_with_what_filters_look_at(done):
    clips = [row for row in done.rows if row.kind is Kind.CLIP]

    assert [row.key for row in clips] == [
        "man_a_intro-00000-00-000",
        "man_a_intro-00000-00-001",
        "man_d_movie-00000-00-000",
    ]
    for row in clips:
        assert (row.status, row.speaker, row.fps) == (Status.OK, "man", "25/1")
        assert row.frames == round(row.duration_seconds * 25)
        assert (done.out / row.shard).is_file()
        assert row.face_height > 80
        assert 0 <= row.yaw_degrees < 45
        assert -1 <= row.sync_confidence <= 1
    assert [row.frames for row in clips] == [75, pytest.approx(38, abs=2), pytest.approx(40, abs=2)]


def test_samples_hold_what_the_contract_says(done, samples):
    assert [sample.meta.key for sample in samples] == [
        row.key for row in done.rows if row.kind is Kind.CLIP
    ]
    for sample in samples:
        count, size = sample.meta.frame_count, sample.meta.crop_size
        assert sample.meta.fps == MOTION_FPS
        assert sample.meta.scheme == "mesh478"
        assert (sample.landmarks.shape, sample.landmarks.dtype) == ((count, 478, 3), np.float32)
        assert (sample.boxes.shape, sample.boxes.dtype) == ((count, 3, 2), np.float32)
        assert (sample.crops.shape, sample.crops.dtype) == ((count, size, size, 3), np.uint8)
        assert (sample.speech.shape[1], sample.speech.dtype) == (512, np.float16)
        assert abs(len(sample.speech) - 2 * count) <= 4
        assert np.isfinite(sample.landmarks).all()
        assert np.abs(sample.audio).max() > 300  # somebody speaks
        assert len(sample.audio) == pytest.approx(count * 640, abs=3 * 640)


def test_the_members_are_files_of_their_kind(done):
    shards = sorted(done.out.glob("*.tar"))
    for _, members in iter_members(shards):
        assert set(members) == set(MEMBERS)
        about = json.loads(members["json"])
        assert about["fps"] == "25/1"
        assert members["wav"][:4] == b"RIFF"
        assert int.from_bytes(members["wav"][24:28], "little") == 16000
        assert len(read_wav(members["wav"])) > 16000
        assert np.load(io.BytesIO(members["landmarks.npy"])).shape == (about["frame_count"], 478, 3)
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                assert member.name.count(".") <= 2
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")


def test_boxes_bring_the_mouth_to_one_place_of_the_crop(samples):
    for sample in samples:
        lips = sample.landmarks[:, [13, 14, 61, 291], :2].mean(axis=1)
        placed = np.einsum("ti,tij->tj", np.c_[lips, np.ones(len(lips))], sample.boxes)
        assert np.ptp(placed, axis=0).max() < 0.15 * sample.meta.crop_size
        size = sample.meta.crop_size
        assert (0.25 * size < placed).all()
        assert (placed < 0.85 * size).all()


def test_the_same_again_does_nothing_and_changes_no_shard(done):
    before = {name: at for name, at in done.written().items() if name != "manifest.parquet"}
    shards = done.files("*.tar")
    rows = done.again()

    assert [row.id for row in rows] == [row.id for row in done.rows]
    assert {n: at for n, at in done.written().items() if n != "manifest.parquet"} == before
    assert done.files("*.tar") == shards


def test_another_run_gives_the_same_bytes(done, footage, tmp_path, models):
    assert Run(footage, tmp_path / "other", models).files("*.tar") == done.files("*.tar")


def test_a_unit_without_its_record_is_done_again_and_no_other(done):
    records = sorted((done.out / "units").iterdir())
    shards, before = done.files("*.tar"), done.written()
    assert len(records) == 3
    records[0].unlink()
    rows = done.again()

    assert [row.id for row in rows] == [row.id for row in done.rows]
    assert done.files("*.tar") == shards
    changed = {name for name, at in done.written().items() if before.get(name) != at}
    unit = records[0].stem
    assert changed == {f"units/{unit}.parquet", f"{unit}.tar", "manifest.parquet"}


def test_nothing_but_shards_rows_and_manifest_is_left(done):
    kinds = Counter(Path(name).suffix for name in done.written())
    assert kinds == {".parquet": 3 + 1, ".tar": 2}  # the slate's unit has rows and no shard


def test_an_input_that_is_missing_is_refused(tmp_path, models):
    with pytest.raises(BadInputError) as refusal:
        preprocess([tmp_path / "none"], tmp_path / "out", models, CONFIG, lambda *_: None)
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_made_is_an_error(tmp_path, footage, models):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        preprocess([footage], tmp_path / "file" / "out", models, CONFIG, lambda *_: None)


def test_clips_of_the_grid_corpus(grid_clips, tmp_path, models):
    """Sentences of three seconds by two speakers: each gives one clip of nearly all of it."""
    chosen = [
        clip
        for speaker in ("s1", "s33")
        for clip in [clip for clip in grid_clips if clip.parent.name == speaker][:2]
    ]
    config = PreprocessConfig(sources_per_shard=2)
    rows = preprocess(chosen, tmp_path / "out", models, config, lambda *_: None)

    clips = [row for row in rows if row.kind is Kind.CLIP]
    assert Counter(row.speaker for row in clips) == {"s1": 2, "s33": 2}
    assert all(row.frames >= 70 and row.face_height > 90 for row in clips)
    assert len({row.shard for row in clips}) == 2
