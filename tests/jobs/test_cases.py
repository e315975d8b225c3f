"""Regression inputs through the whole product, but for the recognition of their words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.case_checks import CHECKS, CaseRunner
from tests.cases import CaseInputs, sample_footage
from tests.title_runs import WordsOfTheScript, replaced_recogniser


@pytest.fixture(scope="module")
def runner(tmp_path_factory, run_ffmpeg, sample_clips, networks) -> Iterator[CaseRunner]:
    """Inputs made from the sample clips, which are available on every machine."""
    folder: Path = tmp_path_factory.mktemp("cases")
    for name in ("footage", "inputs", "results"):
        (folder / name).mkdir()
    clips = (sample_clips["jwp_intro"].path, sample_clips["test_movie"].path)
    footage = sample_footage(folder / "footage", *clips, run_ffmpeg)
    inputs = CaseInputs(folder / "inputs", footage, run_ffmpeg)
    with replaced_recogniser(networks.tools, WordsOfTheScript()):
        yield CaseRunner(inputs, folder / "results", networks)


@pytest.mark.parametrize("name", CHECKS)
def test_regression_input(runner: CaseRunner, name: str) -> None:
    result = CHECKS[name](runner)
    assert result.ok, f"{name}: expected {result.expected}; measured {result.measured}"
