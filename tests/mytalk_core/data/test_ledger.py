"""The ledger of a catalogue: records created once, tables of all titles, and what a kill leaves."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import (
    RunEnd,
    RunEnded,
    RunStart,
    SegmentRecord,
    TitleRecord,
    TitleStatus,
)
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, ErrorClass, Reason

START = RunStart(0, "2026-11-30T01:00:00+00:00", "process 7 on farm", "list.csv", "1.0", titles=3)
DONE = TitleRecord(
    id="a",
    run=1,
    status=TitleStatus.OK,
    where="list.csv line 2",
    language="de",
    source="s3://studio/a.mov",
    config_id="c1",
    output="a/a.mp4",
    film_bytes=10,
    film_seconds=1.5,
)
FAILED = replace(
    DONE,
    id="b",
    status=TitleStatus.FAILED,
    reason=Reason.WORKER_LOST,
    error_class=ErrorClass.TRANSIENT,
    message="died",
    output="",
)


@pytest.fixture(params=["folder", "bucket"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    if request.param == "folder":
        return Ledger(open_store(tmp_path / "out"))
    return Ledger(open_store(f"{request.getfixturevalue('s3_url')}/{tmp_path.name}"))


def latest(ledger: Ledger) -> dict[str, TitleRecord]:
    found = list(ledger.titles().latest())
    assert len(found) == len({each.id for each in found})
    return {each.id: each for each in found}


def test_runs_are_numbered_and_have_an_end(ledger: Ledger) -> None:
    assert ledger.runs() == []
    first, second = ledger.begin(START), ledger.begin(START)
    assert (first.number, second.number) == (1, 2)
    ended = RunEnded("2026-11-30T02:00:00+00:00", RunEnd.DEADLINE, 1, 2, 3, 4.5)
    ledger.end(1, ended)
    assert ledger.runs() == [1, 2]
    assert (ledger.run(1), ledger.ended(1), ledger.ended(2)) == (first, ended, None)


def test_two_runs_never_have_one_number(ledger: Ledger) -> None:
    start, numbers = threading.Barrier(4), list[int]()

    def begin() -> None:
        start.wait()
        numbers.append(ledger.begin(START).number)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4]


def test_a_run_can_be_cancelled_once(ledger: Ledger) -> None:
    assert not ledger.is_cancelled(1)
    assert ledger.cancel(1, "somebody")
    assert not ledger.cancel(1, "somebody else")
    assert ledger.is_cancelled(1)
    assert not ledger.is_cancelled(2)


def test_the_first_result_of_a_run_stays_and_later_runs_replace_it(ledger: Ledger) -> None:
    ledger.add_title(DONE)
    ledger.add_title(replace(DONE, message="a second driver"))
    ledger.add_title(FAILED)
    assert latest(ledger) == {"a": DONE, "b": FAILED}
    again = replace(FAILED, run=2, status=TitleStatus.OK, error_class=None, reason=None)
    ledger.add_title(again)
    assert latest(ledger)["b"] == again
    assert [each.id for each in ledger.titles().of_run(1)] == ["a"]


def test_compaction_keeps_the_last_result_of_every_title_in_one_table(ledger: Ledger) -> None:
    ledger.add_title(DONE)
    ledger.add_title(FAILED)
    ledger.add_segment(SegmentRecord("a", 1, "k1", 1.0, 25, "farm", "now"))
    ledger.compact(1)
    assert latest(ledger) == {"a": DONE, "b": FAILED}
    changed = replace(DONE, run=2, config_id="c2")
    ledger.add_title(changed)
    ledger.compact(2)
    assert latest(ledger) == {"a": changed, "b": FAILED}
    names = [name for name in ledger.store.names("ledger/") if "/runs/" not in name]
    assert names == ["ledger/tables/00000002-0002.parquet"]
    known = ledger.titles().known()
    assert (known["a"].config_id, known["a"].film_bytes) == ("c2", 10)
    assert known["b"].error_class is ErrorClass.TRANSIENT


def test_pieces_are_counted_by_title(ledger: Ledger) -> None:
    for title, key in (("a", "k1"), ("a", "k2"), ("b", "k3"), ("a", "k1")):
        ledger.add_segment(SegmentRecord(title, 1, key, 1.0, 25, "farm", "now"))
    assert ledger.segments(1) == {"a": 2, "b": 1}
    assert ledger.segments(2) == {}


def test_rows_without_an_id_of_their_own_are_forgotten_by_the_next_run(ledger: Ledger) -> None:
    row = replace(FAILED, id="a@3")
    ledger.add_title(row)
    ledger.compact(1)
    assert latest(ledger) == {"a@3": row}
    ledger.add_title(replace(DONE, run=2))
    ledger.compact(2)
    assert list(latest(ledger)) == ["a"]


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(4))
def test_a_compaction_that_is_killed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Killed before each of its changes to the store; another run compacts afterwards."""
    ledger = Ledger(open_store(tmp_path))
    ledger.add_title(replace(DONE, id="old"))
    ledger.compact(1)
    for record in (DONE, FAILED):
        ledger.add_title(replace(record, run=2))
    expected = latest(ledger)
    left = step

    def counted(actual: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise _Killed
            actual(*arguments)

        return call

    with monkeypatch.context() as kills:
        kills.setattr(Store, "remove", counted(Store.remove))
        if step == 0:
            kills.setattr(Store, "publish", counted(Store.publish))
        try:
            ledger.compact(2)
        except _Killed:
            assert step < 3
        else:
            assert step == 3
    assert latest(ledger) == expected
    ledger.compact(3)
    assert latest(ledger) == expected


def test_a_reader_meets_a_compaction(tmp_path: Path) -> None:
    """Records and tables that are gone after they were listed are in a new table."""
    ledger = Ledger(open_store(tmp_path))
    ledger.add_title(replace(DONE, id="old"))
    ledger.compact(1)
    ledger.add_title(DONE)
    listed = ledger.titles()
    ledger.compact(1)
    assert {each.id for each in listed.latest()} == {"old", "a"}


def test_a_stopped_run_that_goes_on_removes_nothing_of_its_successor(tmp_path: Path) -> None:
    """Run 1 was stopped after it had listed; run 2 took over, worked and compacted."""
    ledger = Ledger(open_store(tmp_path))
    ledger.add_title(DONE)
    stopped = ledger.titles()
    ledger.add_title(replace(FAILED, run=2))
    ledger.compact(2)

    class Late(Ledger):
        def titles(self, before: object = None):  # type: ignore[no-untyped-def]
            return stopped

    Late(ledger.store).compact(1)
    assert set(latest(ledger)) == {"a", "b"}


def test_records_that_were_read_are_not_read_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.add_title(DONE)
    first = ledger.titles()
    list(first.latest())
    ledger.add_title(FAILED)
    reads: list[str] = []
    actual = Store.read
    monkeypatch.setattr(
        Store, "read", lambda self, name: (reads.append(name), actual(self, name))[1]
    )
    assert len(list(ledger.titles(first).latest())) == 2
    assert reads == ["ledger/titles/00000001/b.json"]


@pytest.mark.parametrize("name", ["titles/00000001/a.json", "tables/00000001-0001.parquet"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "ledger" / name
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(BadInputError, match=path.name) as found:
        latest(Ledger(open_store(tmp_path)))
    assert found.value.reason is Reason.UNREADABLE


RESULTS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=8)


@given(RESULTS)
def test_any_nights_give_the_last_result_of_each_title(
    tmp_path_factory: pytest.TempPathFactory, results: list[tuple[str, bool, bool]]
) -> None:
    """Each is a night with one title, after which it may be compacted."""
    ledger = Ledger(open_store(tmp_path_factory.mktemp("nights")))
    expected = {}
    for run, (title, ok, compacted) in enumerate(results, 1):
        record = replace(DONE if ok else FAILED, id=title, run=run)
        expected[title] = record
        ledger.add_title(record)
        if compacted:
            ledger.compact(run)
    assert latest(ledger) == expected
    assert {title: each.run for title, each in ledger.titles().known().items()} == {
        title: record.run for title, record in expected.items()
    }
