"""The catalogue pipeline on Ray with cheap dubbers: failures of titles, and repeated runs."""

import math
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import fsspec
import pytest
import ray

from mytalk_core.catalogue.delivery import DubbedTitle, DubLink
from mytalk_core.catalogue.entries import CatalogueTitle, Entry, RefusedTitle
from mytalk_core.catalogue.run_status import StatusReader
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.lease import LeaseConfig, held_lease
from mytalk_core.data.ledger import LEASE, Ledger
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.run_records import RunEnd, TitleRecord, TitleStatus
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.making import Effort
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.errors import (
    BadInputError,
    ErrorClass,
    ModelError,
    OutputError,
    Reason,
    StorageError,
)
from mytalk_core.media.leftovers import part_name
from pipelines.actor_pool import PoolConfig
from pipelines.dub import Batch, BatchConfig, catalogue_run
from pipelines.stage_needs import CONDUCTOR, MAKER, RunNeeds
from tests.catalogue_titles import catalogue_title
from tests.small_graph import CRASH, CRASH_ONCE, PARTS, PartRequest, no_tools, run_graph

RECIPE = {"weights": "abc"}
# Without reserving memory, of which the machine of the tests has little.
NEEDS = RunNeeds(replace(CONDUCTOR, memory_bytes=0), replace(MAKER, memory_bytes=0))
QUICK = BatchConfig(
    workers=1,  # the start of each takes seconds
    needs=NEEDS,
    retries=PoolConfig(chances=2, retry_seconds=(0.1, 0.1)),
    lease=LeaseConfig(seconds=30.0, watch_seconds=0.05),
)
SEVERAL = replace(QUICK, workers=None)


pytestmark = pytest.mark.usefixtures("two_cpus")


def make_dubber(journal: Path):
    """A dubber that fails as the film's name says and writes each attempt to `journal`."""

    def made(stage: str, key: str, effort: Effort) -> None:
        with journal.open("a") as lines:
            lines.write(f"made {key}\n")

    def dub(row: CatalogueTitle, film: Path, link: DubLink) -> DubbedTitle:
        with journal.open("a") as lines:
            lines.write(f"{row.id}\n")
        kind = Path(row.film).stem
        attempts = journal.read_text().splitlines().count(row.id)
        if kind == "bad":
            raise BadInputError("has no face.", reason=Reason.NO_FACE, where=row.film)
        if kind == "down" or (kind == "down_once" and attempts == 1):
            raise StorageError("no answer.", reason=Reason.STORAGE_ERROR, where=row.film)
        if kind == "hung":
            time.sleep(3600)  # as a decoder that waits for bytes
        if kind == "slow":  # outlives the first worker of the hung title "a", then some seconds
            deadline = math.inf
            while time.monotonic() < deadline:
                time.sleep(0.1)
                link.beat()
                if deadline == math.inf and journal.read_text().splitlines().count("a") == 2:
                    deadline = time.monotonic() + 2
        if kind == "graph":
            film.write_bytes(run_graph(link.runner({}, made)))
            return DubbedTitle(film, 25)
        if kind == "poison":
            link.runner({}, made).start(CRASH, PartRequest(1)).result()
        if kind == "crash_once":
            crashed = MediaFile(journal.with_name("crashed"), "0" * 64)
            link.runner({}, made).start(CRASH_ONCE, PartRequest(7, crashed)).result()
        if kind == "bug":
            raise KeyError("missing key")
        if kind == "deadly" or (kind == "deadly_once" and attempts == 1):
            film.with_name(part_name(film)).write_bytes(b"half a film")
            os._exit(9)
        link.drawn(f"key-{row.id}", 0.5, 25)
        film.write_bytes(Path(row.document["dub"]).read_bytes())
        film.with_name(film.name + ".report.html").write_text("report")
        return DubbedTitle(film, 25, 1.0, f"warning of {kind}", 20, {"mouth_outside": 5})

    return dub


class Run:
    """A catalogue, its folder, and the titles that were started."""

    def __init__(self, folder: Path, out: str) -> None:
        self.folder, self.out = folder, out
        self.store = open_store(out)
        self.ledger = Ledger(self.store)
        self.journal = folder / "journal"
        self.journal.touch()

    def row(self, name: str, kind: str = "good") -> CatalogueTitle:
        film, dub = self.folder / f"{kind}.mp4", self.folder / f"{name}.wav"
        for path in (film, dub):
            if not path.exists():
                path.write_text(f"content of {path.name}")
        return catalogue_title(name, film, dub)

    def batch(self, recipe=RECIPE) -> Batch:
        dubber = partial(make_dubber, self.journal)
        work = str(self.folder / "work")
        return Batch("list.csv?sig=S3cr3t", self.out, dubber, no_tools, work, recipe)

    def __call__(
        self, *entries: Entry, config: BatchConfig = QUICK, recipe=RECIPE
    ) -> dict[str, TitleRecord]:
        """The results of one run by id; the same are in the ledger."""
        with catalogue_run(self.batch(recipe), entries, config) as run:
            results = list(run.results())
        self.ended = run.ended
        number = self.ledger.runs()[-1]
        key = repr
        assert sorted(results, key=key) == sorted(self.ledger.titles().of_run(number), key=key)
        assert self.ledger.ended(number) == run.ended
        return {result.id: result for result in results}

    def started(self) -> list[str]:
        """The titles started since the last call, in order."""
        names = self.journal.read_text().splitlines()
        self.journal.write_text("")
        return names

    def read(self, name: str) -> str:
        return self.store.read(name).decode()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, str(tmp_path / "out"))


def test_every_entry_gets_its_record_while_others_fail(run: Run) -> None:
    problem = TitleProblem("dub", "is missing")
    bad_row = RefusedTitle(0, "row 0", "t0", "en", "x", (problem,))
    kinds = {"a": "good", "b": "bad", "c": "bug", "d": "deadly", "e": "deadly_once", "f": "good"}
    rows = [run.row(name, kind) for name, kind in kinds.items()]
    results = run(bad_row, *rows, config=SEVERAL)

    ok = {name for name, result in results.items() if result.status is TitleStatus.OK}
    assert ok == {"a", "e", "f"}
    for name in ok:
        assert run.read(results[name].output) == f"content of {name}.wav"
        assert run.read(results[name].report) == "report"
        assert results[name].film_bytes == len(f"content of {name}.wav")
        assert (results[name].frames, results[name].rendered_frames) == (25, 20)
        assert (results[name].segments, results[name].film_seconds) == (1, 1.0)
        assert results[name].left_alone == '{"mouth_outside": 5}'
    assert results["a"].warning == "warning of good"

    expected = {
        "t0": (Reason.BAD_CATALOGUE, ErrorClass.BAD_INPUT, "dub is missing"),
        "b": (Reason.NO_FACE, ErrorClass.BAD_INPUT, "bad.mp4: has no face"),
        "c": (Reason.INTERNAL, ErrorClass.BUG, "missing key"),
        "d": (Reason.WORKER_LOST, ErrorClass.TRANSIENT, "died"),
    }
    for name, (reason, kind, said) in expected.items():
        assert (results[name].reason, results[name].error_class) == (reason, kind)
        assert said in results[name].message
        assert not run.store.exists(f"{name}/{name}.mp4")
    started = run.started()
    assert {name: started.count(name) for name in kinds} == {
        "a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 1
    }  # fmt: skip
    assert not list((run.folder / "out/e").glob(".*"))  # what its first worker left
    assert not (run.folder / "out/d").exists()
    assert (run.ended.why, run.ended.ok, run.ended.failed) == (RunEnd.FINISHED, 3, 4)
    assert (run.ended.left, run.ended.cpu_seconds > 0) == (0, True)
    everything = "".join(path.read_text() for path in (run.folder / "out").rglob("*.json"))
    assert "S3cr3t" not in everything


def test_a_second_run_dubs_only_what_is_missing_or_changed(run: Run) -> None:
    rows = [run.row(name) for name in ("kept", "film_gone", "cut", "speech_new")]
    failing = run.row("fails", "bad")
    first = run(*rows, failing)
    assert sorted(run.started()) == sorted(first)

    run.store.remove(first["film_gone"].output)
    (run.folder / "out" / first["cut"].output).write_bytes(b"cut")
    (run.folder / "speech_new.wav").write_text("other speech")
    rows[-1] = run.row("speech_new")
    added = run.row("added")
    second = run(*rows, failing, added)

    assert sorted(run.started()) == sorted(second)
    assert set(second) == {"film_gone", "cut", "speech_new", "added"}
    assert run.read(second["speech_new"].output) == "other speech"
    assert second["speech_new"].config_id != first["speech_new"].config_id

    assert run(*rows, added) == {}
    assert run.started() == []
    retried = run(*rows, failing, config=replace(QUICK, retry=frozenset(ErrorClass)))
    assert set(retried) == {"fails"}


def test_another_recipe_dubs_every_film_again(run: Run) -> None:
    row = run.row("a")
    run(row)
    run(row, recipe={"weights": "other"})
    run(row)
    assert run.started() == ["a", "a", "a"]


def test_a_transient_failure_is_retried_and_then_left_to_the_next_night(run: Run) -> None:
    results = run(run.row("a", "down_once"), run.row("b", "down"))
    assert results["a"].status is TitleStatus.OK
    assert (results["b"].status, results["b"].error_class) == (
        TitleStatus.FAILED,
        ErrorClass.TRANSIENT,
    )
    assert sorted(run.started()) == ["a", "a", "b", "b", "b"]
    assert set(run(run.row("a", "down_once"), run.row("b", "down"))) == {"b"}


@pytest.fixture
def on_storage(s3_url: str, ray_address: str) -> Iterator[None]:
    """A connection to the cluster whose workers know the S3 server, unlike the cluster itself."""
    known = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    ray.shutdown()
    ray.init(address=ray_address, runtime_env={"env_vars": known}, log_to_driver=False)
    yield
    ray.shutdown()
    ray.init(address=ray_address, log_to_driver=False)


@pytest.mark.usefixtures("on_storage")
def test_films_are_delivered_to_an_object_store(run: Run, s3_url: str) -> None:
    stored = Run(run.folder, f"{s3_url}/{run.folder.name}")
    results = stored(stored.row("a"), stored.row("b", "bad"))
    assert stored.read(results["a"].output) == "content of a.wav"
    assert set(stored(stored.row("a"), stored.row("b", "bad"))) == set()
    names = fsspec.filesystem("s3").find(stored.out)
    assert {name.rpartition("/")[2] for name in names if "/ledger/" not in name} == {
        "a.mp4",
        "a.mp4.report.html",
    }


def test_an_interrupted_run_keeps_finished_titles(run: Run) -> None:
    rows = [run.row(name) for name in ("a", "b", "c")]
    with pytest.raises(KeyboardInterrupt), catalogue_run(run.batch(), rows, QUICK) as first:
        done = next(first.results())
        raise KeyboardInterrupt
    assert (first.ended.why, first.ended.ok, first.ended.left) == (RunEnd.STOPPED, 1, 2)
    assert [each.id for each in run.ledger.titles().latest()] == [done.id]
    again = run(*rows)
    assert set(again) == {"a", "b", "c"} - {done.id}


@pytest.mark.parametrize(
    ("limit", "why"), [({"seconds": 0.0}, RunEnd.DEADLINE), ({"cpu_hours": 0.0}, RunEnd.BUDGET)]
)
def test_a_limit_ends_a_run_before_it_takes_a_title(run: Run, limit, why) -> None:
    assert run(run.row("a"), run.row("b"), config=replace(QUICK, **limit)) == {}
    assert (run.ended.why, run.ended.left) == (why, 2)
    assert run.started() == []


def test_a_run_is_cancelled_from_elsewhere(run: Run) -> None:
    """A title that hangs is abandoned."""

    def cancel_once_started() -> None:
        while "a" not in run.journal.read_text():
            time.sleep(0.1)
        found = StatusReader(run.store).read()
        assert found.is_running and found.left == 1
        run.ledger.cancel(found.start.number, "a test")

    timer = threading.Thread(target=cancel_once_started)
    timer.start()
    assert run(run.row("a", "hung")) == {}
    timer.join()
    assert (run.ended.why, run.ended.left) == (RunEnd.CANCELLED, 1)
    found = StatusReader(run.store).read()
    assert found.cancelled and not found.is_running


def test_more_workers_than_cpus_do_not_wait_for_each_other(run: Run) -> None:
    rows = [run.row(f"t{number}") for number in range(5)]
    results = run(*rows, config=replace(QUICK, workers=64))
    assert {result.status for result in results.values()} == {TitleStatus.OK}


def test_missing_models_end_the_run_without_failed_titles(run: Run) -> None:
    def make_nothing():
        raise ModelError("no weights.", reason=Reason.MODEL_MISSING, remedy="Pull them.")

    batch = replace(run.batch(), make_tools=make_nothing)
    rows, said = [run.row("a", "graph"), run.row("b", "graph")], list[str]()
    with (
        pytest.raises(ModelError, match="Pull them"),
        catalogue_run(batch, rows, QUICK, said.append) as found,
    ):
        list(found.results())
    (line,) = said
    assert "cannot work: no weights. Pull them." in line
    assert (found.ended.why, found.ended.left) == (RunEnd.FAILED, 2)
    assert "Pull them" in found.ended.message
    assert list(run.ledger.titles().latest()) == []


def test_the_parts_of_titles_are_made_once_whatever_happens_to_their_makers(
    run: Run, tmp_path: Path
) -> None:
    """A part that kills every process that makes it fails its title, which is tried once."""
    kinds = {"a": "poison", "b": "graph", "c": "graph", "d": "crash_once"}
    results = run(*(run.row(name, kind) for name, kind in kinds.items()), config=SEVERAL)
    assert {name: result.status for name, result in results.items()} == {
        "a": TitleStatus.FAILED,
        **dict.fromkeys("bcd", TitleStatus.OK),
    }
    assert (results["a"].reason, results["a"].error_class) == (
        Reason.WORKER_LOST,
        ErrorClass.TRANSIENT,
    )
    undisturbed = run_graph(
        InlineRunner(Artifacts(tmp_path / "alone"), no_tools(), lambda *_: None)
    )
    for name in "bc":
        assert run.store.read(results[name].output) == undisturbed
    lines = run.started()
    made = [line for line in lines if line.startswith("made ")]
    # Four makers are killed. The answer of one may be lost with it after its artifact was stored.
    assert len(made) == len(set(made))
    assert PARTS + 2 - 4 <= len(made) <= PARTS + 2
    assert sorted(line for line in lines if line not in made) == list("abcd")
    assert not list((tmp_path / "work" / "unfinished").iterdir())


def test_a_title_that_hangs_fails_alone(run: Run) -> None:
    kinds = {"a": "hung", "b": "good", "c": "slow"}
    conductor = replace(NEEDS.conductor, stall_seconds=6.0)
    config = replace(SEVERAL, needs=replace(NEEDS, conductor=conductor))
    results = run(*(run.row(name, kind) for name, kind in kinds.items()), config=config)
    assert {name: result.status for name, result in results.items()} == {
        "a": TitleStatus.FAILED,
        "b": TitleStatus.OK,
        "c": TitleStatus.OK,
    }
    assert (results["a"].reason, results["a"].error_class) == (
        Reason.TIMED_OUT,
        ErrorClass.BAD_INPUT,
    )
    assert run.started().count("a") == 2


def test_a_second_run_on_the_same_folder_is_refused_or_waits(run: Run) -> None:
    said: list[str] = []
    rows = [run.row("a")]
    with held_lease(run.store, name=LEASE):
        with pytest.raises(BadInputError) as refusal, catalogue_run(run.batch(), rows, QUICK):
            pass
        assert refusal.value.reason is Reason.OUTPUT_IN_USE
        assert run.ledger.runs() == []

    def entries() -> Iterable[Entry]:
        yield from rows

    with held_lease(run.store, name=LEASE):
        waiting = replace(QUICK, lease=replace(QUICK.lease, wait=True))
        results: list[TitleRecord] = []

        def second() -> None:
            with catalogue_run(run.batch(), entries(), waiting, said.append) as found:
                results.extend(found.plan.chosen)

        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            time.sleep(0.05)
        assert f"process {os.getpid()} on" in said[0]
    thread.join()
    assert len(results) == 1


def test_a_folder_that_cannot_be_created_is_an_error(run: Run) -> None:
    (run.folder / "file").touch()
    batch = replace(run.batch(), out=str(run.folder / "file" / "out"))
    with pytest.raises(OutputError, match="file"), catalogue_run(batch, [run.row("a")], QUICK):
        pass
