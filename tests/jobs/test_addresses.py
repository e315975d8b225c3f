"""Paths and URLs as inputs and outputs of every command: each works or is refused before work."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import fsspec
import pytest

from jobs.app import run
from jobs.commands import adapt, align, batch, dub, evaluate
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.manifest import write_manifest
from mytalk_core.data.run_records import RunStart
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.models import NamedModels
from mytalk_core.evaluation.sections import Section
from mytalk_core.speech.transcript import Transcript
from pipelines import curate, local_worker, preprocess, train, train_sync
from tests.synthetic_face import write_curated
from tests.web_site import Site, serving

STARTED = 77
"""Exit code of a command that has accepted its arguments and begins its work."""

REFUSED = 2


@dataclass(frozen=True)
class Argument:
    """One argument of a command, and what the command makes of it as a URL."""

    line: str  # the command, with {} in place of the argument
    name: str  # of the file or folder
    s3: int  # exit code for an s3:// URL
    web: int  # exit code for an http:// URL
    written: tuple[str, ...] = ()  # files that the command leaves there, relative to the argument


WEIGHTS = "tiny.safetensors"
OUT = "--out out"
DUB = f"dub film.mp4 speech.wav {OUT}.mp4"
TRAIN = f"train appearance --size tiny --data data {OUT}"
PAGES = ("/evaluation.html", "/evaluation.md", "/evaluation.json")

ARGUMENTS = {
    "preprocess: footage": Argument(f"preprocess {{}} {OUT}", "film.mp4", STARTED, STARTED),
    "preprocess: list": Argument(f"preprocess {{}} {OUT}", "list.csv", STARTED, STARTED),
    "preprocess: out": Argument("preprocess film.mp4 --out {}", "new", STARTED, REFUSED),
    "preprocess: scratch": Argument(
        f"preprocess film.mp4 {OUT} --scratch {{}}", "new", REFUSED, REFUSED
    ),
    "curate: manifest": Argument(f"curate {{}} {OUT}", "manifest.parquet", STARTED, REFUSED),
    "curate: out": Argument("curate manifest.parquet --out {}", "new", STARTED, REFUSED),
    "train: data": Argument(TRAIN.replace("data data", "data {}"), "data", STARTED, REFUSED),
    "train: out": Argument(TRAIN.replace("out out", "out {}"), "new", STARTED, REFUSED),
    "train: weights": Argument(f"{TRAIN} --from {{}}", WEIGHTS, REFUSED, REFUSED),
    "train-sync: data": Argument(f"train-sync pixels --data {{}} {OUT}", "data", STARTED, REFUSED),
    "train-sync: out": Argument("train-sync pixels --data data --out {}", "new", REFUSED, REFUSED),
    "evaluate: data": Argument(f"evaluate motion --data {{}} {OUT}", "data", STARTED, REFUSED),
    "evaluate: weights": Argument(
        f"evaluate motion --data data {OUT} --motion {{}}", WEIGHTS, REFUSED, REFUSED
    ),
    "evaluate: words": Argument(
        f"evaluate motion --data data {OUT} --words {{}}", "words", REFUSED, REFUSED
    ),
    "evaluate: out": Argument("evaluate appearance --data data --out {}", "new", 0, REFUSED, PAGES),
    "adapt: film": Argument(f"adapt {{}} {OUT}.safetensors", "film.mp4", REFUSED, REFUSED),
    "adapt: weights": Argument(
        f"adapt film.mp4 {OUT}.safetensors --renderer {{}}", WEIGHTS, REFUSED, REFUSED
    ),
    "adapt: out": Argument("adapt film.mp4 --out {}", "new.safetensors", REFUSED, REFUSED),
    "dub: film": Argument(f"dub {{}} speech.wav {OUT}.mp4", "film.mp4", REFUSED, REFUSED),
    "dub: speech": Argument(f"dub film.mp4 {{}} {OUT}.mp4", "speech.wav", REFUSED, REFUSED),
    "dub: script": Argument(f"{DUB} --script {{}}", "lines.srt", REFUSED, REFUSED),
    "dub: title": Argument("dub {}", "title.yaml", REFUSED, REFUSED),
    "dub: work": Argument(f"{DUB} --work {{}}", "new", REFUSED, REFUSED),
    "dub: style": Argument(f"{DUB} --style {{}}", "film.mp4", REFUSED, REFUSED),
    "dub: motion weights": Argument(f"{DUB} --motion {{}}", WEIGHTS, STARTED, REFUSED),
    "dub: renderer weights": Argument(f"{DUB} --renderer {{}}", WEIGHTS, STARTED, REFUSED),
    "dub: out": Argument("dub film.mp4 speech.wav --out {}", "new.mp4", REFUSED, REFUSED),
    "batch: catalogue": Argument(f"batch {{}} {OUT}", "catalogue.csv", STARTED, STARTED),
    "batch: out": Argument("batch catalogue.csv --out {}", "new", STARTED, REFUSED),
    "status: run": Argument("status {}", "dubbed", 0, REFUSED),
    "report: run": Argument("report {}", "dubbed", 0, REFUSED),
    "cancel: run": Argument("cancel {}", "dubbed", 0, REFUSED),
    "align: speech": Argument("align {}", "speech.wav", REFUSED, REFUSED),
    "align: script": Argument("align speech.wav --script {}", "lines.srt", REFUSED, REFUSED),
    "align: out": Argument("align speech.flac --out {}", "new.json", 0, REFUSED, ("",)),
    "inspect: shard": Argument("inspect {}", "data/train/shard-00000.tar", 0, REFUSED),
    "inspect: folder": Argument("inspect {}", "data", 0, REFUSED),
    "inspect: contact sheet": Argument(
        "inspect data --limit 1 --html {}", "new.html", 0, REFUSED, ("",)
    ),
}


def started(*arguments: object, **named: object) -> NoReturn:
    raise SystemExit(STARTED)


def transcribed(options: align.AlignOptions, script: object) -> Transcript:
    return Transcript("en", (), (), "") if options.speech.suffix == ".flac" else started()


@pytest.fixture(scope="module")
def inputs(
    tmp_path_factory: pytest.TempPathFactory, run_ffmpeg: Callable[..., Path], s3_url: str
) -> Path:
    """A folder with an input of every kind, and a copy of it in the bucket."""
    folder = tmp_path_factory.mktemp("addresses")
    sound = ("-f", "lavfi", "-i", "sine=d=0.4")
    run_ffmpeg(folder / "film.mp4", "-f", "lavfi", "-i", "testsrc=s=64x64:d=0.4", *sound)
    run_ffmpeg(folder / "speech.wav", *sound)
    run_ffmpeg(folder / "speech.flac", *sound)
    (folder / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:00,300\nHello.\n")
    (folder / "list.csv").write_text("source\nfilm.mp4\n")
    (folder / "catalogue.csv").write_text("film,dub,language\nfilm.mp4,speech.wav,en\n")
    spec = "language: en\nfilm: film.mp4\ndub: speech.wav\noutput: title.mp4\n"
    (folder / "title.yaml").write_text(spec)
    Ledger(open_store(folder / "dubbed")).begin(RunStart(0, "now", "a test", "list.csv", "1"))
    (folder / "words").mkdir()
    write_manifest(folder / "manifest.parquet", [])
    write_curated(folder / "data", {"train": ["ann"], "val": ["jo"], "test": ["kim"]}, clips=1)
    save_renderer(Renderer(SIZES["tiny"]), folder / WEIGHTS)
    fsspec.filesystem("s3").put(f"{folder}/", f"{s3_url}/addresses/", recursive=True)
    return folder


@pytest.fixture
def folder(
    inputs: Path, dub_models: NamedModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with links to the inputs, where commands stop before their work."""
    for each in inputs.iterdir():
        (tmp_path / each.name).symlink_to(each)
    monkeypatch.chdir(tmp_path)
    for module, name in (
        (preprocess, "preprocess"),
        (curate, "curate"),
        (train, "run_training"),
        (train_sync, "run_sync_training"),
        (evaluate, "_measured_motion"),
        (adapt, "_takes"),
        (dub, "_print_dub"),
        (batch, "_dub"),
    ):
        monkeypatch.setattr(module, name, started)
    monkeypatch.setattr(align, "_transcribed", transcribed)
    monkeypatch.setattr(local_worker, "prepare_workers", lambda: None)
    section = Section("appearance", "Renderer", (), {})
    monkeypatch.setattr(evaluate, "_measured_appearance", lambda options: (section, "tiny"))
    return tmp_path


@pytest.fixture(scope="module")
def web_url() -> Iterator[str]:
    """A web server with a catalogue at every address."""
    site = Site(b"film,dub,language\nfilm.mp4,speech.wav,en\n")
    with serving(site):
        yield site.url.rpartition("/")[0]


def outcome(argument: Argument, place: str) -> int:
    return run(["--quiet", *shlex.split(argument.line.format(shlex.quote(place)))])


@pytest.mark.parametrize("prefix", ["{folder}/", "file://{folder}/"])
@pytest.mark.parametrize("case", ARGUMENTS)
def test_paths_and_file_urls_work(case: str, prefix: str, folder: Path) -> None:
    argument = ARGUMENTS[case]
    place = prefix.format(folder=folder) + argument.name
    assert outcome(argument, place) in (0, STARTED)
    for name in argument.written:
        assert Path(f"{folder}/{argument.name}{name}").stat().st_size


@pytest.mark.parametrize("case", ARGUMENTS)
def test_s3_urls_work_or_are_refused_before_work(
    case: str, folder: Path, s3_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argument = ARGUMENTS[case]
    before = sorted(folder.rglob("*"))
    place = f"{s3_url}/addresses/{argument.name}"
    assert outcome(argument, place) == argument.s3
    if argument.s3 == REFUSED:
        check_refusal(capsys, s3_url)
        assert sorted(folder.rglob("*")) == before
    for name in argument.written:
        assert fsspec.filesystem("s3").size(f"{place}{name}")


@pytest.mark.parametrize("case", ARGUMENTS)
def test_web_urls_work_or_are_refused_before_work(
    case: str, folder: Path, web_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argument = ARGUMENTS[case]
    before = sorted(folder.rglob("*"))
    place = f"{web_url}/{argument.name}"
    assert outcome(argument, place) == argument.web
    if argument.web == REFUSED:
        check_refusal(capsys, web_url)
        assert sorted(folder.rglob("*")) == before


READ_BY_THE_RUN = ("preprocess: footage", "preprocess: list", "curate: manifest")


@pytest.mark.parametrize(
    "case",
    [
        name
        for name, argument in ARGUMENTS.items()
        if argument.s3 != REFUSED and name not in READ_BY_THE_RUN
    ],
)
def test_a_bucket_that_does_not_exist_is_reported_before_work(
    case: str, folder: Path, s3_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argument = ARGUMENTS[case]
    assert outcome(argument, f"s3://no-such-bucket/{argument.name}") in (1, 2)
    found = capsys.readouterr()
    assert "no-such-bucket" in found.err and "bug" not in found.err


def check_refusal(capsys: pytest.CaptureFixture[str], place: str) -> None:
    """Check that one line names the place and has a remedy."""
    found = capsys.readouterr()
    assert found.out == ""
    (line,) = found.err.splitlines()
    assert line.startswith(f"mytalk: {place}")
    assert "path" in line.rpartition(". ")[2]
