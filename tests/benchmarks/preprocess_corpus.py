"""Check that preprocessing gives a row for every input, and the same result in every run.

    python tests/benchmarks/preprocess_corpus.py [hostile] [corpus]

`hostile`: the hostile files of the tests, with expected and actual status and reason.
`corpus`: all clips of the research footage beside the clone, twice: counts, time, and a digest of
shards and manifest, which must be equal.
"""

import hashlib
import os

os.environ.setdefault("RAY_worker_niceness", "0")

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from imageio_ffmpeg import get_ffmpeg_exe
from rich.console import Console
from rich.table import Table

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.footage.listing import ListingConfig
from mytalk_core.footage.unit_work import WorkConfig, WorkModels, config_id
from mytalk_core.footage.worker import WorkPlace
from pipelines.preprocess import PreprocessJob, preprocess

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.hostile_media import hostile_files

CORPUS = [ROOT / "../shared/data/grid", ROOT / "../shared/data/grid_hq720"]


def job(inputs: Sequence[Path], out: Path) -> PreprocessJob:
    models = WorkModels(pull("face-landmarker"), pull("whisper-base"), None, ())
    config = WorkConfig()
    place = WorkPlace(str(out), config, config_id(config, models), models, out / "scratch")
    return PreprocessJob(tuple(map(str, inputs)), ListingConfig(), place)


def sources(out: Path) -> dict[str, tuple[str, str | None, str]]:
    """Status, reason and message of every source by its path."""
    columns = ["kind", "source", "status", "reason", "message"]
    rows = pq.read_table(out / "manifest.parquet", columns=columns).to_pylist()
    return {
        row["source"]: (row["status"], row["reason"], row["message"])
        for row in rows
        if row["kind"] == "source"
    }


def digest(out: Path) -> str:
    """Digest of all shards and of the manifest without its times."""
    whole = hashlib.sha256()
    for shard in sorted((out / "shards").iterdir()):
        whole.update(shard.name.encode() + hashlib.sha256(shard.read_bytes()).digest())
    rows = pq.read_table(out / "manifest.parquet").drop_columns(["seconds_spent"])
    whole.update(repr(rows.to_pylist()).encode())
    return whole.hexdigest()[:16]


def hostile(console: Console, folder: Path) -> None:
    def run_ffmpeg(out: Path, *arguments: str | Path) -> Path:
        program = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
        subprocess.run([*program, *map(str, arguments), str(out)], check=True)
        return out

    media = folder / "hostile"
    media.mkdir()
    face = next(clip.path for clip in sample_footage() if clip.name == "jwp_intro")
    files = [file for file in hostile_files(media, run_ffmpeg, face) if not file.path.is_dir()]
    preprocess(job([media], folder / "out"))
    found = sources(folder / "out")
    table = Table(title="hostile files")
    for heading in ("file", "expected", "actual"):
        table.add_column(heading)
    right = 0
    for file in files:
        status, reason, _ = found.get(str(file.path), ("no row", None, ""))
        expected = f"{file.status} {file.reason or ''}".strip()
        given = f"{status} {reason or ''}".strip()
        right += expected == given
        table.add_row(file.description, expected, given if expected == given else f"[red]{given}")
    console.print(table)
    console.print(f"{right} of {len(files)} as expected")


def corpus(console: Console, folder: Path) -> None:
    table = Table(title="the whole corpus")
    for heading in ("run", "sources", "rows", "ok", "clips", "shards", "seconds", "digest"):
        table.add_column(heading, justify="right")
    for run in (1, 2):
        out = folder / f"run{run}"
        account = preprocess(job(CORPUS, out))
        table.add_row(
            str(run),
            str(sum(1 for each in CORPUS for path in each.rglob("*.*") if path.is_file())),
            str(sum(account.sources.values())),
            str(account.sources.get("ok", 0)),
            str(account.tracks.get("ok", 0)),
            str(account.shards),
            f"{account.wall_seconds:.0f}",
            digest(out),
        )
    console.print(table)


def main(parts: Sequence[str]) -> None:
    """Run the given parts and print their tables."""
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as folder:
        if "hostile" in parts:
            hostile(console, Path(folder))
        if "corpus" in parts:
            corpus(console, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:] or ["hostile", "corpus"])
