import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from jobs.app import run
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data import model_store
from mytalk_core.data.model_store import pull
from mytalk_core.errors import MytalkError
from mytalk_core.evaluation import appearance_section
from mytalk_core.evaluation.appearance_scores import Judges
from mytalk_core.evaluation.independent_judge import IndependentJudge
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import SpeechToMotion, save_model
from tests.synthetic_face import write_curated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Curated data, and untrained weights."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_curated(folder / "data", {"train": ["ann"], "test": ["jo", "kim"]})
    torch.manual_seed(0)
    save_model(SpeechToMotion(MOTION_SIZES["tiny"]), folder / "motion.safetensors")
    save_renderer(Renderer(RENDERER_SIZES["tiny"]), folder / "appearance.safetensors")
    return folder


def arguments(folder: Path, out: Path, *more: str) -> list[str]:
    weights = ["--motion", str(folder / "motion.safetensors")]
    weights += ["--renderer", str(folder / "appearance.safetensors")]
    return ["evaluate", "--data", str(folder / "data"), "--out", str(out), *weights, *more]


@pytest.mark.usefixtures("whisper_dir")
def test_motion_is_measured_written_and_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(folder, tmp_path / "new" / "out", "motion")) == 0
    document = (tmp_path / "new" / "out" / "evaluation.md").read_text()
    numbers = json.loads((tmp_path / "new" / "out" / "evaluation.json").read_text())
    assert (
        "### cross (speech of another clip of the same speaker): Mean over 2 speakers" in document
    )
    assert "### silence: kim" in document
    assert "motion.safetensors, SHA-256" in document
    for table in numbers["motion"]["tables"].values():
        assert table["speakers"] == ["jo", "kim"]
    truth = numbers["motion"]["tables"]["reconstruction (own speech)"]["values"]["lmd"]["truth"]
    assert truth == {"all": 0, "jo": 0, "kim": 0}
    assert "motion: silence" in capsys.readouterr().out


def test_appearance_is_printed_as_one_json_document(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for needed in ("face-embedding", "face-landmarker", "perceptual-alexnet"):
        try:
            pull(needed)
        except MytalkError as error:
            pytest.skip(f"no {needed} here: {error}")
    assert run(["--json", *arguments(folder, tmp_path, "appearance")]) == 0
    printed = json.loads(capfd.readouterr().out)
    own, cross, _ = printed["appearance"]["tables"].values()
    assert own["values"]["outside"]["ours"]["all"] == cross["values"]["outside"]["ours"]["all"] == 0
    assert own["values"]["csim"]["ours"]["jo"] > 0.5
    assert own["values"]["lpips_mouth"]["ours"]["jo"] > 0
    assert json.loads((tmp_path / "evaluation.json").read_text()) == printed


def test_the_absence_of_the_independent_judge_is_printed(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @contextmanager
    def no_independent_judge(*files: Path) -> Iterator[Judges]:
        yield Judges(independent=IndependentJudge(None, "weights are not installed"))

    monkeypatch.setattr(appearance_section, "stored_judges", no_independent_judge)
    monkeypatch.setattr(model_store, "pull", lambda name: Path(name))
    assert run(arguments(folder, tmp_path, "appearance")) == 0
    assert "weights are not installed" in capsys.readouterr().err
    assert "weights are not installed" in (tmp_path / "evaluation.html").read_text()


def test_motion_requires_a_single_data_set(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["motion", "--data", str(folder / "data")]
    assert run(arguments(folder, tmp_path / "out", *more)) == 2
    assert "motion is measured on one data set" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_split_without_clips_leaves_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(arguments(folder, out, "--split", "val")) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "no clips of the split 'val'" in error and "Traceback" not in error
    assert not out.exists()


def test_files_that_are_not_weights_are_bad_input(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nonsense = tmp_path / "motion.safetensors"
    nonsense.write_bytes(b"no weights")
    out = tmp_path / "out"
    assert run(arguments(folder, out, "motion", "--motion", str(nonsense))) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "not a speech-to-motion model" in error and "Traceback" not in error
    assert not list(out.iterdir())


def test_a_file_in_place_of_the_output_folder_is_reported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("I am a file.")
    assert run(arguments(folder, tmp_path / "out")) == 1
    assert "cannot be written: it is a file" in " ".join(capsys.readouterr().err.split())
