"""A finished curation, preprocessed films, and a Ray cluster for tests that lose a machine."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from mytalk_core.data.samples import SampleClip
from mytalk_core.footage.unit_work import WorkModels
from pipelines.cluster import machines
from pipelines.curate import curate
from tests.conftest import LEAN_HEAD
from tests.curate_inputs import CONFIG, write_input
from tests.preprocess_runs import UNIT_PER_FILM, job, preprocess_here, records, write_films


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest with its shards."""
    return write_input(tmp_path / "in")


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run; its input is beside it. Tests only read it."""
    folder = tmp_path_factory.mktemp("curated")
    curate([write_input(folder / "in")], folder / "out", CONFIG)
    return folder / "out"


@pytest.fixture
def finished(curated: Path, tmp_path: Path) -> Path:
    """A copy of the finished run for the test to change."""
    return shutil.copytree(curated, tmp_path / "out")


@pytest.fixture(scope="session")
def models(landmarker_model: Path, whisper_dir: Path) -> WorkModels:
    """The models of preprocessing where every speaker is known."""
    return WorkModels(landmarker_model, whisper_dir, None, (("face-landmarker", "1"),))


@pytest.fixture(scope="session")
def films(
    tmp_path_factory: pytest.TempPathFactory,
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
) -> Path:
    """Three films of 1.4 s, each a unit of its own."""
    folder = tmp_path_factory.mktemp("films")
    return write_films(folder / "films", sample_clips["jwp_intro"].path, run_ffmpeg)


@pytest.fixture(scope="session")
def undisturbed(films: Path, tmp_path_factory: pytest.TempPathFactory, models: WorkModels) -> Path:
    """The result of `films` without Ray and without interruptions. Tests only read it."""
    out = tmp_path_factory.mktemp("undisturbed")
    preprocess_here(job(films, out, models, config=UNIT_PER_FILM))
    assert records(out) == 3
    return out


@pytest.fixture(scope="module")
def fast_polls() -> Iterator[None]:
    """Ray Train reads the state of its workers often, and starts no process for rented machines."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
        environment.setenv("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
        yield


class Machines:
    """A head without CPUs, as on Kubernetes, and two machines of one CPU each."""

    def __init__(self) -> None:
        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LEAN_HEAD})
        self.address = self._cluster.address
        self.complete()

    def complete(self) -> None:
        """Start machines until there are two."""
        while len(self._cluster.worker_nodes) < 2:
            self._cluster.add_node(num_cpus=1)

    def lose(self) -> str:
        """Kill a machine and return its node id."""
        lost = next(iter(self._cluster.worker_nodes))
        self._cluster.remove_node(lost, allow_graceful=False)
        return str(lost.node_id)

    def close(self) -> None:
        """End the cluster."""
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def machines_to_lose(clusters: ExitStack) -> Machines:
    """The machines, started once; after a loss there is one of them."""
    found = Machines()
    clusters.callback(found.close)
    return found


@pytest.fixture
def two_machines(machines_to_lose: Machines) -> Iterator[Machines]:
    """A connection of this process to two machines."""
    machines_to_lose.complete()
    ray.init(address=machines_to_lose.address, log_to_driver=False)
    while len(machines()) != 2:  # Ray may not have noticed yet that a lost one is gone
        time.sleep(0.1)
    yield machines_to_lose
    ray.shutdown()
