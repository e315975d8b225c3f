"""Curation from and to an object store: by processes that share nothing else, and interrupted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mytalk_core.curation.passes import packing
from mytalk_core.data.curated import WORK
from mytalk_core.data.lease import is_lease
from mytalk_core.data.splits import SplitConfig
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError
from pipelines.beam_runs import BeamEngine
from pipelines.curate import Execution, curate
from tests.curate_inputs import CONFIG, contents

ROOT = Path(__file__).parents[2]
TWO_PROCESSES = BeamEngine(
    options=("--direct_running_mode=multi_processing", "--direct_num_workers=2")
)
SOME_ROWS = 16  # of 41


@pytest.fixture(scope="module")
def place(curated: Path, s3_url: str) -> str:
    """A URL below which `in` has the input of the finished run."""
    fsspec.filesystem("s3").put(f"{curated.parent}/in/", f"{s3_url}/curate/in/", recursive=True)
    return f"{s3_url}/curate"


@pytest.fixture
def lone_processes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder of the folders of Beam's workers, which do not open files of each other."""
    folder = tmp_path / "processes"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'tests' / 'lone_process'}:{ROOT}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("LONE_PROCESSES", str(folder))
    monkeypatch.setenv("LONE_FROM", str(tmp_path_factory.getbasetemp()))
    yield folder


def test_two_processes_share_nothing_but_a_bucket(
    curated: Path, place: str, lone_processes: Path
) -> None:
    manifest, store = f"{place}/in/manifest.parquet", open_store(f"{place}/out")
    funnel = curate([manifest], store.url, CONFIG, Execution(TWO_PROCESSES, SOME_ROWS))
    assert {name: store.read(name) for name in store.names()} == contents(curated)
    # Each has written files, which pass through its temporary folder.
    assert len([own for own in lone_processes.iterdir() if any(own.iterdir())]) == 2
    assert curate([manifest], store.url, CONFIG) == funnel
    with pytest.raises(BadInputError, match="another configuration") as refusal:
        curate([manifest], store.url, replace(CONFIG, splits=SplitConfig(val_share=0.5)))
    assert refusal.value.where == store.url


def test_an_interrupted_run_in_an_object_store_is_continued(
    curated: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, store = f"{place}/in/manifest.parquet", open_store(f"{place}/interrupted")
    written: list[str] = []

    def copy(*given: Any, real: Any = packing.copy_samples) -> None:
        if len(written) == 2:
            raise KeyError("interrupted")
        real(*given)
        written.append(given[1])

    with monkeypatch.context() as patch:
        patch.setattr(packing, "copy_samples", copy)
        with pytest.raises(KeyError, match="interrupted"):
            curate([manifest], store.url, CONFIG)
    left = [name for name in store.names() if not is_lease(name)]
    assert set(written) <= set(left)
    done = {name.rpartition("/")[2] for name in left if name.startswith(f"{WORK}/")}
    assert "assign-clips-0" in done and "pack-shards-0" not in done

    def copy_others(*given: Any, real: Any = packing.copy_samples) -> None:
        assert given[1] not in written
        real(*given)

    monkeypatch.setattr(packing, "copy_samples", copy_others)
    monkeypatch.setattr("mytalk_core.curation.passes.rows.decide", None)  # is not called again
    curate([manifest], store.url, CONFIG)
    assert {name: store.read(name) for name in store.names()} == contents(curated)
