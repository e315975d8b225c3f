"""The runner of one process makes what is not stored."""

from pathlib import Path

import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing import making
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.errors import BadInputError, OutputError, Reason
from tests.small_graph import BUG, PART, PARTS, REFUSE, SUM, PartRequest, no_tools, run_graph

Reports = list[tuple[str, int, int]]


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "work")


@pytest.fixture
def reports() -> Reports:
    return []


@pytest.fixture
def runner(artifacts: Artifacts, reports: Reports) -> InlineRunner:
    return InlineRunner(artifacts, no_tools(), lambda *report: reports.append(report))


def test_a_graph_is_made_once(artifacts: Artifacts, runner: InlineRunner, reports: Reports) -> None:
    assert not runner.is_stored(PART, PartRequest(3))
    film = run_graph(runner)
    assert runner.is_stored(PART, PartRequest(3)) and not runner.is_stored(SUM, SUM.request(()))
    assert len(reports) == 4 * PARTS
    assert [(each.name, each.made, each.reused) for each in runner.work()] == [
        ("part", PARTS, 0),
        ("sum", 1, 0),
    ]
    assert runner.seconds(PART, PartRequest(3)) > 0
    again = InlineRunner(artifacts, no_tools(), lambda *_: None)
    assert run_graph(again) == film
    assert [(each.name, each.made, each.reused) for each in again.work()] == [
        ("part", 0, PARTS),
        ("sum", 0, 1),
    ]
    assert again.seconds(PART, PartRequest(3)) is None
    assert run_graph(runner) == film
    assert len(reports) == 4 * PARTS
    assert StageRates(artifacts.root).estimate("part", 4) is not None
    assert set(artifacts.usage()) == {"part", "sum"}


def test_errors_are_raised_by_the_result(artifacts: Artifacts, runner: InlineRunner) -> None:
    refused, bug = runner.start(REFUSE, PartRequest(1)), runner.start(BUG, PartRequest(1))
    with pytest.raises(BadInputError, match=r"script\.vtt: this part is wrong\. Mend it\."):
        refused.result()
    with pytest.raises(IndexError):
        bug.result()
    assert artifacts.usage() == {}


def _full(request: PartRequest, context: StageContext) -> int:
    raise OSError(28, "No space left on device", str(context.folder / "rows"))


def test_a_full_disk_is_an_output_error(runner: InlineRunner) -> None:
    with pytest.raises(OutputError) as caught:
        runner.start(Stage("full", 1, PartRequest, int, _full), PartRequest(1)).result()
    assert caught.value.reason is Reason.DISK_FULL


def test_an_artifact_is_named_by_stage_and_file() -> None:
    film = MediaFile(Path("/films/a.mov"), "0" * 64)
    assert making.made_from(PART, PartRequest(1, film)) == "part of /films/a.mov"
    assert making.made_from(PART, PartRequest(1)) == "part"
