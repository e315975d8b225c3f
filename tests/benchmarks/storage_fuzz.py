"""Inject a storage failure at every operation of every writer: `make bench BENCH=storage_fuzz`.

Each operation fails once in one run, and always in another. The work is then repeated without
failures. The table has the result of the failed run, and whether the bytes after the repeated run
equal those of a run without failures. The last line counts wrong results.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

os.environ["MYTALK_RETRY_SECONDS"] = "0.001"

import fsspec
from imageio_ffmpeg import get_ffmpeg_exe
from moto.server import ThreadedMotoServer
from rich.console import Console

from mytalk_core.data.curated import COMPLETED, IndexRow, start, write_index, write_record
from mytalk_core.data.fetch import local_copy
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import TitleRecord, TitleStatus
from mytalk_core.data.shard_index import SampleBytes, copy_samples
from mytalk_core.data.shards import write_shard
from mytalk_core.data.storage import open_store
from mytalk_core.errors import MytalkError
from mytalk_core.footage import clips, unit_work
from mytalk_core.media.limits import MediaLimits
from tests.storage_faults import Faults, local, s3
from tests.stored_runs import film_of, stored_run, two_clips

_BUCKET = "s3://fuzz"

console = Console(width=140, highlight=False, markup=False)

Disturbance = Callable[[Faults], AbstractContextManager[None]]


@dataclass(frozen=True)
class Writer:
    """A writer of results that can be cleared and repeated."""

    name: str
    work: Callable[[], str]  # returns a description of the result
    content: Callable[[], object]  # digests of the written files
    clear: Callable[[], None]
    disturb: Disturbance


def preprocessing(films: str, out: str, scratch: Path, disturb: Disturbance) -> Writer:
    """Plan, units, chunk, manifest, report and summary of one film in two units."""
    run = stored_run(films, out, scratch)

    def clear() -> None:
        for name in list(run.store.names()):
            run.store.remove(name)

    def work() -> str:
        counts = run()
        failed = {str(row.error_class) for row in run.rows() if row.error_class}
        return f"{counts} {'/'.join(failed)}".strip()

    return Writer(f"preprocess to {out.partition(':')[0][:2]}", work, run.content, clear, disturb)


def local_writer(name: str, root: Path, work: Callable[[], None]) -> Writer:
    """Return a writer of files into a folder."""

    def content() -> list[tuple[str, str]]:
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return [
            (str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest())
            for path in files
            if path.suffix != ".lock"
        ]

    def done() -> str:
        work()
        return "done"

    def clear() -> None:
        shutil.rmtree(root)
        root.mkdir()

    root.mkdir()
    return Writer(name, done, content, clear, partial(local, root))


def titles(root: Path) -> None:
    """Write report, film and record of a dubbed title."""
    store = open_store(root)
    for name in ("a/film.mp4.report.html", "a/film.mp4"):
        with store.publish(name) as path:
            path.write_bytes(name.encode())
    Ledger(store).add_title(
        TitleRecord("a", 1, TitleStatus.OK, "list line 2", "en", "a.mp4", "v", output="a/film.mp4")
    )


def curated(root: Path, source: Path) -> None:
    """Write shard, index and records of curated clips."""
    store = open_store(root)
    start(store, "id", {})
    whole = SampleBytes(str(source), "a-0", 0, source.stat().st_size - 10240)
    copy_samples(store, "train/shard-00000.tar", [replace(whole, size=1536)])
    write_index(store, [IndexRow("a-0", "train", "train/shard-00000.tar", "", 0, 1536)])
    write_record(store, COMPLETED, "id", {})


def fetching(root: Path, url: str) -> None:
    """Download a copy of remote footage."""
    with local_copy(url, root, MediaLimits()):
        pass


@contextmanager
def both(root: Path, faults: Faults) -> Iterator[None]:
    """Inject faults of the object store and of the folder for copies."""
    with s3(faults), local(root, faults):
        yield


def tried(writer: Writer, point: str, times: int) -> tuple[str, bool]:
    """Return the result of a run with a fault, and whether the next run's content is correct."""
    writer.clear()
    writer.work()
    expected = writer.content()
    writer.clear()
    try:
        with writer.disturb(Faults(point, times)):
            ended = writer.work()
    except MytalkError as error:
        ended = f"{error.error_class}: {error.reason}"
    except Exception as error:
        ended = f"TRACEBACK {type(error).__name__}: {error}"
    writer.work()
    return ended, writer.content() == expected


def fuzz(writer: Writer, totals: Counter[str]) -> None:
    """Run a writer with every fault and print its table."""
    writer.clear()
    points = Faults()
    with writer.disturb(points):
        writer.work()
    for point in points.points:
        for times in (1, 10**9):
            ended, equal = tried(writer, point, times)
            wrong = not equal or "TRACEBACK" in ended or "bug" in ended or "bad_input" in ended
            totals["wrong" if wrong else "right"] += 1
            console.print(
                f"{writer.name:18} {point:42.42} {'once' if times == 1 else 'always':7}"
                f" {ended:48.48} {'equal' if equal else 'DIFFERENT'}{'  WRONG' if wrong else ''}",
            )


def main() -> int:
    """Run all writers; return the number of wrong results."""
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, _s3_server():
        here = Path(name)
        film = here / "films" / "a.mp4"
        film.parent.mkdir()
        subprocess.run(
            [get_ffmpeg_exe(), "-nostdin", "-v", "error", *film_of(4.0), str(film)], check=True
        )
        fsspec.filesystem("s3").put_file(str(film), "fuzz/film.mp4")
        shard = here / "source.tar"
        write_shard(shard, [("a-0", {"json": b"{}"})])
        out = here / "out"
        scratch, copies = here / "scratch", here / "copies"
        writers = [
            preprocessing(str(film.parent), str(out), scratch, partial(local, out)),
            preprocessing(str(film.parent), f"{_BUCKET}/out", scratch, s3),
            local_writer("titles", here / "titles", partial(titles, here / "titles")),
            local_writer("curated", here / "curated", partial(curated, here / "curated", shard)),
            replace(
                local_writer("fetch", copies, partial(fetching, copies, f"{_BUCKET}/film.mp4")),
                disturb=partial(both, copies),
            ),
        ]
        with (
            patch.object(clips, "extract_clips", two_clips),
            patch.object(unit_work, "_load", lambda *_: None),
        ):
            for writer in writers:
                fuzz(writer, totals)
    console.print(f"{totals['right'] + totals['wrong']} runs, {totals['wrong']} wrong")
    return totals["wrong"]


@contextmanager
def _s3_server() -> Iterator[None]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    fsspec.filesystem("s3").mkdir(_BUCKET)
    yield
    server.stop()


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.exit(min(main(), 1))
