"""The catalogue pipeline on Ray with cheap dubbers: failures of titles, and repeated runs."""

import math
import os
import time
from functools import partial
from pathlib import Path

import pytest

from mytalk_core.catalogue.entries import CatalogueTitle, Entry, RefusedTitle
from mytalk_core.data.run_lock import run_lock
from mytalk_core.data.storage import open_store
from mytalk_core.data.title_status import DubbedTitle, TitleStatus, read_status
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.errors import BadInputError, ErrorClass, ModelError, OutputError, Reason
from mytalk_core.media.leftovers import part_name
from pipelines.dub import DUBBER, BatchConfig, dub_catalogue, worker_shape
from pipelines.resources import Machine, Resources
from tests.catalogue_titles import catalogue_title

RECIPE = {"weights": "abc"}


pytestmark = pytest.mark.usefixtures("two_cpus")


def make_dubber(journal: Path):
    """A dubber that fails as the video's name says and writes each attempt to `journal`."""

    def dub(row: CatalogueTitle, film: Path, beat) -> DubbedTitle:
        with journal.open("a") as lines:
            lines.write(f"{row.id}\n")
        kind = Path(row.film).stem
        if kind == "bad":
            raise BadInputError("has no face.", reason=Reason.NO_FACE, where=row.film)
        if kind == "hung":
            time.sleep(3600)  # as a decoder that waits for bytes
        if kind == "slow":  # outlives the first worker of the hung title "a", then some seconds
            deadline = math.inf
            while time.monotonic() < deadline:
                time.sleep(0.1)
                beat()
                if deadline == math.inf and journal.read_text().splitlines().count("a") == 2:
                    deadline = time.monotonic() + 2
        if kind == "bug":
            raise KeyError("missing key")
        attempts = journal.read_text().splitlines().count(row.id)
        if kind == "deadly" or (kind == "deadly_once" and attempts == 1):
            film.with_name(part_name(film)).write_bytes(b"half a film")
            os._exit(9)
        film.write_bytes(Path(row.document["dub"]).read_bytes())
        report = film.with_name(film.name + ".report.html")
        report.write_text("report")
        left_alone = {"mouth_outside": 5}
        return DubbedTitle(film, report, 25, f"warning of {kind}", 20, left_alone)

    return dub


class Run:
    """A catalogue, its folder, and the titles that were started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.journal = folder / "journal"
        self.journal.touch()

    def row(self, name: str, kind: str = "good") -> CatalogueTitle:
        video, speech = self.folder / f"{kind}.mp4", self.folder / f"{name}.wav"
        for path in (video, speech):
            if not path.exists():
                path.write_text(f"content of {path.name}")
        return catalogue_title(name, video, speech)

    def __call__(self, *entries: Entry, recipe=RECIPE, workers=None, stall_seconds=600.0):
        make = partial(make_dubber, self.journal)
        needs = Resources(DUBBER.cpus, stall_seconds=stall_seconds)
        config = BatchConfig(workers, worker=needs)
        results = list(dub_catalogue(entries, self.out, make, recipe, config))
        assert sorted(results, key=repr) == sorted(read_status(self.out), key=repr)
        return {result.id: result for result in results}

    def started(self) -> list[str]:
        """The titles started since the last call, in order."""
        names = self.journal.read_text().splitlines()
        self.journal.write_text("")
        return names


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_every_entry_gets_its_row_while_others_fail(run):
    problem = TitleProblem("dub", "is missing")
    bad_row = RefusedTitle(0, "row 0", "t0", "en", "x", (problem,))
    kinds = {"a": "good", "b": "bad", "c": "bug", "d": "deadly", "e": "deadly_once", "f": "good"}
    results = run(bad_row, *(run.row(name, kind) for name, kind in kinds.items()))

    ok = {name for name, result in results.items() if result.status is TitleStatus.OK}
    assert ok == {"a", "e", "f"}
    for name in ok:
        assert (run.out / results[name].film).read_text() == f"content of {name}.wav"
        assert (run.out / results[name].report).is_file()
        assert results[name].frames == 25
        assert results[name].rendered_frames == 20
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
        assert not (run.out / name / f"{name}.mp4").exists()
    assert [row.id for row in read_status(run.out)] == ["t0", *kinds]
    started = run.started()
    assert {name: started.count(name) for name in kinds} == {
        "a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 1
    }  # fmt: skip
    assert not list((run.out / "e").glob(".*"))  # what its first worker left


def test_a_second_run_dubs_only_what_is_missing_or_changed(run):
    rows = [run.row(name) for name in ("kept", "film_gone", "report_gone", "cut", "speech_new")]
    failing = run.row("fails", "bad")
    first = run(*rows, failing)
    assert sorted(run.started()) == sorted(first)

    (run.out / first["film_gone"].film).unlink()
    (run.out / first["report_gone"].report).unlink()
    (run.out / first["cut"].film).write_bytes(b"cut")
    (run.folder / "speech_new.wav").write_text("other speech")
    rows[-1] = run.row("speech_new")
    added = run.row("added")
    second = run(*rows, failing, added)

    assert sorted(run.started()) == sorted({*first, "added"} - {"kept"})
    assert second["kept"].status is TitleStatus.SKIPPED
    assert second["kept"].frames == 25
    assert second["kept"].film == first["kept"].film
    assert (run.out / second["speech_new"].film).read_text() == "other speech"
    assert second["speech_new"].config_id != first["speech_new"].config_id

    third = run(*rows, added)
    assert run.started() == []
    assert {result.status for result in third.values()} == {TitleStatus.SKIPPED}


def test_another_recipe_dubs_every_film_again(run):
    row = run.row("a")
    run(row)
    run(row, recipe={"weights": "other"})
    run(row)
    assert run.started() == ["a", "a", "a"]


def test_an_interrupted_catalogue_keeps_finished_titles(run):
    rows = [run.row(name) for name in ("a", "b", "c")]
    make = partial(make_dubber, run.journal)
    results = dub_catalogue(rows, run.out, make, RECIPE, BatchConfig(workers=1))
    first = next(results)
    results.close()
    assert read_status(run.out) == [first]

    again = run(*rows)
    assert again[first.id].status is TitleStatus.SKIPPED
    assert len(again) == 3


def test_more_workers_than_cpus_do_not_wait_for_each_other(run):
    results = run(*(run.row(f"t{number}") for number in range(5)), workers=64)
    assert {result.status for result in results.values()} == {TitleStatus.OK}


def test_missing_models_end_the_run_without_failed_titles(run):
    def make_nothing():
        raise ModelError("no weights.", reason=Reason.MODEL_MISSING, remedy="Pull them.")

    with pytest.raises(ModelError, match="Pull them"):
        list(dub_catalogue([run.row("a"), run.row("b")], run.out, make_nothing, RECIPE))
    assert read_status(run.out) == []


def test_a_title_that_hangs_fails_alone(run):
    kinds = {"a": "hung", "b": "good", "c": "slow"}
    results = run(*(run.row(name, kind) for name, kind in kinds.items()), stall_seconds=6.0)
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


def test_a_second_run_on_the_same_folder_is_refused(run):
    with run_lock(open_store(run.out)), pytest.raises(BadInputError) as refusal:
        run(run.row("a"))
    assert refusal.value.reason is Reason.OUTPUT_IN_USE
    assert run.started() == []


@pytest.mark.parametrize(
    ("cpus", "workers", "titles", "count", "threads"),
    [
        ([2.0], None, 9, 2, DUBBER.cpus),
        ([2.0], None, 1, 1, 2.0),
        ([8.0] * 8, None, 3, 3, 8.0),  # three of eight machines, and not 21 threads each
        ([8.0] * 8, None, 20, 20, 2.0),
        ([1.0] * 10, None, 99, 10, DUBBER.cpus),
        ([64.0, 2.0], 2, 9, 2, 32.0),
        ([4.0, 4.0], 3, 9, 3, 2.0),
        ([], None, 5, 1, DUBBER.cpus),  # a cluster without machines yet
        ([16.0], 64, 40, 17, DUBBER.cpus),
    ],
)
def test_a_worker_has_the_threads_of_one_machine(cpus, workers, titles, count, threads):
    shape = worker_shape(DUBBER, workers, titles, [Machine(each) for each in cpus])
    assert (shape.workers, shape.resources.cpus) == (count, threads)


def test_a_folder_that_cannot_be_created_is_an_error(run):
    (run.folder / "file").touch()
    with pytest.raises(OutputError, match="file"):
        next(dub_catalogue([run.row("a")], run.folder / "file" / "out", lambda: None, RECIPE))
