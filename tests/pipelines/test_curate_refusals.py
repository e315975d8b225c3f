"""Inputs and outputs that curation refuses, and outputs in an object store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.data.lease import held_lease
from mytalk_core.data.splits import SplitConfig
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, OutputError, Reason
from pipelines.beam_runs import LOCAL_RUNNER, BeamEngine
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


def test_an_object_store_holds_the_same_files(curated: Path, s3_url: str) -> None:
    fsspec.filesystem("s3").put(f"{curated.parent}/in/", f"{s3_url}/curate/in/", recursive=True)
    manifest, out = f"{s3_url}/curate/in/manifest.parquet", f"{s3_url}/curate/out"
    funnel = curate([manifest], out, CONFIG)
    store = open_store(out)
    assert {name: store.read(name) for name in store.names()} == contents(curated)
    assert curate([manifest], out, CONFIG) == funnel
    with pytest.raises(BadInputError, match="another configuration") as refusal:
        curate([manifest], out, replace(CONFIG, splits=SplitConfig(val_share=0.5)))
    assert refusal.value.where == out


def test_a_cluster_does_not_write_to_an_object_store(s3_url: str, manifest: Path) -> None:
    with pytest.raises(BadInputError, match=LOCAL_RUNNER):
        curate([manifest], f"{s3_url}/curate/flink", CONFIG, Execution(BeamEngine("FlinkRunner")))


def test_a_missing_remote_manifest_is_reported(s3_url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no manifest"):
        curate([f"{s3_url}/curate/none.parquet"], tmp_path / "out", CONFIG)
