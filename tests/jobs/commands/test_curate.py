"""The command `mytalk curate`: options, output, warnings and exit codes."""

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.manifest import Kind, ManifestRow, Status, read_manifest, write_manifest
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


def test_json_output_is_the_funnel_of_the_given_options(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--holdout", "s0, s1", "--val-share", "0", "--min-face", "101"]
    code = run(["curate", str(manifest), "--out", str(tmp_path / "out"), *options, "--json"])
    funnel = json.loads(capfd.readouterr().out)
    assert code == 0
    assert {split: amount["count"] for split, amount in funnel["splits"].items()} == {
        "train": 2,
        "val": 0,
        "test": 1,
    }
    assert [line["speaker"] for line in funnel["speakers"]] == ["s0", "s1", "s2", "s3"]


def test_a_misspelt_held_out_speaker_is_refused_with_similar_names(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["curate", str(manifest), "--out", str(tmp_path / "out"), "--holdout"]
    assert run([*command, "s0,s22"]) == 2
    message = capfd.readouterr().err
    assert "no speaker is called 's22'" in message
    assert "'s2'" in message
    assert not (tmp_path / "out").exists()
    assert run([*command, "Mary"]) == 2
    assert "Speakers are s0, s1, s2, s3." in capfd.readouterr().err


def test_held_out_names_match_in_any_unicode_form(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ("王伟", unicodedata.normalize("NFD", "Zoë"), "Doe, Jane", " Иван ")
    rows = read_manifest(manifest)
    write_manifest(
        manifest, [replace(row, speaker=name) for row, name in zip(rows, names, strict=True)]
    )
    holdout = f'王伟, "Doe, Jane",{unicodedata.normalize("NFC", "Zoë")}'
    options = ["--out", str(tmp_path / "out"), "--holdout", holdout, "--val-share", "0"]
    assert run(["curate", str(manifest), *options, "--json"]) == 0
    funnel = json.loads(capfd.readouterr().out)
    assert {line["speaker"]: line["split"] for line in funnel["speakers"]} == {
        "王伟": "test",
        "Zoë": "test",
        "Doe, Jane": "test",
        "Иван": "train",
    }


def test_names_that_differ_by_case_give_a_warning_or_are_refused(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = read_manifest(manifest)
    names = ("Ann", "ann", "Bo", "Cy")
    write_manifest(
        manifest, [replace(row, speaker=name) for row, name in zip(rows, names, strict=True)]
    )
    command = ["curate", str(manifest), "--val-share", "0", "--out"]
    assert run([*command, str(tmp_path / "one")]) == 0
    assert "Ann and ann differ only by letter case" in capfd.readouterr().err
    assert run([*command, str(tmp_path / "two"), "--holdout", "ann"]) == 2
    assert "--holdout Ann,ann" in capfd.readouterr().err


def test_a_dry_run_writes_the_card_and_no_shard(
    manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["curate", str(manifest), "--out", str(out), "--dry-run", "--max-faces", "1"]) == 0
    assert "dataset_card.html" in capfd.readouterr().err
    assert (out / "dataset_card.html").exists()
    assert not list(out.rglob("*.tar"))


def test_an_empty_train_split_is_exit_code_1(manifest: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert run(["curate", str(manifest), "--out", out, "--min-seconds", "60"]) == 1


def test_a_missing_shard_is_exit_code_1(
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
    output = capfd.readouterr()
    assert output.err.count("\n") == 1
    assert str(bad) in output.err
    assert not (tmp_path / "out").exists()
