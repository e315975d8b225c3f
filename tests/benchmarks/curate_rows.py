"""Throughput and peak memory of curation by number of rows.

    python tests/benchmarks/curate_rows.py [ROWS...] [--pack ROWS] [--workers N]

Runs the command `mytalk curate` on synthetic manifests: speakers with and without names, faces,
measurements around the limits, 2 % exact copies and 2 % near copies. First `--dry-run` for each
number of rows, then with shards of tiny samples. Prints rows per second and the peak memory of all
processes together. Memory must not grow with the rows. Run it on an idle machine; the table shows
the load.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from mytalk_core.data.manifest import MANIFEST_SCHEMA
from mytalk_core.data.shards import MEMBERS, write_shard

ROOT = Path(__file__).parents[2]
CHUNK = 50_000  # rows generated at a time
CLIPS_PER_TITLE = 20
CLIPS_PER_SPEAKER = 200
CLIPS_PER_SHARD = 500
NAMELESS = 5  # one title in so many has a face instead of a name
SCATTER = 0x9E3779B9  # assigns neighbouring titles to distant speakers


@dataclass(frozen=True)
class Measurement:
    """One run of the command."""

    rows: int
    what: str
    kept: int
    copies: int  # exact and near
    wall_seconds: float  # of the process, including start
    peak_megabytes: float  # largest sum of the resident sets of all its processes
    load: float  # of the machine, mean over the last minute, at the end


def faces(people: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Embeddings, (N, 128): clips about 0.2 from the person's mean, people about 0.9 apart."""
    known = {
        person: np.random.default_rng(int(person)).normal(0, 0.9 / 16, 128)
        for person in np.unique(people)
    }
    means = np.stack([known[person] for person in people])
    return (means + random.normal(0, 0.2 / np.sqrt(128), means.shape)).astype(np.float32)


def chunk(first: int, count: int, total: int) -> pa.Table:
    """The rows `first`, `first` + 1, ... of a manifest of `total`."""
    random = np.random.default_rng(first)
    numbers = np.arange(first, first + count)
    titles = numbers // CLIPS_PER_TITLE
    people = titles * SCATTER % max(1, total // CLIPS_PER_SPEAKER)
    nameless = titles % NAMELESS == 0
    audio = random.integers(0, 256, (count, 32), np.uint8)
    picture = random.integers(0, 256, (count, 16), np.uint8)
    content = numbers.copy()
    copied = random.permutation(count)[: count // 25]  # half of them exact, half near copies
    originals = random.integers(0, count, len(copied))
    audio[copied], picture[copied] = audio[originals], picture[originals]
    exact, near = np.array_split(np.arange(len(copied)), 2)
    content[copied[exact]] = content[originals[exact]]
    for hashes, flips in ((audio, 8), (picture, 5)):
        for _ in range(flips):
            places = random.integers(0, hashes.shape[1], len(near))
            bits = np.uint8(1) << random.integers(0, 8, len(near)).astype(np.uint8)
            hashes[copied[near], places] ^= bits
    embeddings: list[np.ndarray | None] = [None] * count
    with_face = np.flatnonzero(nameless)
    for row, face in zip(with_face, faces(people[with_face], random), strict=True):
        embeddings[row] = face
    keys = [
        f"title{number // CLIPS_PER_TITLE:07d}-{number % CLIPS_PER_TITLE:05d}-00-000"
        for number in numbers
    ]
    columns = {
        "id": keys,
        "kind": ["clip"] * count,
        "source": [f"/footage/title{title:07d}.mp4" for title in titles],
        "title": [f"title{title:07d}" for title in titles],
        "speaker": ["" if n else f"speaker{p}" for n, p in zip(nameless, people, strict=True)],
        "status": ["ok"] * count,
        "message": [""] * count,
        "stage": ["shard"] * count,
        "seconds_spent": random.random(count),
        "frames": np.full(count, 75),
        "fps": ["25/1"] * count,
        "duration_seconds": random.uniform(0.8, 10, count).round(2),
        "face_share": np.ones(count),
        "face_height": random.lognormal(4.9, 0.5, count),
        "yaw_degrees": random.gamma(2, 9, count),
        "sync_offset": random.normal(0, 2.5, count).round(),
        "sync_confidence": random.normal(0.5, 0.2, count).clip(-1, 1),
        "sync_shift": np.zeros(count),
        "faces": random.integers(1, 4, count),
        "sharpness": random.lognormal(-2, 0.4, count),
        "jitter": random.lognormal(-6.5, 0.5, count),
        "speech_share": random.beta(5, 2, count),
        "first_frame": numbers % CLIPS_PER_TITLE * 75,
        "licence": [("CC-BY-4.0", "proprietary", "")[title % 3] for title in titles],
        "shard": [f"shard-{number // CLIPS_PER_SHARD:05d}.tar" for number in numbers],
        "key": keys,
        "offset": np.zeros(count, np.int64),
        "size": np.full(count, 6144),
        "content_hash": [f"{number:032x}" for number in content],
        "audio_hash": [each.tobytes() for each in audio],
        "picture_hash": [each.tobytes() for each in picture],
        "embedding": embeddings,
        "config_id": ["0123456789abcdef"] * count,
        "versions": ['{"mytalk": "0.6.0"}'] * count,
    }
    nothing = {"reason": [None] * count, "error_class": [None] * count}
    everything = columns | nothing
    arrays = [pa.array(everything[field.name], field.type) for field in MANIFEST_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=MANIFEST_SCHEMA)


def write_input(folder: Path, rows: int, with_shards: bool) -> Path:
    """Write a manifest and optionally its shards of tiny samples."""
    folder.mkdir()
    path = folder / "manifest.parquet"
    with pq.ParquetWriter(path, MANIFEST_SCHEMA, compression="zstd") as writer:
        for first in range(0, rows, CHUNK):
            table = chunk(first, min(CHUNK, rows - first), rows)
            if with_shards:
                offsets = write_samples(folder, table)
                place = table.schema.get_field_index("offset")
                table = table.set_column(place, "offset", pa.array(offsets))
            writer.write_table(table)
    return path


def write_samples(folder: Path, table: pa.Table) -> list[int]:
    """Write the shards of some rows, and return the offset of each sample."""
    offsets = []
    shards, keys = table["shard"].to_pylist(), table["key"].to_pylist()
    for start in range(0, len(keys), CLIPS_PER_SHARD):
        samples = [
            (key, {kind: key.encode() for kind in MEMBERS})
            for key in keys[start : start + CLIPS_PER_SHARD]
        ]
        offsets += [each.offset for each in write_shard(folder / shards[start], samples)]
    return offsets


def measure(manifest: Path, rows: int, out: Path, options: Sequence[str]) -> Measurement:
    """Run the command over a manifest."""
    command = ["-m", "jobs.app", "--json", "curate", str(manifest), "--out", str(out), *options]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
        wall = time.monotonic() - start
        output.seek(0)
        result = json.load(output)
    copies = sum(line["first"]["count"] for line in result["lines"] if line["step"] == "copies")
    what = "decided" if "--dry-run" in options else "decided and packed"
    load = os.getloadavg()[0]
    return Measurement(rows, what, result["kept"]["count"], copies, wall, peak / 1e6, load)


def resident(pid: int) -> int:
    """Resident bytes of a process and its children (Linux)."""
    process = Path(f"/proc/{pid}")
    try:
        pages = int((process / "statm").read_text().split()[1])
        threads = [thread.read_text() for thread in process.glob("task/*/children")]
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(
        resident(int(each)) for each in " ".join(threads).split()
    )


def table(runs: Sequence[Measurement]) -> Table:
    """The measurements, one line per run."""
    result = Table(title=f"mytalk curate, {os.cpu_count()} CPUs")
    for column in ("rows", "", "kept", "copies", "seconds", "rows/s", "peak MB", "load"):
        result.add_column(column, justify="left" if not column else "right")
    for run in runs:
        result.add_row(
            f"{run.rows:,}",
            run.what,
            f"{run.kept:,}",
            f"{run.copies:,}",
            f"{run.wall_seconds:.1f}",
            f"{run.rows / run.wall_seconds:,.0f}",
            f"{run.peak_megabytes:.0f}",
            f"{run.load:.1f}",
        )
    return result


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--pack", type=int, default=100_000, help="rows with shards; 0: none")
    parser.add_argument("--workers", type=int, default=1, help="processes of the runner")
    given = parser.parse_args()
    parallel = [
        "--runner-option=--direct_running_mode=multi_processing",
        f"--runner-option=--direct_num_workers={given.workers}",
    ]
    options = parallel if given.workers > 1 else []
    runs = []
    for rows, more in [*((rows, ["--dry-run"]) for rows in given.rows), (given.pack, [])]:
        if rows:
            with tempfile.TemporaryDirectory() as folder:
                manifest = write_input(Path(folder) / "in", rows, with_shards=not more)
                out = Path(folder) / "out"
                runs.append(measure(manifest, rows, out, [*options, *more]))
            Console(width=100, stderr=True).print(table(runs))
    Console(width=100).print(table(runs))


if __name__ == "__main__":
    main()
