"""Measure the speed, scaling and memory of preprocessing.

    python tests/benchmarks/preprocess_speed.py [engine] [nodes] [memory]

`engine`: face frames a second of the whole pipeline on two CPUs, of the same functions in plain
loops (one process, and two at once), and of S3FD, the detector that Wav2Lip runs on every frame
(the network of the face-alignment package with random weights, which take the same time).
`nodes`: the same work on one and on two simulated Ray nodes of one CPU each.
`memory`: peak resident memory of driver, workers and decoders for lists of 100, 1,000 and 10,000
short clips. Run it on an idle machine; the tables include the load.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("RAY_worker_niceness", "0")

import itertools
import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from imageio_ffmpeg import get_ffmpeg_exe
from ray.cluster_utils import Cluster
from rich.console import Console
from rich.table import Table

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.data.storage import open_store
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.records import Records
from mytalk_core.footage.run_account import RunAccount
from mytalk_core.footage.unit_work import (
    Extraction,
    WorkConfig,
    WorkModels,
    config_id,
    extract_unit,
)
from mytalk_core.footage.units import UnitConfig, cut_segments, pack_units
from mytalk_core.footage.worker import WorkPlace
from mytalk_core.media.probe import probe_video
from pipelines.preprocess import PreprocessJob, preprocess

ROOT = Path(__file__).parents[2]
GRID = ROOT / "../shared/data/grid"
# Clips of `engine` and `nodes`, and seconds of footage per unit: enough units for two workers.
CLIPS, UNIT_SECONDS = 192, 24
ROWS = (100, 1_000, 10_000)
CONFIG = WorkConfig(units=UnitConfig(chunk_mean=8, chunk_most=16, unit_seconds=UNIT_SECONDS))


def models() -> WorkModels:
    return WorkModels(pull("face-landmarker"), pull("whisper-base"), None, ())


def footage(folder: Path, count: int) -> list[Path]:
    """Return clips of three seconds: GRID sentences of many speakers, else sample clips."""
    speakers = [sorted(speaker.glob("*.mpg")) for speaker in sorted(GRID.glob("s*"))]
    turns = itertools.zip_longest(*speakers)
    found = [clip for turn in turns for clip in turn if clip is not None][:count]
    if found:
        return found
    for number in range(count):
        clip = sample_footage()[number % 2].path
        piece = ["-ss", str(number % 5 * 0.4), "-i", clip, "-t", "3", "-s", "360x288"]
        run = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *piece]
        found.append(folder / f"piece{number}.mp4")
        subprocess.run([*map(str, run), str(found[-1])], check=True)
    return found


def job(inputs: Sequence[Path], out: Path) -> PreprocessJob:
    place = WorkPlace(
        out=str(out),
        config=CONFIG,
        config_id=config_id(CONFIG, models()),
        models=models(),
        scratch=out / "scratch",
    )
    return PreprocessJob(tuple(map(str, inputs)), ListingConfig(), place)


def plain_loop(clips: Sequence[Path], out: Path) -> dict[str, float]:
    """Extract all clips in this process without an engine; return the seconds of each stage."""
    sources = list(list_sources([str(clip) for clip in clips], ListingConfig()))
    segments = [
        segment
        for source in sources
        for segment in cut_segments(source, probe_video(source.url).duration, CONFIG.units)
    ]
    fetched = {source.title: source.url for source in sources}
    spent: dict[str, float] = defaultdict(float)
    extraction = Extraction(Records(open_store(out)), CONFIG, "plain", models())
    for unit in pack_units("plain", segments, CONFIG.units):
        report = extract_unit(unit, fetched, extraction, {}, lambda message: None)
        for stage, tally in report["stages"].items():
            spent[stage] += tally["busy_seconds"]
    return spent


def _timed_loop(arguments: tuple[list[Path], Path]) -> float:
    clips, out = arguments
    plain_loop(clips[:2], out / "warm")  # loads the models
    start = time.monotonic()
    plain_loop(clips, out)
    return time.monotonic() - start


def s3fd_seconds(width: int, height: int, batch: int, repeats: int) -> float:
    """Return the seconds per frame of the S3FD network with random weights, on all CPUs."""
    import torch
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.set_num_threads(os.cpu_count() or 1)
    network = s3fd().eval()
    picture = torch.rand(batch, 3, height, width)
    with torch.inference_mode():
        network(picture)
        start = time.monotonic()
        for _ in range(repeats):
            network(picture)
    return (time.monotonic() - start) / repeats / batch


def engine(console: Console, folder: Path) -> None:
    clips = footage(folder, CLIPS)
    spawn = multiprocessing.get_context("spawn")
    few, many = clips[: CLIPS // 4], clips[: CLIPS // 2]
    with spawn.Pool(1) as pool:
        alone = pool.map(_timed_loop, [(few, folder / "alone")])[0]
    with spawn.Pool(2) as pool:
        halves = [(many[half::2], folder / f"half{half}") for half in range(2)]
        both = max(pool.map(_timed_loop, halves))
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    start = time.monotonic()
    account = preprocess(job(clips, folder / "out"))
    wall = time.monotonic() - start
    ray.shutdown()
    batched, single = 1 / s3fd_seconds(360, 288, 16, 2), 1 / s3fd_seconds(360, 288, 1, 10)
    frames = round(account.clip_hours * 3600 * 25)
    per_clip = frames / len(clips)
    rate = frames / wall

    table = Table(title=f"{len(clips)} clips, {frames} face frames, load {os.getloadavg()[0]:.1f}")
    for heading in ("", "face frames/s", "pipeline relative to it"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, speed in (
        ("whole pipeline, 2 CPUs, start to manifest", rate),
        ("plain loops in two processes, models loaded", per_clip * len(many) / both),
        ("plain loop in one process, models loaded", per_clip * len(few) / alone),
        ("S3FD alone, 360x288, 2 CPUs, batches of 16 as in Wav2Lip", batched),
        ("S3FD alone, 360x288, 2 CPUs, single frames", single),
    ):
        table.add_row(name, f"{speed:.1f}", f"{rate / speed:.2f}")
    console.print(table)
    cost = 1 - rate * both / (per_clip * len(many))
    console.print(f"cost of the engine, including its start: {cost:.0%}")
    stages = Table(title="time by stage")
    for heading in ("stage", "busy seconds", "ms a face frame"):
        stages.add_column(heading)
    for stage, tally in account.stages.items():
        busy = tally["busy_seconds"]
        stages.add_row(stage, f"{busy:.1f}", f"{1000 * busy / frames:.2f}")
    console.print(stages)


def nodes(console: Console, folder: Path) -> None:
    clips = footage(folder, CLIPS)
    table = Table(title=f"{len(clips)} clips on simulated nodes of one CPU each")
    for heading in ("nodes", "seconds", "relative to one node", "load"):
        table.add_column(heading, justify="right")
    first = 0.0
    for count in (1, 2):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        for _ in range(count):
            cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        start = time.monotonic()
        preprocess(job(clips, folder / f"nodes{count}"))
        seconds = time.monotonic() - start
        first = first or seconds
        ray.shutdown()
        cluster.shutdown()
        load = f"{os.getloadavg()[0]:.1f}"
        table.add_row(str(count), f"{seconds:.1f}", f"{seconds / first:.2f}", load)
    console.print(table)


class Watch:
    """Sample the resident memory of this process and of its workers and decoders."""

    def __init__(self) -> None:
        self.peak: dict[str, float] = defaultdict(float)  # megabytes, by kind of process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    pages = int((entry / "statm").read_text().split()[1])
                except (OSError, IndexError):
                    continue
                kind = {
                    int(entry.name) == os.getpid(): "driver",
                    command.startswith("ray::WorkerActor"): "worker",
                    "footage.isolated" in command: "decoder",
                }.get(True)
                if kind:
                    self.peak[kind] = max(self.peak[kind], pages * 4096 / 1e6)


def memory(console: Console, folder: Path, counts: Sequence[int]) -> None:
    clips = []
    for number in range(20):
        clip = folder / f"short{number}.mp4"
        picture = f"testsrc2=s=192x144:r=25:d=0.{number % 4 + 3}"
        sound = f"sine=frequency={200 + 40 * number}:d=0.4"
        made = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-pix_fmt", "yuv420p"]
        run = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *made, str(clip)]
        subprocess.run(run, check=True)
        clips.append(str(clip))
    table = Table(title="peak resident memory, MB")
    for heading in ("rows", "seconds", "rows/s", "driver", "worker", "decoder", "load"):
        table.add_column(heading, justify="right")
    for count in counts:
        rows = {"id": [f"row{n}" for n in range(count)], "source": (clips * count)[:count]}
        path = folder / f"list{count}.parquet"
        pq.write_table(pa.table(rows | {"speaker": ["x"] * count}), path)
        # A separate process per run, so that no run inherits memory of the one before.
        report = folder / f"rows{count}.json"
        script = [sys.executable, __file__, "--one", path, folder / f"rows{count}", report]
        subprocess.run([*map(str, script)], check=True)
        measured = json.loads(report.read_text())
        seconds, peak = measured["seconds"], measured["peak"]
        figures = [f"{peak[kind]:.0f}" for kind in ("driver", "worker", "decoder")]
        load = f"{os.getloadavg()[0]:.1f}"
        table.add_row(f"{count:,}", f"{seconds:.0f}", f"{count / seconds:.1f}", *figures, load)
    console.print(table)


def one(path: Path, out: Path, report: Path) -> None:
    """Run once over a list and write time and memory as JSON to `report`."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    with Watch() as watch:
        start = time.monotonic()
        account: RunAccount = preprocess(job([path], out))
        seconds = time.monotonic() - start
    assert sum(account.sources.values()) == pq.read_metadata(path).num_rows
    report.write_text(json.dumps({"seconds": seconds, "peak": watch.peak}))


def main(parts: Sequence[str]) -> None:
    """Run the named parts and print their tables."""
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        if "engine" in parts:
            engine(console, Path(folder))
        if "nodes" in parts:
            nodes(console, Path(folder))
        if "memory" in parts:
            counts = [int(part) for part in parts if part.isdigit()] or ROWS
            memory(console, Path(folder), counts)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*map(Path, sys.argv[2:]))
    else:
        main(sys.argv[1:] or ["engine", "nodes", "memory"])
