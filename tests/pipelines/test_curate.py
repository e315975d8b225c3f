"""The curation pipeline on small shards: counts, splits, bytes, interruptions and bad input."""

import io
import json
import signal
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.filters import FilterConfig
from mytalk_core.curation.funnel import funnel_from_json
from mytalk_core.data.curated import shards_of
from mytalk_core.data.manifest import (
    Kind,
    read_manifest,
    write_manifest,
)
from mytalk_core.data.schema import clip_key
from mytalk_core.data.shards import MEMBERS, iter_members
from mytalk_core.data.splits import SPLITS
from mytalk_core.errors import BadInputError, Reason
from pipelines.curate import Execution, curate
from tests.curate_inputs import (
    CLIPS,
    CONFIG,
    RESULTS,
    SPEAKERS,
    contents,
    members,
    write_input,
)
from tests.programs import Programs, ended


def test_the_funnel_counts_every_input_once_and_every_reason(curated: Path) -> None:
    funnel = funnel_from_json((curated / "funnel.json").read_text())
    lines = {line.reason: (line.first.count, line.would.count) for line in funnel.lines}
    speakers = len(SPEAKERS)
    assert funnel.input.count == speakers * CLIPS + 1
    assert lines[Reason.NOT_MEDIA] == (1, 1)
    assert lines[Reason.TOO_SHORT] == (speakers, speakers)
    assert lines[Reason.FACE_TOO_SMALL] == (speakers, 2 * speakers)
    assert funnel.kept.count == speakers * (CLIPS - 2)
    assert "face height >= 64 pixels" in (curated / "dataset_card.md").read_text()


def test_shards_hold_the_kept_clips_unchanged_and_splits_share_no_speaker(curated: Path) -> None:
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


def test_the_index_has_the_byte_range_of_each_sample(curated: Path) -> None:
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
    bad = rows[clip_key("s3_t", 0, 0, 0)]
    assert (bad["status"], bad["reason"], bad["stage"]) == ("filtered", "too_short", "curate")
    assert bad["reasons"] == ["too_short", "face_too_small"]
    assert (bad["split"], bad["shard"]) == ("test", "")
    assert rows[clip_key("s3_t", 0, 0, 4)]["shard"].startswith("test/shard-")
    assert rows["bad"]["reason"] == "not_media"


def test_curated_data_can_be_curated_again(curated: Path, tmp_path: Path) -> None:
    again = curate([curated / "manifest.parquet"], tmp_path / "twice", CONFIG)
    assert again.kept.count == len(SPEAKERS) * (CLIPS - 2)
    once, twice = contents(curated), contents(tmp_path / "twice")
    tars = [name for name in once if name.endswith(".tar")]
    assert {name: once[name] for name in tars} == {name: twice[name] for name in tars}


def test_a_finished_run_is_not_repeated(manifest: Path, finished: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    funnel = funnel_from_json((finished / "funnel.json").read_text())
    assert curate([manifest], finished, CONFIG) == funnel
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == times


def test_an_interrupted_run_writes_only_what_is_missing(manifest: Path, finished: Path) -> None:
    complete = contents(finished)
    kept, lost, *_ = shards_of(finished, "train")
    lost.unlink()
    for name in ("_SUCCESS.json", "index.parquet", "funnel.json"):
        (finished / name).unlink()
    written = kept.stat().st_mtime_ns
    curate([manifest], finished, CONFIG)
    assert contents(finished) == complete
    assert kept.stat().st_mtime_ns == written


def test_the_same_manifest_twice_is_counted_once_and_a_copy_as_duplicates(
    curated: Path, manifest: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in manifest.parent.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    funnel = curate([manifest, copy / manifest.name, manifest], tmp_path / "out", CONFIG)
    assert funnel.input.count == 2 * (len(SPEAKERS) * CLIPS + 1)
    assert funnel.kept == funnel_from_json((curated / "funnel.json").read_text()).kept
    lines = {(line.step, line.reason): line for line in funnel.lines}
    assert lines["gather", Reason.DUPLICATE].first.count == len(SPEAKERS) * CLIPS
    # They are copies by content, too, but an earlier step removed them.
    copies = lines["copies", Reason.DUPLICATE]
    assert (copies.first.count, copies.would.count) == (0, len(SPEAKERS) * CLIPS)


def test_clips_of_a_missing_shard_are_not_found(manifest: Path, tmp_path: Path) -> None:
    (manifest.parent / "shard-00001.tar").unlink()
    funnel = curate([manifest], tmp_path / "out", CONFIG)
    lines = {line.reason: line.first.count for line in funnel.lines}
    assert lines[Reason.NOT_FOUND] == 4 * CLIPS
    assert funnel.kept.count == 4 * (CLIPS - 2)


def test_a_run_that_keeps_no_clip_is_complete_without_shards(
    manifest: Path, tmp_path: Path
) -> None:
    config = CurateConfig(filters=FilterConfig(min_seconds=60.0))
    funnel = curate([manifest], tmp_path / "out", config)
    assert funnel.kept.count == 0
    assert not list((tmp_path / "out").rglob("*.tar"))
    assert pq.read_table(tmp_path / "out" / "index.parquet").num_rows == 0


def with_copies(manifest: Path) -> Path:
    """The input with clips without a speaker name, an exact copy and a near copy."""
    random = np.random.default_rng(0)
    people = random.normal(0, 0.9 / 16, (3, 128))
    rows = []
    for row in read_manifest(manifest):
        if row.kind is Kind.CLIP:
            person = people[SPEAKERS.index(row.speaker) % 3]
            nameless = SPEAKERS.index(row.speaker) >= 4
            hashes = {"audio_hash": random.bytes(32), "picture_hash": random.bytes(16)}
            face = tuple((person + random.normal(0, 0.01, 128)).tolist()) if nameless else ()
            row = replace(row, embedding=face, speaker="" if nameless else row.speaker, **hashes)
        rows.append(row)
    by_key = {row.key: place for place, row in enumerate(rows) if row.key}
    three, four = by_key[clip_key("s1_t", 0, 0, 3)], by_key[clip_key("s1_t", 0, 0, 4)]
    rows[three] = replace(rows[three], content_hash=rows[four].content_hash, face_height=200.0)
    near, original = by_key[clip_key("s2_t", 0, 0, 3)], by_key[clip_key("s6_t", 0, 0, 4)]
    sound = bytearray(rows[original].audio_hash)
    sound[5] ^= 0b1001
    rows[near] = replace(
        rows[near], audio_hash=bytes(sound), picture_hash=rows[original].picture_hash
    )
    write_manifest(manifest, rows)
    return manifest


@pytest.fixture(scope="module")
def curated_copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run over people without a name and copies."""
    folder = tmp_path_factory.mktemp("curated_copies")
    curate([with_copies(write_input(folder / "in"))], folder / "out", CONFIG)
    return folder / "out"


def test_copies_are_removed_with_the_name_of_the_kept_clip(curated_copies: Path) -> None:
    rows = {
        row["id"]: row for row in pq.read_table(curated_copies / "manifest.parquet").to_pylist()
    }
    same = rows[clip_key("s1_t", 0, 0, 4)]
    assert (same["reason"], same["shard"]) == ("duplicate", "")
    assert same["message"] == "same content as s1_t-00000-00-003"
    near = rows[clip_key("s6_t", 0, 0, 4)]
    assert near["reasons"] == ["near_duplicate"]
    assert "s2_t-00000-00-003" in near["message"]


def test_clips_without_a_speaker_are_grouped_by_face_and_share_a_split(
    curated_copies: Path,
) -> None:
    rows = pq.read_table(curated_copies / "manifest.parquet").to_pylist()
    clips = [row for row in rows if row["kind"] == "clip"]
    assert all(row["speaker"] for row in clips)
    names = {row["title"]: row["speaker"] for row in clips}
    # The speakers with indices 4 and 7 are the same person; all others are different.
    assert names["s5_t"] == names["s8_t"] != names["s6_t"] != names["s7_t"]
    assert names["s5_t"].startswith("face:")
    assert names["s1_t"] == "s1"
    splits: dict[str, set[str]] = {}
    for row in clips:
        splits.setdefault(row["speaker"], set()).add(row["split"])
    assert all(len(each) == 1 for each in splits.values())
    faces = pq.read_table(curated_copies / "speakers.parquet").to_pylist()
    assert {row["speaker"] for row in faces} == {names[f"s{n}_t"] for n in (5, 6, 7)}


def results(folder: Path) -> dict[str, bytes]:
    """Files that do not depend on the configuration id, which covers the manifests."""
    found = contents(folder)
    named = json.loads(found["funnel.json"])
    del named["configuration_id"]
    found["funnel.json"] = json.dumps(named).encode()
    return {name: data for name, data in found.items() if name in RESULTS or name.endswith(".tar")}


def test_the_result_depends_on_neither_ranges_nor_order_nor_number_of_manifests(
    curated_copies: Path, manifest: Path, tmp_path: Path
) -> None:
    with_copies(manifest)
    rows = read_manifest(manifest)[::-1]
    halves = [manifest.with_name(f"half{part}.parquet") for part in range(2)]
    for part, path in enumerate(halves):
        write_manifest(path, rows[part::2])
    curate(halves, tmp_path / "halves", CONFIG, Execution(rows_per_range=7))
    assert results(tmp_path / "halves") == results(curated_copies)


KILLED = """
import os, signal, sys
from pathlib import Path
from mytalk_core.curation.passes import {module}
from pipelines.curate import Execution, curate
from tests.curate_inputs import CONFIG

def dying(*given, real={module}.{function}, calls=[]):
    calls.append(given)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given)

{module}.{function} = dying
curate([Path(sys.argv[1])], Path(sys.argv[2]), CONFIG, Execution(rows_per_range=8))
"""


def test_a_run_that_is_killed_twice_is_continued_to_the_same_bytes(
    curated: Path, manifest: Path, tmp_path: Path, programs: Programs
) -> None:
    work = tmp_path / "out" / "_work"
    done = 0
    for module, function in (("work", "write_batches"), ("packing", "copy_samples")):
        program = KILLED.format(module=module, function=function)
        died = ended(programs.start("-c", program, manifest, tmp_path / "out"))
        assert died[0] == -signal.SIGKILL, died[1]
        assert not (tmp_path / "out" / "_SUCCESS.json").exists()
        before, done = done, len(list(work.rglob("done/*")))
        assert done > before
    curate([manifest], tmp_path / "out", CONFIG, Execution(rows_per_range=8))
    assert contents(tmp_path / "out") == contents(curated)


def test_a_dry_run_makes_the_same_decisions_without_shards(
    curated: Path, manifest: Path, tmp_path: Path
) -> None:
    for shard in manifest.parent.glob("*.tar"):
        shard.unlink()
    dry = replace(CONFIG, dry_run=True)
    funnel = curate([manifest], tmp_path / "out", dry)
    assert funnel.kept == funnel_from_json((curated / "funnel.json").read_text()).kept
    assert not list((tmp_path / "out").rglob("*.tar"))
    assert not (tmp_path / "out" / "index.parquet").exists()
    assert (tmp_path / "out" / "dataset_card.html").exists()
    stricter = replace(dry, filters=FilterConfig(min_seconds=60.0))
    assert curate([manifest], tmp_path / "out", stricter).kept.count == 0


def test_a_shard_of_another_run_is_an_error_that_names_it(manifest: Path, tmp_path: Path) -> None:
    rows = [
        replace(row, offset=row.offset + 512) if row.key == "s1_t-00000-00-002" else row
        for row in read_manifest(manifest)
    ]
    write_manifest(manifest, rows)
    with pytest.raises(BadInputError, match="does not contain s1_t-00000-00-002") as caught:
        curate([manifest], tmp_path / "out", CONFIG)
    assert caught.value.where.endswith("shard-00000.tar")
    assert not (tmp_path / "out" / "_SUCCESS.json").exists()


def test_the_time_of_preprocessing_does_not_affect_the_result(
    curated: Path, manifest: Path, tmp_path: Path
) -> None:
    write_manifest(manifest, [replace(row, seconds_spent=7.0) for row in read_manifest(manifest)])
    curate([manifest], tmp_path / "out", CONFIG)
    record = (tmp_path / "out" / "_SUCCESS.json").read_bytes()
    assert record == (curated / "_SUCCESS.json").read_bytes()


def test_the_completion_record_names_configuration_and_versions(curated: Path) -> None:
    record = json.loads((curated / "_SUCCESS.json").read_text())
    funnel = funnel_from_json((curated / "funnel.json").read_text())
    assert record["configuration_id"] == funnel.configuration_id
    assert {"mytalk", "apache-beam"} <= record["versions"].keys()
