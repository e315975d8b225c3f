"""From footage to trained weights on machines that share nothing but an object store."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from jobs.app import run
from mytalk_core.data.cache import cache_root
from mytalk_core.data.samples import SampleClip
from mytalk_core.data.splits import SplitConfig, assign_split
from mytalk_core.data.storage import Store, open_store
from mytalk_core.motion.training import MotionTrainingConfig
from mytalk_core.training.checkpoints import CHECKPOINTS
from mytalk_core.training.event_log import read_events
from pipelines.train import run_training
from pipelines.training_job import TrainJob
from tests.conftest import LEAN_HEAD

_TESTS = Path(__file__).parents[1]
STEPS = 40  # with a validation every two, and checkpoints after half and all of them


class Machines:
    """A head without CPUs, and machines of one CPU with a folder each for all that they keep.

    Their processes open no file of another machine or of the test.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: dict[Node, Path] = {}
        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LEAN_HEAD})
        self.address = self._cluster.address
        self.lost: list[Path] = []
        for _ in range(2):
            self.add()

    def add(self) -> None:
        """Start a machine."""
        own = self._folder / uuid.uuid4().hex[:4]
        for name in ("tmp", "cache"):
            (own / name).mkdir(parents=True)
        (own / "cache" / "models").symlink_to(cache_root() / "models")
        places = {
            "TMPDIR": str(own / "tmp"),
            "MYTALK_CACHE": str(own / "cache"),
            "PYTHONPATH": f"{_TESTS / 'lone_process'}:{_TESTS.parent}",
            "LONE_FOLDER": str(own),
            "LONE_FROM": str(self._folder.parent),
        }
        self._folders[self._cluster.add_node(num_cpus=1, env_vars=places)] = own

    def lose_first_worker(self) -> None:
        """Kill the machine that has stored the checkpoints of a run, with all that it kept."""
        for node, own in list(self._folders.items()):
            if list(own.glob("tmp/mytalk-*/.events.*.work")):
                self._cluster.remove_node(node, allow_graceful=False)
                del self._folders[node]
                # Not removed: its processes may still be dying, and write there.
                self.lost.append(own.rename(own.with_name("lost")))

    def close(self) -> None:
        """End the cluster."""
        self._cluster.shutdown()


@pytest.fixture
def machines(s3_url: str, tmp_path: Path) -> Iterator[Machines]:
    """Two machines that know the S3 server, and a connection of this process to them."""
    found = Machines(tmp_path / "machines")
    ray.init(address=found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.close()


@pytest.fixture
def place(
    s3_url: str,
    tmp_path: Path,
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
) -> str:
    """A URL with two short films of a speaker, and one of another whom curation holds back."""
    url = f"{s3_url}/{uuid.uuid4().hex}"
    names = [f"speaker{number}" for number in range(40)]
    split = {name: assign_split(name, name, frozenset(), SplitConfig()) for name in names}
    speakers = (next(n for n in names if split[n] == each) for each in ("train", "val"))
    for speaker, starts in zip(speakers, (("0", "2"), ("4",)), strict=True):
        for start in starts:
            part = ["-ss", start, "-i", sample_clips["jwp_intro"].path, "-t", "1.4"]
            film = run_ffmpeg(tmp_path / f"{start}.mp4", *part)
            fsspec.filesystem("s3").put_file(str(film), f"{url}/films/{speaker}/{film.name}")
    return url


@pytest.mark.usefixtures("fast_polls", "landmarker_model", "whisper_dir")
def test_footage_becomes_weights_although_a_machine_is_lost_in_training(
    place: str, machines: Machines, tmp_path: Path
) -> None:
    def done(*command: str) -> bool:
        return run(["--quiet", *command]) == 0

    films, shards, curated = (f"{place}/{name}" for name in ("films", "shards", "curated"))
    assert done("preprocess", films, "--out", shards, "--crop-size", "96")
    assert done("curate", f"{shards}/manifest.parquet", "--out", curated)

    store = open_store(f"{place}/trained")
    job = TrainJob(
        "motion",
        curated,
        store.url,
        "tiny",
        STEPS,
        "whisper-base",
        workers=2,
        motion=MotionTrainingConfig(voices=0, voiced_share=0.0),
        checkpoint_seconds=0,
        patience=STEPS,
    )

    with ThreadPoolExecutor(1) as pool:  # Ray starts machines in the main thread only
        training = pool.submit(run_training, job, lambda *_: None)
        while not training.done() and not any(store.names(f"{CHECKPOINTS}/")):
            time.sleep(0.2)
        machines.lose_first_worker()
        machines.add()
        result = training.result()
    assert len(machines.lost) == 1
    every = list(range(2, STEPS + 1, 2))
    assert [entry["step"] for entry in result.history] == every
    assert logged_steps(store, tmp_path / "events") == every  # no step twice, none missing
    assert len(list(store.names(f"{CHECKPOINTS}/"))) == 2
    assert run_training(job, lambda *_: None) == result  # from the store


def logged_steps(store: Store, folder: Path) -> list[int]:
    """The steps of the pictures that TensorBoard shows: one of each validation."""
    folder.mkdir()
    steps = []
    for name in store.names("tensorboard/"):
        file = folder / os.path.basename(name)
        file.write_bytes(store.read(name))
        for event, _ in read_events(file):
            pictures = [value for value in event.summary.value if value.image.encoded_image_string]
            steps += [event.step for _ in pictures]
    return sorted(steps)
