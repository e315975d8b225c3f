"""Hostile input to commands: one line of error, the exit code, no leftovers.

Refusals of `mytalk dub` before any model is loaded are in `test_dub.py`.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.models import NamedModels
from tests.programs import Programs, ended, waited

PLAYLIST = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXTINF:4,
http://127.0.0.1:9/segment.ts
#EXT-X-ENDLIST
"""


@pytest.fixture(scope="module")
def media(tmp_path_factory, run_ffmpeg, sample_clips) -> Path:
    """A folder of one usable film and speech, and of files that are not."""
    folder = tmp_path_factory.mktemp("media")
    face = ["-ss", "2", "-i", sample_clips["jwp_intro"].path, "-t", "1.2"]
    run_ffmpeg(folder / "face.mp4", *face)
    run_ffmpeg(folder / "silent.mp4", *face, "-an")
    run_ffmpeg(folder / "speech.wav", *face, "-vn")
    run_ffmpeg(folder / "slate.mp4", "-f", "lavfi", "-i", "testsrc=d=1")
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("I am no film.\n" * 100)
    (folder / "list.m3u8").write_text(PLAYLIST)
    (folder / "list.mp4").write_text(PLAYLIST)
    whole = (folder / "face.mp4").read_bytes()
    (folder / "cut_off.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "garbage.safetensors").write_bytes(bytes(range(256)) * 20)
    os.mkfifo(folder / "pipe.mp4")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB; skips where it may not be mounted."""
    folder = tmp_path / "tiny_disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=200k"]
    mount = subprocess.run(["mount", *options, "tmpfs", str(folder)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


Refused = Callable[..., str]


@pytest.fixture
def refused(media: Path, capsys, monkeypatch) -> Refused:
    """A function (code, *arguments) that returns the one line of the failing command."""
    monkeypatch.chdir(media)

    def refuse(code: int, *arguments: str | Path) -> str:
        assert run(["--quiet", *map(str, arguments)]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        (line,) = captured.err.splitlines()
        assert line.startswith("mytalk: ")
        assert "bug" not in line
        return line

    return refuse


@pytest.mark.parametrize(
    ("video", "speech", "named", "message"),
    [
        ("slate.mp4", "speech.wav", "slate.mp4", "no face"),
        ("face.mp4", "silent.mp4", "silent.mp4", "no audio"),
        ("face.mp4", "empty.mp4", "empty.mp4", "empty"),
        ("face.mp4", "text.mp4", "text.mp4", "not a media file"),
        ("face.mp4", "absent.wav", "absent.wav", "no such file"),
        ("speech.wav", "speech.wav", "speech.wav", "no video"),
        ("cut_off.mp4", "speech.wav", "cut_off.mp4", "damaged"),
        ("pipe.mp4", "speech.wav", "pipe.mp4", "not a regular file"),
        ("list.m3u8", "speech.wav", "list.m3u8", "is a playlist"),
        ("list.mp4", "speech.wav", "list.mp4", "is a playlist"),
        ("face.mp4", "list.m3u8", "list.m3u8", "is a playlist"),
        ("https://127.0.0.1:9/film.mp4", "speech.wav", "film.mp4", "is a URL"),
    ],
)
@pytest.mark.usefixtures("dub_models")
def test_a_dub_of_unusable_input_fails_in_one_line(
    refused: Refused, out: Path, video, speech, named, message
):
    line = refused(2, "dub", video, speech, "--out", out / "film.mp4")

    assert named in line
    assert message in line
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_without_read_permission_fails_in_one_line(refused: Refused, media: Path, out: Path):
    closed = media / "closed.mp4"
    closed.write_bytes((media / "face.mp4").read_bytes())
    closed.chmod(0)

    assert "permission" in refused(2, "dub", closed, closed, "--out", out / "film.mp4").lower()


def test_files_that_are_not_weights_are_refused(
    refused: Refused, out: Path, dub_models: NamedModels
):
    # Noise, and sound weights of the other model.
    for option, weights in (("--motion", "garbage.safetensors"), ("--renderer", dub_models.motion)):
        given = ["face.mp4", "speech.wav", "--out", out / "film.mp4", option, weights]
        line = refused(2, "dub", *given)

        assert f"{weights}: this is not a" in line
        assert list(out.iterdir()) == []


@pytest.mark.usefixtures("dub_models")
def test_a_full_disk_is_reported(refused: Refused, tiny_disk: Path):
    line = refused(1, "dub", "face.mp4", "speech.wav", "--out", tiny_disk / "film.mp4")

    assert "disk is full" in line
    assert str(tiny_disk / "film.mp4") in line
    assert list(tiny_disk.iterdir()) == []


def test_an_existing_result_survives_a_failure(refused: Refused, out: Path, dub_models):
    film = out / "film.mp4"
    film.write_text("an earlier film")
    refused(2, "dub", "slate.mp4", "speech.wav", "--out", film)

    assert film.read_text() == "an earlier film"
    assert list(out.iterdir()) == [film]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["align", "silent.mp4"], "no audio"),
        (["align", "text.mp4"], "not a media file"),
        (["align", "list.m3u8"], "is a playlist"),
        (["preprocess", "absent", "--out", "OUT"], "does not exist"),
        (["curate", "text.mp4", "--out", "OUT"], "not a Parquet file"),
        (["train", "motion", "--data", "absent", "--out", "OUT"], "contains neither index.parquet"),
        (["batch", "absent.csv", "--out", "OUT"], "absent.csv"),
        (["batch", "face.mp4", "--out", "OUT"], "face.mp4"),
    ],
)
@pytest.mark.usefixtures("whisper_dir", "landmarker_model")
def test_other_commands_fail_in_one_line(refused: Refused, out: Path, arguments, message):
    line = refused(2, *[str(out / "new") if a == "OUT" else a for a in arguments])

    assert message in line
    assert list(out.iterdir()) == []


@pytest.mark.usefixtures("dub_models")
def test_leftovers_of_a_killed_dub_are_removed_by_the_next_command(
    media: Path, out: Path, tmp_path: Path, programs: Programs
):
    """The temporary film in the output's folder, and what was being made in the store."""
    own, work = out / ".film.work", tmp_path / "work"
    own.write_text("the user's")
    film = (media / "face.mp4", media / "speech.wav", "--out", out / "film.mp4")
    process = programs.start("-m", "jobs.app", "--quiet", "dub", *film, "--work", work)
    lock = out / ".film.mp4.lock"

    def at_work() -> bool:
        return lock.exists() and any(work.glob("unfinished/*"))

    assert waited(lambda: at_work() or process.poll() is not None)
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL

    unusable = ["no film.mp4", "speech.wav", "--out", str(out / "other.mp4"), "--work", str(work)]
    assert run(["dub", *unusable]) == 2
    # The lock is empty; the next dub of the same film removes it.
    assert {*out.iterdir()} == {own, lock} and not lock.stat().st_size
    with Artifacts(work).in_use():
        assert not [*work.glob("unfinished/*")]


@pytest.mark.usefixtures("dub_models")
def test_a_separate_process_prints_one_line(media: Path, out: Path, programs: Programs):
    """Banners and warnings of native libraries must not reach the terminal."""
    film = (media / "slate.mp4", media / "speech.wav", "--out", out / "film.mp4")
    process = programs.start("-m", "jobs.app", "--quiet", "dub", *film)
    found, message = process.communicate()

    assert (process.returncode, found) == (2, "")
    (line,) = message.splitlines()
    assert line.startswith(f"mytalk: {media / 'slate.mp4'}: shows no face")
    assert list(out.iterdir()) == []
