"""The real pipeline over small shards: counts, splits, bytes, interruptions and bad input."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mytalk_core.data.curated import shards_of
from mytalk_core.data.curation import CurateConfig
from mytalk_core.data.filters import FilterConfig
from mytalk_core.data.funnel import funnel_from_json
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.packing import PackingConfig
from mytalk_core.data.schema import clip_key
from mytalk_core.data.shards import MEMBERS, iter_members, write_shard
from mytalk_core.data.splits import SPLITS, SplitConfig
from mytalk_core.errors import BadInputError, OutputError, Reason
from pipelines.curate import curate

SPEAKERS = tuple(f"s{number}" for number in range(1, 9))
CLIPS = 5  # of each speaker
CONFIG = CurateConfig(
    filters=FilterConfig(min_seconds=1.0, min_face_height=64.0),
    splits=SplitConfig(val_share=0.4),
    holdout=frozenset({"s3"}),
    packing=PackingConfig(clips_per_shard=4),
)


def members(key: str) -> dict[str, bytes]:
    return {kind: f"{key} {kind}".encode() * 50 for kind in MEMBERS}


def clip_row(speaker: str, number: int, shard: str) -> ManifestRow:
    key = clip_key(f"{speaker}_t", 0, 0, number)
    return ManifestRow(
        id=key,
        kind=Kind.CLIP,
        source=f"{speaker}.mpg",
        title=f"{speaker}_t",
        speaker=speaker,
        status=Status.OK,
        duration_seconds=0.5 if number == 0 else 3.0,
        face_height=30.0 if number <= 1 else 135.0,
        shard=shard,
        key=key,
    )


def write_input(folder: Path) -> Path:
    """Two shards of 40 clips, of which every speaker's 0 and 1 are poor, and a failed source."""
    folder.mkdir()
    rows = []
    for number, speakers in enumerate((SPEAKERS[:4], SPEAKERS[4:])):
        shard = f"shard-{number:05d}.tar"
        clips = [clip_row(speaker, clip, shard) for speaker in speakers for clip in range(CLIPS)]
        write_shard(folder / shard, [(row.key, members(row.key)) for row in clips])
        rows += clips
    failed = ManifestRow(
        "bad", Kind.SOURCE, "bad.mpg", "bad", "s1", Status.FAILED, Reason.NOT_MEDIA
    )
    fine = ManifestRow("s1", Kind.SOURCE, "s1.mpg", "s1_t", "s1", Status.OK)
    write_manifest(folder / "manifest.parquet", [fine, failed, *rows])
    return folder / "manifest.parquet"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """An input of the test's own."""
    return write_input(tmp_path / "in")


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, to look at."""
    folder = tmp_path_factory.mktemp("curated")
    curate([write_input(folder / "in")], folder / "out", CONFIG)
    return folder / "out"


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_funnel_counts_every_input_once_and_every_reason(curated: Path) -> None:
    funnel = funnel_from_json((curated / "funnel.json").read_text())
    lines = {line.reason: (line.first.count, line.would.count) for line in funnel.lines}
    speakers = len(SPEAKERS)
    assert funnel.input.count == speakers * CLIPS + 1
    assert lines[Reason.NOT_MEDIA] == (1, 1)
    assert lines[Reason.TOO_SHORT] == (speakers, speakers)
    assert lines[Reason.FACE_TOO_SMALL] == (speakers, 2 * speakers)
    assert funnel.kept.count == speakers * (CLIPS - 2)
    assert "face height >= 64 pixels" in (curated / "funnel.md").read_text()


def test_shards_hold_the_kept_clips_unchanged_and_no_speaker_twice(curated: Path) -> None:
    speakers: dict[str, set[str]] = {}
    keys: list[str] = []
    for split in SPLITS:
        for shard in shards_of(curated, split):
            samples = list(iter_members([shard]))
            assert 0 < len(samples) <= 4
            assert all(content == members(key) for key, content in samples)
            keys += [key for key, _ in samples]
            speakers.setdefault(split, set()).update(key.split("_")[0] for key, _ in samples)
    assert sorted(keys) == sorted(
        clip_key(f"{speaker}_t", 0, 0, number) for speaker in SPEAKERS for number in (2, 3, 4)
    )
    assert speakers["test"] == {"s3"}
    assert speakers["train"] and speakers["val"]
    assert not speakers["train"] & speakers["val"]


def test_the_index_points_at_the_bytes_of_each_sample(curated: Path) -> None:
    index = pq.read_table(curated / "index.parquet").to_pylist()
    assert len(index) == len(SPEAKERS) * (CLIPS - 2)
    for row in index:
        data = (curated / row["shard"]).read_bytes()[row["offset"] :][: row["size"]]
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            assert tar.getnames() == [f"{row['key']}.{kind}" for kind in MEMBERS]
        assert row["key"].startswith(row["speaker"] + "_")
        assert row["shard"].startswith(row["split"] + "/")


def test_the_manifest_has_a_decision_for_every_input(curated: Path) -> None:
    rows = {row["id"]: row for row in pq.read_table(curated / "manifest.parquet").to_pylist()}
    assert len(rows) == len(SPEAKERS) * CLIPS + 1
    poor = rows[clip_key("s3_t", 0, 0, 0)]
    assert (poor["status"], poor["reason"], poor["stage"]) == ("filtered", "too_short", "curate")
    assert poor["reasons"] == ["too_short", "face_too_small"]
    assert (poor["split"], poor["shard"]) == ("test", "")
    assert rows[clip_key("s3_t", 0, 0, 4)]["shard"].startswith("test/shard-")
    assert rows["bad"]["reason"] == "not_media"


def test_curated_data_can_be_curated_again(curated: Path, tmp_path: Path) -> None:
    again = curate([curated / "manifest.parquet"], tmp_path / "twice", CONFIG)
    assert again.kept.count == len(SPEAKERS) * (CLIPS - 2)
    once, twice = contents(curated), contents(tmp_path / "twice")
    tars = [name for name in once if name.endswith(".tar")]
    assert {name: once[name] for name in tars} == {name: twice[name] for name in tars}


def test_another_run_elsewhere_gives_the_same_bytes(
    curated: Path, manifest: Path, tmp_path: Path
) -> None:
    curate([manifest], tmp_path / "out", CONFIG)
    assert contents(tmp_path / "out") == contents(curated)


def test_two_processes_give_the_same_bytes(
    curated: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    workers = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    curate([manifest], tmp_path / "out", CONFIG, runner_options=workers)
    assert contents(tmp_path / "out") == contents(curated)


def test_a_finished_run_is_not_repeated(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = curate([manifest], out, CONFIG)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert curate([manifest], out, CONFIG) == first
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times


def test_an_interrupted_run_writes_only_what_is_missing(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curate([manifest], out, CONFIG)
    complete = contents(out)
    finished, lost, *_ = shards_of(out, "train")
    lost.unlink()
    for name in ("_SUCCESS.json", "index.parquet", "funnel.json"):
        (out / name).unlink()
    written = finished.stat().st_mtime_ns
    curate([manifest], out, CONFIG)
    assert contents(out) == complete
    assert finished.stat().st_mtime_ns == written


def test_the_same_manifest_twice_is_counted_once_and_a_copy_as_duplicates(
    manifest: Path, tmp_path: Path
) -> None:
    twice = curate([manifest, manifest], tmp_path / "twice", CONFIG)
    assert twice.input.count == len(SPEAKERS) * CLIPS + 1
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in manifest.parent.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    copied = curate([manifest, copy / manifest.name], tmp_path / "copied", CONFIG)
    assert copied.kept == twice.kept
    lines = {line.reason: line.first.count for line in copied.lines}
    assert lines[Reason.DUPLICATE] == len(SPEAKERS) * CLIPS


def test_a_lost_shard_costs_its_own_clips(manifest: Path, tmp_path: Path) -> None:
    (manifest.parent / "shard-00001.tar").unlink()
    funnel = curate([manifest], tmp_path / "out", CONFIG)
    lines = {line.reason: line.first.count for line in funnel.lines}
    assert lines[Reason.NOT_FOUND] == 4 * CLIPS
    assert funnel.kept.count == 4 * (CLIPS - 2)


def test_nothing_kept_is_a_finished_run_without_shards(manifest: Path, tmp_path: Path) -> None:
    config = CurateConfig(filters=FilterConfig(min_seconds=60.0))
    funnel = curate([manifest], tmp_path / "out", config)
    assert funnel.kept.count == 0
    assert not list((tmp_path / "out").rglob("*.tar"))
    assert pq.read_table(tmp_path / "out" / "index.parquet").num_rows == 0


def absent(folder: Path) -> Path:
    return folder / "absent.parquet"


def text(folder: Path) -> Path:
    path = folder / "text.parquet"
    path.write_text("id,kind\n")
    return path


@pytest.mark.parametrize("bad", [absent, text])
def test_a_bad_manifest_is_named_and_nothing_is_written(
    bad: Callable[[Path], Path], manifest: Path, tmp_path: Path
) -> None:
    path = bad(tmp_path)
    with pytest.raises(BadInputError) as caught:
        curate([manifest, path], tmp_path / "out", CONFIG)
    assert caught.value.where == str(path)
    assert not (tmp_path / "out").exists()


def test_an_unknown_runner_is_named(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="NoSuchRunner"):
        curate([manifest], tmp_path / "out", CONFIG, runner="NoSuchRunner")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curate([manifest], out, CONFIG)
    before = contents(out)
    with pytest.raises(BadInputError, match="another configuration"):
        curate([manifest], out, CurateConfig())
    with pytest.raises(BadInputError, match="something else"):
        curate([manifest], manifest.parent, CONFIG)
    assert contents(out) == before


def test_what_cannot_be_written_is_an_error_of_the_output(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curate([manifest], out, CONFIG)
    (out / "_SUCCESS.json").unlink()
    (out / "funnel.md").unlink()
    (out / "funnel.md").mkdir()  # in the way of the report
    with pytest.raises(OutputError, match=r"funnel\.md"):
        curate([manifest], out, CONFIG)
    assert not (out / "_SUCCESS.json").exists()


def test_the_completion_record_names_configuration_and_versions(curated: Path) -> None:
    record = json.loads((curated / "_SUCCESS.json").read_text())
    funnel = funnel_from_json((curated / "funnel.json").read_text())
    assert record["configuration_id"] == funnel.configuration_id
    assert {"mytalk", "apache-beam"} <= record["versions"].keys()
