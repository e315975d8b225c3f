"""`mytalk inspect` on shards, manifests and indexes: tables, JSON and contact sheets."""

import json
import shutil
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from tests.synthetic_face import write_curated

KEY = "ann_0-00000-00-000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Curated data: two clips each of ann and bo for training, two of cy for validation."""
    folder = tmp_path_factory.mktemp("curated")
    return write_curated(folder, {"train": ["ann", "bo"], "val": ["cy"]})


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert run(["--json", "inspect", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_a_shard_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = folder / "train" / "shard-00000.tar"
    assert run(["inspect", str(shard)]) == 0
    out = capsys.readouterr().out
    assert KEY in out and "bo" in out and "1.60" in out and "crop.mp4" in out
    samples = printed(capsys, shard)["samples"]
    assert len(samples) == 4
    assert samples[0]["meta"]["frame_count"] == 40
    assert samples[0]["members"]["json"] > 100


def test_an_index_is_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data in (folder, folder / "index.parquet"):
        found = printed(capsys, data, "--limit", "3")
        assert {group["split"]: group["rows"] for group in found["groups"]} == {
            "train": 4,
            "val": 2,
        }
        assert len(found["first"]) == 3
    assert run(["inspect", str(folder)]) == 0
    assert "speakers of usable clips" in capsys.readouterr().out


def test_one_sample_is_shown_in_full(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = folder / "train" / "shard-00000.tar"
    assert run(["inspect", str(shard), "--key", KEY]) == 0
    out = capsys.readouterr().out
    assert "40 x 478 x 3" in out and "RMS" in out and "mesh478" in out
    from_shard = printed(capsys, shard, "--key", KEY)
    from_index = printed(capsys, folder, "--key", KEY)
    assert from_index["sample"] == from_shard["sample"]
    assert from_index["row"]["split"] == "train"


def test_a_manifest_without_its_shards_still_has_rows(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ManifestRow(
        KEY, Kind.CLIP, "a.mp4", "a", "ann", Status.OK, shard="shard-00000.tar", key=KEY
    )
    write_manifest(tmp_path / "manifest.parquet", [row])
    assert set(printed(capsys, tmp_path, "--key", KEY)) == {"row"}
    # Beside its shard the sample is found, though this row does not say where in it.
    shutil.copy(folder / "train" / "shard-00000.tar", tmp_path)
    assert printed(capsys, tmp_path, "--key", KEY)["sample"]["json"]["content"]["speaker"] == "ann"


def test_the_contact_sheet_has_at_most_the_limit_of_clips(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.html"
    for arguments, clips in (
        ((folder,), 6),
        ((folder, "--limit", 2), 2),
        ((folder / "val" / "shard-00000.tar",), 2),
        ((folder, "--key", KEY), 1),
    ):
        assert printed(capsys, *arguments, "--html", sheet)["contact_sheet"] == str(sheet)
        assert sheet.read_text().count("<section>") == clips


def test_unreadable_data_is_one_line_and_exit_code_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = tmp_path / "noise.tar"
    noise.write_bytes(b"no tar at all" * 100)
    video = tmp_path / "film.mp4"
    video.write_bytes(b"film")
    sheet = tmp_path / "sheet.html"
    for arguments in (
        [noise],
        [video],
        [tmp_path / "absent.tar"],
        [tmp_path / "absent.parquet"],
        [tmp_path],
        [folder, "--key", "nobody"],
        [folder / "train" / "shard-00000.tar", "--key", "nobody", "--html", sheet],
        ["nowhere://bucket/a.tar"],
    ):
        assert run(["inspect", *map(str, arguments)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("mytalk: ")
    assert not sheet.exists()
