"""Inputs that were once handled wrongly, through the whole product: each row is right."""

from pathlib import Path

import pytest

from tests.case_answers import ANSWERS, Studio
from tests.cases import Kitchen, sample_footage


@pytest.fixture(scope="module")
def studio(tmp_path_factory, run_ffmpeg, sample_clips, dub_models) -> Studio:
    """Inputs made from the sample clips, which every machine can have."""
    folder: Path = tmp_path_factory.mktemp("cases")
    for name in ("footage", "inputs", "results"):
        (folder / name).mkdir()
    clips = (sample_clips["jwp_intro"].path, sample_clips["test_movie"].path)
    footage = sample_footage(folder / "footage", *clips, run_ffmpeg)
    return Studio(Kitchen(folder / "inputs", footage, run_ffmpeg), folder / "results", dub_models)


@pytest.mark.parametrize("name", ANSWERS)
def test_what_becomes_of_an_input(studio: Studio, name: str) -> None:
    answer = ANSWERS[name](studio)
    assert answer.ok, f"{name}: right is {answer.right}; measured {answer.measured}"
