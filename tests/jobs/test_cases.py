"""Regression inputs through the whole product."""

from pathlib import Path

import pytest

from tests.case_checks import CHECKS, CaseRunner
from tests.cases import CaseInputs, sample_footage


@pytest.fixture(scope="module")
def runner(tmp_path_factory, run_ffmpeg, sample_clips, networks) -> CaseRunner:
    """Inputs made from the sample clips, which are available on every machine."""
    folder: Path = tmp_path_factory.mktemp("cases")
    for name in ("footage", "inputs", "results"):
        (folder / name).mkdir()
    clips = (sample_clips["jwp_intro"].path, sample_clips["test_movie"].path)
    footage = sample_footage(folder / "footage", *clips, run_ffmpeg)
    return CaseRunner(
        CaseInputs(folder / "inputs", footage, run_ffmpeg), folder / "results", networks
    )


@pytest.mark.parametrize("name", CHECKS)
def test_regression_input(runner: CaseRunner, name: str) -> None:
    result = CHECKS[name](runner)
    assert result.ok, f"{name}: expected {result.expected}; measured {result.measured}"
