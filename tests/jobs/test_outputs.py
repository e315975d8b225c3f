"""No command overwrites one of its inputs, whichever name it has."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.app import run

CATALOGUE = "film,dub,language,id\n{film},{dub},en,{id}\n"


def _dub(folder: Path, script: str = "lines.srt", out: str = "dubbed.mp4") -> list[str]:
    return ["dub", "film.mp4", "speech.wav", "--script", script, "--out", out]


def _batch(folder: Path, film: str, out: str = "out") -> list[str]:
    text = CATALOGUE.format(film=film, dub="speech.wav", id="title")
    (folder / "catalogue.csv").write_text(text)
    return ["batch", "catalogue.csv", "--out", out]


# The command in a folder of made files, and the file of them that it would overwrite.
CASES = {
    "dub: the film": (lambda _: ["dub", "film.mp4", "speech.wav", "--out", "film.mp4"], "film.mp4"),
    "dub: by another path": (lambda f: _dub(f, out=str(f / "sub" / ".." / "film.mp4")), "film.mp4"),
    "dub: by a link": (lambda f: _dub(f, out="link.mp4"), "film.mp4"),
    "dub: by a hard link": (lambda f: _dub(f, out="hard.mp4"), "film.mp4"),
    "dub: the report": (lambda f: _dub(f, "dubbed.mp4.report.html"), "dubbed.mp4.report.html"),
    "dub: the JSON report": (
        lambda f: _dub(f, "dubbed.mp4.report.json"),
        "dubbed.mp4.report.json",
    ),
    "dub: the renderer": (
        lambda f: [*_dub(f, out="weights.mp4"), "--renderer", "weights.mp4"],
        "weights.mp4",
    ),
    "align: the recording": (
        lambda _: ["align", "speech.wav", "--out", "speech.wav"],
        "speech.wav",
    ),
    "align: by a link": (lambda _: ["align", "speech.wav", "--out", "link.wav"], "speech.wav"),
    "align: the script": (
        lambda _: ["align", "speech.wav", "--script", "lines.srt", "--out", "lines.srt"],
        "lines.srt",
    ),
    "adapt: the weights": (
        lambda _: ["adapt", "film.mp4", "--renderer", "a.safetensors", "--out", "a.safetensors"],
        "a.safetensors",
    ),
    "adapt: a film": (
        lambda _: ["adapt", "film.safetensors", "--out", "film.safetensors"],
        "film.safetensors",
    ),
    "batch: the catalogue": (
        lambda f: ["batch", "ledger/list.parquet", "--out", str(_as_catalogue(f).parents[1])],
        "ledger/list.parquet",
    ),
    "preprocess: the list": (
        lambda _: ["preprocess", "manifest.parquet", "--out", "."],
        "manifest.parquet",
    ),
    "preprocess: among footage": (lambda _: ["preprocess", "sub", "--out", "sub"], "sub/film.mp4"),
    "preprocess: below footage": (
        lambda _: ["preprocess", "sub", "--out", "sub/shards"],
        "sub/film.mp4",
    ),
    "preprocess: a glob": (lambda _: ["preprocess", "sub/*", "--out", "sub"], "sub/film.mp4"),
    "preprocess: by a URL": (
        lambda f: ["preprocess", "manifest.parquet", "--out", f"file://{f}"],
        "manifest.parquet",
    ),
    "preprocess: in a bucket": (
        lambda _: ["preprocess", "s3://b//x/manifest.parquet", "--out", "s3://b/x"],
        "film.mp4",
    ),
    "curate: the manifest": (lambda _: ["curate", "manifest.parquet", "--out", "."], "film.mp4"),
    "curate: the shards": (lambda _: ["curate", "other.parquet", "--out", "."], "train/a.tar"),
    "train: the initial weights": (
        lambda _: [
            *("train", "appearance", "--data", "data"),
            *("--from", "appearance.safetensors", "--out", "."),
        ],
        "appearance.safetensors",
    ),
    "train-sync: the index, by a link": (
        lambda _: ["train-sync", "pixels", "--data", "data", "--out", "."],
        "data/index.parquet",
    ),
    "evaluate: among words": (
        lambda _: ["evaluate", "motion", "--data", "data", "--words", "sub", "--out", "sub"],
        "sub/film.mp4",
    ),
    "evaluate: weights, by a link": (
        lambda _: ["evaluate", "--data", "data", "--motion", "a.safetensors", "--out", "linked"],
        "a.safetensors",
    ),
    "inspect: the table": (
        lambda _: ["inspect", "data", "--html", "data/index.parquet"],
        "data/index.parquet",
    ),
    "inspect: a shard, by a link": (
        lambda _: ["inspect", "data", "--html", "sheet.html"],
        "data/train/a.tar",
    ),
}


def _as_catalogue(folder: Path) -> Path:
    path = folder / "ledger/list.parquet"
    path.parent.mkdir()
    row = {"film": "film.mp4", "dub": "speech.wav", "language": "en", "id": "title"}
    pq.write_table(pa.Table.from_pylist([row]), path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        *("film.mp4", "speech.wav", "lines.srt", "dubbed.mp4.report.html", "weights.mp4"),
        "dubbed.mp4.report.json",
        *("a.safetensors", "film.safetensors", "appearance.safetensors"),
        *("manifest.parquet", "other.parquet", "train/a.tar", "sub/film.mp4"),
        *("data/index.parquet", "data/train/a.tar", "out/title/title.mp4"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the bytes of {name}")
    (tmp_path / "link.mp4").symlink_to("film.mp4")
    (tmp_path / "link.wav").symlink_to("speech.wav")
    os.link(tmp_path / "film.mp4", tmp_path / "hard.mp4")
    os.link(tmp_path / "data/index.parquet", tmp_path / "sync_pixels.safetensors")
    os.link(tmp_path / "data/train/a.tar", tmp_path / "sheet.html")
    (tmp_path / "linked").symlink_to("out")
    os.link(tmp_path / "a.safetensors", tmp_path / "out/evaluation.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYTALK_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_an_input_is_never_overwritten(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, lost = CASES[case]
    arguments = make(folder)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(arguments) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert (
        "would be lost" in message
        or "is replaced" in message
        or "read as an input" in message
        or "must end in" in message
    )
    assert (folder / lost).exists()
    assert files == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


MISSING = {
    "dub": ["dub", "film.mp4", "speech.wav", "--out", "missing/dubbed.mp4"],
    "align": ["align", "speech.wav", "--out", "missing/words.json"],
    "adapt": ["adapt", "film.mp4", "--out", "missing/a.safetensors"],
    "batch": ["batch", "catalogue.csv", "--out", "/proc/self/out"],
    "preprocess": ["preprocess", "sub", "--out", "/proc/self/out"],
    "curate": ["curate", "other.parquet", "--out", "/proc/self/out"],
    "train": ["train", "motion", "--data", "data", "--out", "/proc/self/out"],
    "train-sync": ["train-sync", "pixels", "--data", "data", "--out", "/proc/self/out"],
    "evaluate": ["evaluate", "--data", "data", "--out", "/proc/self/out"],
    "inspect": ["inspect", "data", "--html", "missing/sheet.html"],
    "a folder for a file": ["align", "speech.wav", "--out", "sub"],
    "a folder for a report": ["dub", "film.mp4", "speech.wav", "--out", "b.mp4"],
}


@pytest.mark.parametrize("case", MISSING)
def test_an_unwritable_output_is_refused_before_work(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _batch(folder, "film.mp4")
    (folder / "b.mp4.report.html").mkdir()
    before = sorted(folder.rglob("*"))
    assert run(MISSING[case]) != 0
    message = capsys.readouterr().err
    assert "cannot be written" in message and "Traceback" not in message and "bug" not in message
    assert sorted(folder.rglob("*")) == before
