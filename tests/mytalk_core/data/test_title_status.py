"""The status table, and the completion record of a title."""

from dataclasses import replace
from pathlib import Path

import pytest

from mytalk_core.data import title_status
from mytalk_core.data.title_status import (
    StatusTable,
    TitleResult,
    TitleStatus,
    finished,
    read_status,
    start_title,
    write_record,
    write_status,
)
from mytalk_core.errors import ErrorClass, OutputError, Reason
from mytalk_core.media.leftovers import part_name, work_name

DONE = TitleResult(
    id="a",
    film_source="a.mp4",
    language="en",
    status=TitleStatus.OK,
    film="a/a.mp4",
    report="a/a.mp4.report.html",
    frames=25,
    rendered_frames=20,
    left_alone='{"no_face": 5}',
    seconds=1.5,
    config_id="abc",
)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A folder with the finished title "a"."""
    start_title(tmp_path, "a")
    (tmp_path / DONE.film).write_bytes(b"film")
    (tmp_path / DONE.report).write_bytes(b"report")
    write_record(tmp_path, DONE)
    return tmp_path


def test_rows_of_the_table_are_read_back(tmp_path):
    failed = replace(
        DONE,
        status=TitleStatus.FAILED,
        reason=Reason.WORKER_LOST,
        error_class=ErrorClass.TRANSIENT,
        message="died",
    )
    write_status(tmp_path, [failed, DONE])
    assert read_status(tmp_path) == [failed, DONE]
    write_status(tmp_path, [])
    assert read_status(tmp_path) == []


def test_a_finished_title_is_recognised_by_its_configuration(done):
    assert finished(done, "a", "abc") == DONE
    assert finished(done, "a", "other") is None
    assert finished(done, "b", "abc") is None


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"film_bytes": 4}', "\x00"])
def test_an_invalid_record_is_ignored(done, record):
    (done / "a" / "done.json").write_text(record)
    assert finished(done, "a", "abc") is None


def test_a_restarted_title_is_unfinished_and_keeps_its_old_film(done):
    folder = done / "a"
    (folder / part_name(Path("a.mp4"))).touch()
    work = folder / work_name(Path("a.mp4"))
    work.mkdir()
    (work / "landmarks").touch()
    own = folder / ".notes"
    own.write_text("the user's")
    start_title(done, "a")
    assert finished(done, "a", "abc") is None
    assert list(folder.glob(".*")) == [own]
    assert (done / DONE.film).read_bytes() == b"film"


def numbered(count: int) -> list[TitleResult]:
    return [replace(DONE, id=f"t{number}", seconds=float(number)) for number in range(count)]


def test_results_are_always_in_the_order_of_the_catalogue(tmp_path):
    results = numbered(6)
    table = StatusTable(tmp_path, [(4, results[4])])
    known = {4}
    for number in (5, 0, 2, 1):
        table.add(number, results[number])
        known.add(number)
        assert read_status(tmp_path) == [results[each] for each in sorted(known)]
    table.close()
    assert read_status(tmp_path) == [results[each] for each in sorted(known)]
    assert [path.name for path in tmp_path.iterdir()] == ["status.parquet"]


def test_a_result_is_appended_without_rewriting_the_table(tmp_path, monkeypatch):
    written: list[int] = []
    monkeypatch.setattr(
        title_status, "_write_table", lambda out, rows, journal: written.append(len(rows))
    )
    table = StatusTable(tmp_path, [])
    for number, result in enumerate(numbered(2000)):
        table.add(number, result)
    # At the start, and after every 30 seconds.
    assert len(written) <= 3


def test_the_table_is_rewritten_after_its_interval(tmp_path, monkeypatch):
    monkeypatch.setattr(title_status, "_COMPACT_SECONDS", 0.0)
    monkeypatch.setattr(title_status, "_COMPACT_SHARE", 0.0)
    table = StatusTable(tmp_path, [])
    for number, result in enumerate(numbered(3)):
        table.add(number, result)
        assert [path.name for path in tmp_path.iterdir()] == ["status.parquet"]
    assert read_status(tmp_path) == numbered(3)


def test_results_of_a_killed_run_are_readable_until_the_next_run(tmp_path):
    results = numbered(3)
    killed = StatusTable(tmp_path, [])
    killed.add(0, results[0])
    (journal,) = tmp_path.glob("status-journal.*")
    with journal.open("a") as lines:
        lines.write('{"number": 1, "id": "t')  # killed during this line
    assert read_status(tmp_path) == [results[0]]

    following = StatusTable(tmp_path, [(2, results[2])])
    assert read_status(tmp_path) == [results[2]]
    following.close()
    assert [path.name for path in tmp_path.iterdir()] == ["status.parquet"]


def test_an_unwritable_journal_is_an_error(tmp_path):
    table = StatusTable(tmp_path, [])
    table._journal = tmp_path / "none" / "journal.jsonl"
    with pytest.raises(OutputError, match="journal"):
        table.add(0, DONE)
