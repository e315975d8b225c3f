"""`mytalk curate` as a person or a scheduler calls it."""

import json
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.shards import MEMBERS, write_shard


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    keys = [f"s{number}_clip-00000-00-000" for number in range(4)]
    written = write_shard(
        tmp_path / "shard.tar", [(key, {kind: b"data" for kind in MEMBERS}) for key in keys]
    )
    rows = [
        ManifestRow(
            id=key,
            kind=Kind.CLIP,
            source=f"{key}.mpg",
            title=key.split("-")[0],
            speaker=key.split("_")[0],
            status=Status.OK,
            duration_seconds=3.0,
            face_height=100.0 + number,
            shard="shard.tar",
            key=key,
            offset=place.offset,
            size=place.size,
        )
        for number, (key, place) in enumerate(zip(keys, written, strict=True))
    ]
    write_manifest(tmp_path / "manifest.parquet", rows)
    return tmp_path / "manifest.parquet"


def test_json_tells_the_funnel_and_the_options_reach_it(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--holdout", "s0, s1", "--val-share", "0", "--min-face", "101"]
    code = run(["curate", str(manifest), "--out", str(tmp_path / "out"), *options, "--json"])
    told = json.loads(capfd.readouterr().out)
    assert code == 0
    assert {split: amount["count"] for split, amount in told["splits"].items()} == {
        "train": 2,
        "val": 0,
        "test": 1,
    }
    assert [line["speaker"] for line in told["speakers"]] == ["s0", "s1", "s2", "s3"]


def test_a_misspelt_held_out_speaker_is_told(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(["curate", str(manifest), "--out", str(tmp_path / "out"), "--holdout", "s0,s77"])
    told = capfd.readouterr()
    assert "held-out speakers s77." in told.err
    assert "s0        test" in told.out


def test_a_dry_run_writes_the_card_and_no_shard(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["curate", str(manifest), "--out", str(out), "--dry-run", "--max-faces", "1"]) == 0
    assert "dataset_card.html" in capfd.readouterr().err
    assert (out / "dataset_card.html").exists()
    assert not list(out.rglob("*.tar"))


def test_nothing_to_train_on_is_exit_code_1(manifest: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert run(["curate", str(manifest), "--out", out, "--min-seconds", "60"]) == 1


def test_a_lost_shard_is_exit_code_1(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shard.tar").unlink()
    assert run(["curate", str(manifest), "--out", str(tmp_path / "out")]) == 1
    assert "4 clips were not found" in capfd.readouterr().err


def test_a_bad_manifest_is_one_line_and_exit_code_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "manifest.parquet"
    bad.write_text("this is text")
    assert run(["curate", str(bad), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    told = capfd.readouterr()
    assert told.err.count("\n") == 1
    assert str(bad) in told.err
    assert not (tmp_path / "out").exists()
