"""Refusals of `mytalk train` before any work."""

from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data import model_store
from tests.synthetic_face import write_curated


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Curated data with crops of a size that no renderer takes; no model is fetched."""
    monkeypatch.setattr(model_store, "pull", lambda name: tmp_path / name)
    write_curated(tmp_path / "data", {"train": ["ann"], "val": ["jo"]}, clips=1, size=100)
    save_renderer(Renderer(SIZES["tiny"]), tmp_path / "tiny.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    "model, more, message",
    [
        ("motion", ["--size", "gpu512"], "--size gpu512: is a size of the renderer only"),
        ("motion", ["--from", "tiny.safetensors"], "--from: takes initial weights of a renderer"),
        ("appearance", ["--from", "tiny.safetensors"], "a renderer of another size than cpu"),
        ("appearance", ["--from", "none.safetensors"], "none.safetensors: this is not a renderer"),
        ("appearance", [], "--crop-size 192"),
        ("appearance", ["--size", "gpu"], "--crop-size 384"),
    ],
)
def test_a_run_that_is_impossible_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], model: str, more: list[str], message: str
) -> None:
    more = [str(folder / each) if each.endswith(".safetensors") else each for each in more]
    command = ["--quiet", "train", model, "--data", str(folder / "data")]
    assert run([*command, "--out", str(folder / "out"), *more]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert len(found.err.strip().splitlines()) == 1
    assert message in found.err
    assert not (folder / "out").exists()
