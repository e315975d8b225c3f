"""Fixtures of the whole suite. What a machine may lack is skipped with its reason."""

import os

# Before anything imports numpy or torch: several test workers share few cores.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that needs a hub is a broken test

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import SampleClip, sample_footage
from mytalk_core.dubbing.models import DubModels, stored_models
from mytalk_core.errors import MytalkError

_SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
_VIDEO = {".mpg", ".mp4", ".webm"}


def _pulled(name: str) -> Path:
    try:
        return pull(name)
    except MytalkError as error:
        pytest.skip(f"no {name} here: {error}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of research footage beside the clone."""
    if not _SHARED.is_dir():
        pytest.skip("no ../shared/data beside this clone")
    return _SHARED.resolve()


@pytest.fixture(scope="session")
def grid_clips(shared_data: Path) -> list[Path]:
    """The clips of the GRID corpus by path, `s33/...mpg`: sentences of three seconds, 25 fps."""
    clips = sorted(path for path in (shared_data / "grid").rglob("*.*") if path.suffix in _VIDEO)
    if not clips:
        pytest.skip("no clips in ../shared/data/grid")
    return clips


@pytest.fixture(scope="session")
def sample_clips() -> dict[str, SampleClip]:
    """The sample footage by name: `jwp_intro` and `test_movie`, one man, two clips."""
    try:
        return {clip.name: clip for clip in sample_footage()}
    except MytalkError as error:
        pytest.skip(f"no sample footage here: {error}")


@pytest.fixture(scope="session")
def landmarker_model() -> Path:
    """The face landmarker's file."""
    return _pulled("face-landmarker")


@pytest.fixture(scope="session")
def whisper_dir() -> Path:
    """The folder of Whisper base in CTranslate2 format."""
    return _pulled("whisper-base")


@pytest.fixture(scope="session")
def dub_models(landmarker_model: Path, whisper_dir: Path) -> DubModels:
    """The models that a dub uses where nobody names others; the weights are the shipped ones."""
    return stored_models(None, None)


@pytest.fixture(scope="session")
def run_ffmpeg() -> Callable[..., Path]:
    """A function (out, *arguments) -> out: runs the ffmpeg program and gives the file it wrote."""

    def write(out: Path, *arguments: str | Path) -> Path:
        program = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
        subprocess.run([*program, *map(str, arguments), str(out)], check=True)
        return out

    return write
