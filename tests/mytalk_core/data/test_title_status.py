"""The status table and the record of a finished title."""

from dataclasses import replace
from pathlib import Path

import pytest

from mytalk_core.data.title_status import (
    TitleResult,
    TitleStatus,
    finished,
    read_status,
    start_title,
    write_record,
    write_status,
)
from mytalk_core.errors import ErrorClass, Reason
from mytalk_core.media.leftovers import part_name, work_name

DONE = TitleResult(
    id="a",
    video="a.mp4",
    speech="a.wav",
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
    """A folder in which the title a is finished."""
    start_title(tmp_path, "a")
    (tmp_path / DONE.film).write_bytes(b"film")
    (tmp_path / DONE.report).write_bytes(b"report")
    write_record(tmp_path, DONE)
    return tmp_path


def test_the_table_keeps_every_row_as_it_was(tmp_path):
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


def test_a_finished_title_is_known_by_its_configuration(done):
    assert finished(done, "a", "abc") == DONE
    assert finished(done, "a", "other") is None
    assert finished(done, "b", "abc") is None


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"film_bytes": 4}', "\x00"])
def test_a_record_that_is_not_ours_finishes_nothing(done, record):
    (done / "a" / "done.json").write_text(record)
    assert finished(done, "a", "abc") is None


def test_a_title_begun_again_is_not_finished_and_keeps_its_old_film(done):
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
