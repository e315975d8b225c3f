"""Fixtures of the whole suite. What a machine may lack is skipped with its reason.

Libraries whose imports take seconds are imported by the fixtures that need them: the process that
only hands out tests loads this module, too.
"""

from __future__ import annotations

import os

# Before anything imports numpy or torch: several test workers share few cores.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# Workers of Ray would yield to the other test processes, which are never idle.
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_metrics_report_interval_ms", "2000")  # a test waits for metrics
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that needs a hub is a broken test

import atexit
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from mytalk_core.data.cache import cache_root
from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import SampleClip, sample_footage
from mytalk_core.errors import MytalkError
from tests.programs import Programs

if TYPE_CHECKING:
    from mytalk_core.dubbing.models import NamedModels
    from tests.title_runs import Networks

_TESTS = Path(__file__).parent
_SHARED = _TESTS / ".." / ".." / "shared" / "data"
_VIDEO = {".mpg", ".mp4", ".webm"}

# Arguments of the head of a Ray cluster, without processes that no test needs.
LEAN_HEAD = {"include_dashboard": False, "no_monitor": True, "include_log_monitor": False}

_EXIT_CODE = pytest.StashKey[int]()
_CLUSTERS = pytest.StashKey[ExitStack]()
_CLUSTER_FIXTURES = {"ray_address", "machines_to_lose"}

# An example may take any time: machines are busy.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# A suite in the background ignores interrupts, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Modules that start Ray. They take longest, so they run first, in two of the test processes.
_ON_RAY = {
    "tests/jobs/commands/test_preprocess.py",
    "tests/jobs/test_batch.py",
    "tests/jobs/test_disturbed_catalogue.py",
    "tests/pipelines/test_actor_pool.py",
    "tests/pipelines/test_dub.py",
    "tests/pipelines/test_dub_machines.py",
    "tests/pipelines/test_no_shared_folder.py",
    "tests/pipelines/test_preprocess.py",
    "tests/pipelines/test_preprocess_survives.py",
    "tests/pipelines/test_run_metrics.py",
    "tests/pipelines/test_train.py",
    "tests/pipelines/test_train_refusals.py",
}
# Of these, the modules of the second process.
_ON_SECOND_CLUSTER = {
    "tests/pipelines/test_no_shared_folder.py",
    "tests/pipelines/test_preprocess.py",
    "tests/pipelines/test_train.py",
    "tests/pipelines/test_train_refusals.py",
}
_RAY = ("ray", "second ray")
# Its modules are many and each is short, so that the test processes end at about the same time.
_IN_THE_END = "tests/mytalk_core/"


def _group(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    return _RAY[module in _ON_SECOND_CLUSTER] if module in _ON_RAY else module


class _GroupScheduling(LoadScopeScheduling):
    """Assigns whole modules to test processes, and all modules that start Ray to two of them.

    The scheduler of `--dist loadgroup` marks groups in the ids of tests, which pytest 9.2 ignores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Schedule by group."""
    return _GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the modules that start Ray first, and last those that take least each."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        group = _group(item.nodeid)
        return _RAY.index(group) if group in _RAY else len(_RAY), _IN_THE_END in item.nodeid

    items.sort(key=place)
    for item in items:
        used = _CLUSTER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if used and _group(item.nodeid) not in _RAY:
            raise pytest.UsageError(f"{item.nodeid} starts Ray, and is not listed in _ON_RAY")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the clusters after the last test on Ray: their processes are never idle."""
    if nextitem is None or _group(nextitem.nodeid) not in _RAY:
        item.session.stash.setdefault(_CLUSTERS, ExitStack()).close()


@pytest.fixture(scope="session")
def clusters(request: pytest.FixtureRequest) -> ExitStack:
    """Closed after the last test on Ray."""
    return request.session.stash.setdefault(_CLUSTERS, ExitStack())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Store the exit code; end the clusters of a session that was interrupted."""
    session.config.stash[_EXIT_CODE] = int(exitstatus)
    session.stash.setdefault(_CLUSTERS, ExitStack()).close()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the process without taking down the interpreter.

    Ray, gRPC and Beam leave threads in this process that cannot be stopped. In one of several runs
    they crashed it at exit, after all tests had passed. The exit codes of commands are covered by
    tests that run them as processes.
    """
    if _EXIT_CODE in config.stash:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_EXIT_CODE])


def _pulled(name: str) -> Path:
    try:
        return pull(name)
    except MytalkError as error:
        pytest.skip(f"no {name} here: {error}")


@pytest.fixture(scope="session", autouse=True)
def cache_without_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache with the models and the footage of the user's, and no work of any dub."""
    own, cache = cache_root().absolute(), tmp_path_factory.mktemp("cache")
    for name in ("models", "samples"):
        (own / name).mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(own / name)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MYTALK_CACHE", str(cache))
        yield


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
def dub_models() -> NamedModels:
    """The default models of a dub, with the shipped weights."""
    from mytalk_core.dubbing.models import named_models

    models = named_models(None, None)
    try:
        models.here()
    except MytalkError as error:
        pytest.skip(f"a model of the dub is missing here: {error}")
    return models


@pytest.fixture(scope="session")
def networks(dub_models: NamedModels) -> Iterator[Networks]:
    """The networks of a dub, loaded once for the session."""
    from mytalk_core.dubbing.tools import DubTools
    from tests.title_runs import Networks

    with DubTools(dub_models.here(), threads=1) as tools:
        yield Networks(dub_models, tools)


@pytest.fixture(scope="session")
def small_networks(
    dub_models: NamedModels, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Networks]:
    """The networks of a dub, but that those which move and draw are small and untrained."""
    from mytalk_core.dubbing.tools import DubTools
    from tests.title_runs import Networks, small_models

    models = small_models(tmp_path_factory.mktemp("weights"))
    with DubTools(models.here(), threads=1) as tools:
        yield Networks(models, tools)


@pytest.fixture(scope="session")
def run_ffmpeg() -> Callable[..., Path]:
    """A function (out, *arguments) -> out: runs the ffmpeg program and gives the file it wrote."""
    from tests.cases import run_program

    return run_program


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Starts programs of this tree; those that still run end with the test."""
    with closing(Programs()) as started:
        yield started


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """A bucket of an S3 server that runs for the session, for this process and its children."""
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("mytalk-tests")
        yield "s3://mytalk-tests"
    server.stop()


@pytest.fixture(scope="session")
def ray_address(clusters: ExitStack) -> str:
    """The address of a Ray cluster of two CPUs that runs until the last test on Ray."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **LEAN_HEAD})
    clusters.callback(cluster.shutdown)
    return str(cluster.address)


@pytest.fixture(scope="module")
def two_cpus(ray_address: str) -> Iterator[None]:
    """A connection of this process to the cluster of two CPUs."""
    import ray

    ray.init(address=ray_address, log_to_driver=False)
    yield
    ray.shutdown()
