"""A catalogue on machines that share nothing but a storage, while everything fails.

    make bench BENCH=catalogue_acceptance ARGS="[FILMS] [DEAD_SECONDS]"

FILMS (60) of two languages are dubbed by `mytalk batch` over three Ray nodes with folders of their
own and an S3 server on loopback. 5 % of the requests to it fail all the time. One node has no
models. The driver is killed, and the next one stopped; a node is removed and another one added; the
storage is dead for DEAD_SECONDS (90). Two titles kill their workers, one meets a bug, two name a
stem that does not exist. Then two drivers work on one folder, of which the first is frozen.

The titles are graphs of small stages without networks, in place of films: what is tested is the
run. Their films are compared with those that one process makes. Printed is what was asked and what
was found; the exit code is 1 where they differ.
"""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fsspec
from ray.cluster_utils import Cluster
from rich.console import Console
from rich.table import Table

from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import TitleRecord, TitleStatus
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import Reason
from tests.benchmarks import acceptance_titles
from tests.benchmarks.acceptance_titles import SICK
from tests.benchmarks.faulty_storage import FaultyStorage
from tests.catalogue_titles import inline_link
from tests.conftest import LEAN_HEAD
from tests.programs import Programs, ended, waited
from tests.small_graph import no_tools

_BUCKET = "mytalk-acceptance"
_LANGUAGES = ("de", "fr")
_POISON = {
    "kills_maker": Reason.WORKER_LOST,
    "kills_conductor": Reason.WORKER_LOST,
    "bug": Reason.INTERNAL,
}
_FAILING = 0.05
_MEMORY = 4_000_000_000  # that a node claims


@dataclass
class Findings:
    """What was asked, what was found, and whether they agree."""

    rows: list[tuple[str, str, bool]] = field(default_factory=list)
    start: float = field(default_factory=time.monotonic)

    def add(self, asked: str, found: object, good: bool) -> None:
        """Add a row, and print it."""
        self.rows.append((asked, str(found), good))
        at = time.monotonic() - self.start
        Console(width=160).print(f"{at:5.0f} s  {'ok' if good else 'NO'}: {asked}: {found}")


class Machines:
    """Nodes of one CPU with folders of their own, and a head without CPUs."""

    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LEAN_HEAD})
        self.address, self._folder = self._cluster.address, folder
        self._nodes: dict[str, Any] = {}
        self.lost: set[str] = set()

    def add(self, name: str) -> None:
        """Start a machine."""
        folders = {"MYTALK_CACHE": "cache", "TMPDIR": "tmp"}
        environment = {key: str(self._folder / name / each) for key, each in folders.items()}
        for each in environment.values():
            Path(each).mkdir(parents=True)
        self._nodes[name] = self._cluster.add_node(num_cpus=1, memory=_MEMORY, env_vars=environment)

    def lose(self, name: str) -> None:
        """Kill a machine."""
        self.lost.add(name)
        self._cluster.remove_node(self._nodes[name], allow_graceful=False)

    def leftovers(self) -> list[str]:
        """Unfinished files on machines that are still there; copies of films may stay."""
        found = []
        for name in sorted(self._nodes.keys() - self.lost):
            folder = self._folder / name
            found += [*(folder / "cache" / "work" / "unfinished").glob("*")]
            hidden = [each for each in folder.rglob(".*") if not each.name.startswith(".lock")]
            found += [each for each in hidden if ".part" in each.name or ".work" in each.name]
            found += [each for each in (folder / "tmp").iterdir() if each.name != "mytalk-copies"]
        return [str(each.relative_to(self._folder)) for each in found]

    def close(self) -> None:
        """End the cluster."""
        self._cluster.shutdown()


@dataclass(frozen=True)
class Titles:
    """A catalogue in the storage, and the films that one process makes of it."""

    url: str
    expected: dict[str, str]  # MD5 of the film, by id
    bad: dict[str, Reason]  # why a title has none


def write_titles(films: int, url: str, bad: bool, folder: Path) -> Titles:
    """Write a list, films and stems; five of the titles are bad if asked for."""
    storage = fsspec.filesystem("s3")
    kinds = dict(enumerate(_POISON)) if bad else {}
    rows, reasons, expected = [], {}, {}
    fsync = patch.object(os, "fsync", lambda handle: None)
    for number in range(films):
        kind = kinds.get(number, "good")
        for language in _LANGUAGES:
            id = f"t{number:02d}_{language}"
            # One language of a poisonous film is good; poison is larger, so that it comes first.
            own = kind if language == "de" else "good"
            film = f"{own}-{number}.mp4"
            content = f"film {number}".encode() + bytes(100 if own == "good" else 1000)
            stem = f"{id}.wav"
            storage.pipe(f"{url}/{film}", content)
            missing = bad and number in (5, 6) and language == "fr"
            if not missing:
                storage.pipe(f"{url}/{stem}", id.encode())
            rows.append([film, stem, language, id])
            if own != "good" or missing:
                reasons[id] = Reason.NOT_FOUND if missing else _POISON[own]
            else:
                with fsync:
                    expected[id] = _alone(id, content, language, folder)
    lines = folder / "list.csv"
    with lines.open("w", newline="") as file:
        csv.writer(file).writerows([["film", "dub", "language", "id"], *rows])
    storage.put_file(str(lines), f"{url}/list.csv")
    return Titles(f"{url}/list.csv", expected, reasons)


def _alone(id: str, content: bytes, language: str, folder: Path) -> str:
    """The MD5 of the film that this process makes of a title."""
    film, stem, out = (folder / name for name in ("good-0.mp4", "stem.wav", "out.mp4"))
    film.write_bytes(content)
    stem.write_bytes(id.encode())
    document = {"film": str(film), "dub": str(stem), "language": language}
    row = CatalogueTitle(0, "", id, document, f"{id}/{id}.mp4", {})
    acceptance_titles.dub(row, out, inline_link(Artifacts(folder / "alone"), no_tools()))
    return hashlib.md5(out.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Site:
    """Where a catalogue is dubbed."""

    storage: FaultyStorage
    machines: Machines
    programs: Programs
    folder: Path

    def start(self, titles: Titles, out: str, *options: str) -> subprocess.Popen[str]:
        """Start `mytalk batch`."""
        tmp = self.folder / "driver"
        tmp.mkdir(exist_ok=True)
        command = ("batch", titles.url, "--out", out, "--address", self.machines.address)
        module = ("-m", "tests.benchmarks.acceptance_titles", "--json")
        return self.programs.start(*module, *command, *options, TMPDIR=str(tmp))

    def recorded(self, out: str) -> int:
        """How many results are recorded in a folder."""
        return len(self.storage.put_below(f"{out.removeprefix('s3://')}/ledger/titles"))

    def wait(self, process: subprocess.Popen[str], out: str, more: int) -> None:
        """Wait until a run has recorded so many further results."""
        before = self.recorded(out)
        waited(lambda: self.recorded(out) >= before + more or process.poll() is not None)
        assert process.poll() is None, ended(process)


@contextmanager
def site() -> Iterator[Site]:
    """Start a storage and machines; end them after the block."""
    with tempfile.TemporaryDirectory(prefix="accept-") as name, closing(Programs()) as programs:
        storage = FaultyStorage()
        os.environ |= {
            "AWS_ENDPOINT_URL": storage.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "RAY_worker_niceness": "0",
        }
        fsspec.filesystem("s3").mkdir(_BUCKET)
        machines = Machines(Path(name))
        try:
            yield Site(storage, machines, programs, Path(name))
        finally:
            programs.close()
            machines.close()
            storage.stop()


def disturbed(site: Site, titles: Titles, out: str, dead: float, found: Findings) -> None:
    """Run a catalogue three times, of which two are ended, while everything fails."""
    quarter = len(titles.expected) // 4
    site.storage.failing = _FAILING
    killed = site.start(titles, out)
    site.wait(killed, out, quarter)
    killed.kill()
    found.add("the first driver is killed", ended(killed)[0], killed.returncode == -signal.SIGKILL)
    stopped = site.start(titles, out)
    site.wait(stopped, out, quarter)
    site.machines.lose("lost")
    site.wait(stopped, out, 5)
    found.add("a machine is removed", "the run goes on", True)
    stopped.terminate()
    found.add("the second is stopped", ended(stopped)[0], stopped.returncode == 143)
    last = site.start(titles, out)
    site.machines.add("added")
    site.wait(last, out, quarter)
    before = site.storage.failed
    site.storage.die(dead)
    waited(lambda: not site.storage.is_dead)
    share = (before / site.storage.calls) if site.storage.calls else 0
    found.add(
        f"a storage that is dead for {dead:g} s",
        f"{site.storage.failed - before} calls failed then, {share:.1%} before",
        last.poll() is None,
    )
    answer, messages = last.communicate(timeout=900)
    found.add("the third ends with code 1", last.returncode, last.returncode == 1)
    sick = [line for line in messages.splitlines() if "no weights here" in line]
    found.add("the machine without models is named once", len(sick), len(sick) == 1)
    told = {each["id"] for each in json.loads(answer)["attention"]}
    found.add("bad titles in its answer", sorted(told), told == titles.bad.keys())


def judge(site: Site, titles: Titles, out: str, found: Findings) -> None:
    """Compare what is stored with what was asked for."""
    site.storage.failing = 0.0
    fsspec.filesystem("s3").invalidate_cache()
    store = open_store(out)
    records = list(Ledger(store).titles().latest())
    failed = {each.id: each.reason for each in records if each.status is TitleStatus.FAILED}
    found.add("five bad titles with reasons", _reasons(failed), failed == titles.bad)
    done = [each for each in records if each.status is TitleStatus.OK]
    missing = titles.expected.keys() - {each.id for each in done}
    complete = not missing and len(done) == len(titles.expected)
    found.add("all others are recorded once", f"{len(done)}, missing {len(missing)}", complete)
    found.add("their films are those of one process", *_films(store, done, titles))
    prefix = out.removeprefix("s3://")
    puts = {each.id: site.storage.puts[f"{prefix}/{each.output}"] for each in done}
    twice = {id for id, tags in puts.items() if len(tags) > 1}
    same = all(len(set(tags)) == 1 for tags in puts.values())
    found.add("films are put once, or again with the same bytes", f"{len(twice)} again", same)
    names = [name for name, _ in store.sizes()]
    odd = [name for name in names if "lease" in name or ".part" in name]
    extra = {name.partition("/")[0] for name in names} - titles.expected.keys() - {"ledger"}
    found.add("nothing else in the results", f"{odd} {sorted(extra)}", not odd and not extra)
    left = site.machines.leftovers() + [each.name for each in (site.folder / "driver").iterdir()]
    found.add("nothing in temporary places", left or "nothing", not left)


def _reasons(failed: dict[str, Reason | None]) -> str:
    return ", ".join(f"{id} {reason}" for id, reason in sorted(failed.items()))


def _films(store: Store, done: list[TitleRecord], titles: Titles) -> tuple[str, bool]:
    films = {each.id: hashlib.md5(store.read(each.output)).hexdigest() for each in done}
    same = sum(titles.expected.get(id) == digest for id, digest in films.items())
    return f"{same} of {len(films)}", films == titles.expected


def two_drivers(site: Site, titles: Titles, out: str, found: Findings) -> None:
    """Freeze a driver while another one waits for its folder."""
    first = site.start(titles, out, "--workers", "1")
    site.wait(first, out, 2)
    refused = site.start(titles, out, "--no-wait")
    code, messages = ended(refused)
    held = f"process {first.pid} on"
    found.add("a second driver that must not wait names the holder", code, held in messages)
    second = site.start(titles, out, "--workers", "1")
    runs = f"{out.removeprefix('s3://')}/ledger/runs"
    begun = len(site.storage.put_below(runs))
    time.sleep(5.0)
    first.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    waited(lambda: len(site.storage.put_below(runs)) > begun or second.poll() is not None)
    seconds = time.monotonic() - start
    found.add("the second takes over from a frozen one", f"after {seconds:.0f} s", seconds < 300)
    site.wait(second, out, 1)
    first.send_signal(signal.SIGCONT)
    code, messages = ended(first)
    lost = "another run took this folder over" in messages
    found.add("the first, thawed, stops and says why", code, lost and code != 0)
    code, messages = ended(second)
    found.add("the second names the holder and finishes", code, held in messages and code == 0)


def main(films: int = 60, dead: float = 90.0) -> None:
    """Print the table; end with code 1 where something differs."""
    found = Findings()
    with site() as here:
        for name in ("left", "lost", SICK):
            here.machines.add(name)
        titles = write_titles(films, f"s3://{_BUCKET}/in", True, here.folder)
        found.add("titles", len(titles.expected) + len(titles.bad), True)
        disturbed(here, titles, f"s3://{_BUCKET}/out", dead, found)
        judge(here, titles, f"s3://{_BUCKET}/out", found)
        few = write_titles(max(films // 6, 4), f"s3://{_BUCKET}/few", False, here.folder)
        two_drivers(here, few, f"s3://{_BUCKET}/shared", found)
        judge(here, few, f"s3://{_BUCKET}/shared", found)
    table = Table(title=f"{time.monotonic() - found.start:.0f} s; load {os.getloadavg()[0]:.1f}")
    for heading in ("asked", "found", ""):
        table.add_column(heading, overflow="fold")
    for asked, text, good in found.rows:
        table.add_row(asked, text, "ok" if good else "NO")
    Console(width=120).print(table)
    if not all(good for _, _, good in found.rows):
        sys.exit(1)


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)))
