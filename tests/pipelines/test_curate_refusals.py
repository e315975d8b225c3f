"""Inputs and outputs that curation refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.data.lease import held_lease
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, OutputError, Reason
from pipelines.beam_runs import BeamEngine
from pipelines.curate import Execution, curate
from tests.curate_inputs import CONFIG, contents


def absent(folder: Path) -> Path:
    return folder / "absent.parquet"


def text(folder: Path) -> Path:
    path = folder / "text.parquet"
    path.write_text("id,kind\n")
    return path


@pytest.mark.parametrize("bad", [absent, text])
def test_a_bad_manifest_is_named_and_nothing_is_written(
    bad: Callable[[Path], Path], manifest: Path, tmp_path: Path
) -> None:
    path = bad(tmp_path)
    with pytest.raises(BadInputError) as caught:
        curate([manifest, path], tmp_path / "out", CONFIG)
    assert caught.value.where == str(path)
    assert not (tmp_path / "out").exists()


def test_an_unknown_runner_is_named(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="NoSuchRunner"):
        curate([manifest], tmp_path / "out", CONFIG, Execution(BeamEngine("NoSuchRunner")))
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_contents_is_not_changed(manifest: Path, finished: Path) -> None:
    before = contents(finished)
    with pytest.raises(BadInputError, match="another configuration"):
        curate([manifest], finished, CurateConfig())
    with pytest.raises(BadInputError, match="other files"):
        curate([manifest], manifest.parent, CONFIG)
    assert contents(finished) == before


def test_a_file_that_cannot_be_written_is_an_output_error(manifest: Path, finished: Path) -> None:
    (finished / "_SUCCESS.json").unlink()
    (finished / "dataset_card.md").unlink()
    (finished / "dataset_card.md").mkdir()  # blocks the report
    with pytest.raises(OutputError, match=r"dataset_card\.md"):
        curate([manifest], finished, CONFIG)
    assert not (finished / "_SUCCESS.json").exists()


def test_a_second_run_on_the_same_folder_is_refused(tmp_path):
    folder = tmp_path / "out"
    with held_lease(open_store(folder)), pytest.raises(BadInputError) as refusal:
        curate([], folder, CurateConfig())
    assert refusal.value.reason is Reason.OUTPUT_IN_USE
    assert list(folder.iterdir()) == []


def test_a_missing_remote_manifest_is_reported(s3_url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no manifest"):
        curate([f"{s3_url}/curate/none.parquet"], tmp_path / "out", CONFIG)
