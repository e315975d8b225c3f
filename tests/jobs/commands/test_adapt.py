"""`mytalk adapt` on real footage, and its refusals before work."""

import json
from pathlib import Path

import pytest
import torch

from jobs.app import run
from mytalk_core.appearance.adapted_file import load_adapted
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import MytalkError


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An untrained renderer."""
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    save_renderer(Renderer(SIZES["tiny"]), path)
    return path


@pytest.mark.usefixtures("landmarker_model")
def test_the_renderer_is_adapted_to_a_film_and_the_gain_is_shown(
    sample_clips: dict[str, SampleClip],
    weights: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    try:
        pull("perceptual-alexnet")
    except MytalkError as error:
        pytest.skip(f"no perceptual-alexnet here: {error}")
    film, out = sample_clips["jwp_intro"].path, tmp_path / "actor.safetensors"
    arguments = ["adapt", str(film), "--out", str(out), "--seconds", "1"]
    assert run([*arguments, "--renderer", str(weights), "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    record = load_adapted(out).record
    assert printed["weights"] == str(out)
    assert printed["before"] == {"psnr": record.before.psnr, "lpips": record.before.lpips}
    assert record.steps == 20
    assert record.learnt_frames > 50
    page = out.with_name("actor.safetensors.report.html")
    assert printed["report"] == str(page)
    assert film.name in page.read_text(encoding="utf-8")
    assert sorted(tmp_path.iterdir()) == sorted([weights, out, page])  # and nothing else


@pytest.mark.parametrize("name", ["actor.bin", "missing/actor.safetensors"])
def test_unwritable_weights_are_refused_first(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["adapt", str(tmp_path / "film.mp4"), "--out", str(tmp_path / name)]) != 0
    assert name in capfd.readouterr().err


def test_a_file_that_is_not_a_film_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film")
    assert run(["adapt", str(film), "--out", str(tmp_path / "actor.safetensors")]) == 2
    assert "film.mp4" in capfd.readouterr().err
