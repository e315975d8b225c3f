import errno
import os
from pathlib import Path

import pytest

from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.output import atomic_path, sole_writer


def test_the_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    final = tmp_path / "film.mp4"
    final.write_text("old")
    with atomic_path(final) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".mp4"
        temporary.write_text("new")
        assert final.read_text() == "old"
    assert final.read_text() == "new"
    assert list(tmp_path.iterdir()) == [final]


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    with atomic_path(tmp_path / "film.mp4") as temporary:
        temporary.write_text("")
    assert (tmp_path / "film.mp4").stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt()])
def test_a_failed_block_keeps_the_previous_file(tmp_path: Path, error: BaseException) -> None:
    final = tmp_path / "film.mp4"
    final.write_text("old")
    with pytest.raises(type(error)), atomic_path(final) as temporary:
        temporary.write_text("half")
        raise error
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_other_typed_errors_pass_unchanged(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInputError, match="no face"),
        atomic_path(tmp_path / "film.mp4"),
    ):
        raise BadInputError("no face", reason=Reason.NO_FACE)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_the_final_file(tmp_path: Path, number: int) -> None:
    final = tmp_path / "film.mp4"
    with pytest.raises(OutputError, match="disk is full") as caught, atomic_path(final):
        raise OSError(number, os.strerror(number))
    assert caught.value.reason is Reason.DISK_FULL
    assert caught.value.where == str(final)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_on_rename_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with (
        pytest.raises(OutputError) as caught,
        atomic_path(tmp_path / "film.mp4") as temporary,
    ):
        temporary.write_text("all")
    assert caught.value.reason is Reason.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_a_tmpfs_that_is_full_raises_disk_full(tiny_disk: Path) -> None:
    with pytest.raises(OutputError) as caught, atomic_path(tiny_disk / "film.mp4") as temporary:
        temporary.write_bytes(bytes(1_000_000))
    assert caught.value.reason is Reason.DISK_FULL
    assert list(tiny_disk.iterdir()) == []


def test_an_unwritable_folder_is_detected_before_the_block(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("")
    for final in (
        tmp_path / "folder.mp4",
        tmp_path / "missing" / "film.mp4",
        tmp_path / "file" / "film.mp4",
    ):
        with pytest.raises(OutputError) as caught, atomic_path(final):
            pytest.fail("the block must not run")
        assert caught.value.reason is Reason.OUTPUT_NOT_WRITABLE
        assert str(final) in str(caught.value)


def test_one_process_at_a_time_writes_a_file(tmp_path: Path) -> None:
    final, other = tmp_path / "film.mp4", tmp_path / "other.mp4"
    with sole_writer(final), sole_writer(other):
        with pytest.raises(BadInputError) as caught, sole_writer(final):
            pass
        assert (caught.value.reason, caught.value.where) == (Reason.OUTPUT_IN_USE, str(final))
    with sole_writer(final):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_does_not_keep_others_from_writing(tmp_path: Path) -> None:
    final = tmp_path / "film.mp4"
    (tmp_path / ".film.mp4.lock").touch()
    with sole_writer(final):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_locked_for_lack_of_its_folder_is_named(tmp_path: Path) -> None:
    final = tmp_path / "none" / "film.mp4"
    with pytest.raises(OutputError) as caught, sole_writer(final):
        pass
    assert caught.value.where == str(final)
