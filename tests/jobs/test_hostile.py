"""What nobody should be given, given to the command: one clear line, its exit code, no leftovers.

What is told from the files of a dub alone, before any model is loaded, is in `test_dub.py`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.app import run

ROOT = Path(__file__).parents[2]
PLAYLIST = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXTINF:4,
http://127.0.0.1:9/segment.ts
#EXT-X-ENDLIST
"""


@pytest.fixture(scope="module")
def media(tmp_path_factory, run_ffmpeg, sample_clips) -> Path:
    """A folder of one usable film and speech, and of much that is not."""
    folder = tmp_path_factory.mktemp("media")
    face = ["-i", sample_clips["jwp_intro"].path, "-t", "1.2"]
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
    """A disk of its own that holds 200 kB, for those who may mount one."""
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
    """A function (code, *arguments) -> the one line that the command says as it fails."""
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
    ("video", "speech", "named", "said"),
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
def test_a_dub_of_what_cannot_be_dubbed(refused: Refused, out: Path, video, speech, named, said):
    line = refused(2, "dub", video, speech, "--out", out / "film.mp4")

    assert named in line
    assert said in line
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_that_is_closed_to_the_user(refused: Refused, media: Path, out: Path):
    closed = media / "closed.mp4"
    closed.write_bytes((media / "face.mp4").read_bytes())
    closed.chmod(0)

    assert "permission" in refused(2, "dub", closed, closed, "--out", out / "film.mp4").lower()


def test_weights_that_are_none(refused: Refused, out: Path, dub_models):
    # Noise, and sound weights of the other model.
    for option, weights in (("--motion", "garbage.safetensors"), ("--renderer", dub_models.motion)):
        given = ["face.mp4", "speech.wav", "--out", out / "film.mp4", option, weights]
        line = refused(2, "dub", *given)

        assert f"{weights}: this is not a" in line
        assert list(out.iterdir()) == []


@pytest.mark.usefixtures("dub_models")
def test_a_full_disk(refused: Refused, tiny_disk: Path):
    line = refused(1, "dub", "face.mp4", "speech.wav", "--out", tiny_disk / "film.mp4")

    assert "disk is full" in line
    assert str(tiny_disk / "film.mp4") in line
    assert list(tiny_disk.iterdir()) == []


def test_a_result_that_was_there_survives_a_failure(refused: Refused, out: Path, dub_models):
    film = out / "film.mp4"
    film.write_text("an earlier film")
    refused(2, "dub", "slate.mp4", "speech.wav", "--out", film)

    assert film.read_text() == "an earlier film"
    assert list(out.iterdir()) == [film]


@pytest.mark.parametrize(
    ("arguments", "said"),
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
def test_other_commands_say_it_as_clearly(refused: Refused, out: Path, arguments, said):
    line = refused(2, *[str(out / "new") if a == "OUT" else a for a in arguments])

    assert said in line
    assert list(out.iterdir()) == []


def start_dub(video: str, media: Path, out: Path) -> subprocess.Popen[str]:
    """`mytalk dub` in a process of its own."""
    arguments = ["--quiet", "dub", video, "speech.wav", "--out", str(out / "film.mp4")]
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.app", *arguments],
        cwd=media,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.usefixtures("dub_models")
def test_a_dub_that_is_stopped_leaves_nothing(media: Path, out: Path, sent, code):
    with start_dub("face.mp4", media, out) as process:
        for _ in range(1200):
            if list(out.iterdir()) or process.poll() is not None:
                break
            time.sleep(0.1)
        process.send_signal(sent)
        _, said = process.communicate()

    assert process.returncode == code, said
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1
    assert list(out.iterdir()) == []


@pytest.mark.usefixtures("dub_models")
def test_what_a_killed_dub_leaves_is_removed_by_the_next_command(media: Path, out: Path):
    own = out / ".film.work"
    own.write_text("the user's")
    with start_dub("face.mp4", media, out) as process:
        for _ in range(1200):
            if any(path.suffix == ".work" and path != own for path in out.iterdir()):
                break
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.kill()
        process.communicate()
    assert len(list(out.iterdir())) == 3  # the film's temporary file, the arrays, the user's own

    assert run(["dub", "no film.mp4", "speech.wav", "--out", str(out / "other.mp4")]) == 2
    assert list(out.iterdir()) == [own]


@pytest.mark.usefixtures("dub_models")
def test_a_process_of_its_own_says_one_line_too(media: Path, out: Path):
    """Native libraries greet and warn by themselves; none of it may reach the terminal."""
    with start_dub("slate.mp4", media, out) as process:
        found, said = process.communicate()

    assert (process.returncode, found) == (2, "")
    (line,) = said.splitlines()
    assert line.startswith("mytalk: slate.mp4: shows no face")
    assert list(out.iterdir()) == []
