"""`mytalk dub` from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe

from jobs.app import run
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.dubbing.title_report.document import read_document
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_video
from mytalk_core.motion.model import SIZES, SpeechToMotion, save_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """Files that are not films; the tests run in this folder."""
    (tmp_path / "text.mp4").write_text("I am no film.")
    (tmp_path / "empty.mp4").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, *arguments: str) -> str:
    """Return the one line of the failure; nothing new may be in the folder."""
    before = sorted(Path.cwd().iterdir())
    assert run(["dub", *arguments]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sorted(Path.cwd().iterdir()) == before
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("option", ["--guidance", "--seed"])
def test_a_negative_number_is_refused(capsys, option):
    assert run(["dub", "text.mp4", "text.mp4", "--out", "out.mp4", option, "-1"]) == 2
    assert option in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("video", "message"),
    [
        ("none.mp4", "no such file"),
        ("empty.mp4", "empty"),
        ("text.mp4", "not a media file"),
        (".", "folder"),
    ],
)
def test_a_file_that_is_not_a_film_is_refused(capsys, video, message):
    line = refused(capsys, video, "text.mp4", "--out", "out.mp4")
    assert line.startswith(f"mytalk: {video}: ")
    assert message in line


def test_inputs_are_never_overwritten(folder, capsys):
    (folder / "link.mp4").symlink_to("text.mp4")
    for arguments in (
        ("text.mp4", "empty.mp4", "--out", "text.mp4"),
        ("empty.mp4", "text.mp4", "--out", "../" + folder.name + "/text.mp4"),
        ("empty.mp4", "empty.mp4", "--script", "text.mp4", "--out", "link.mp4"),
    ):
        assert "which would be lost" in refused(capsys, *arguments)
    assert (folder / "text.mp4").read_text() == "I am no film."


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("film.avi", "must end in .mp4"),
        ("film", "must end in .mp4"),
        ("missing/film.mp4", "missing"),
    ],
)
def test_an_impossible_output_is_refused_first(capsys, out, message):
    assert message in refused(capsys, "text.mp4", "text.mp4", "--out", out)


def test_bad_input_is_refused_before_heavy_libraries_are_loaded(folder):
    script = (
        "import sys; from jobs.app import run;"
        "code = run(['dub', 'text.mp4', 'text.mp4', '--out', 'out.mp4']);"
        "heavy = ('torch', 'mediapipe', 'whisperx', 'ray', 'cv2');"
        "print([name for name in heavy if name in sys.modules]);"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "MYTALK_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "[]\n")


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory, sample_clips, landmarker_model, whisper_dir):
    """Two seconds of real footage dubbed with other real speech, by untrained models."""
    folder = tmp_path_factory.mktemp("dubbed")
    torch.manual_seed(0)
    save_model(SpeechToMotion(SIZES["tiny"]), folder / "motion.safetensors")
    save_renderer(Renderer(RENDERER_SIZES["tiny"]), folder / "renderer.safetensors")
    cut(sample_clips["jwp_intro"].path, "2", folder / "film.mp4")
    cut(sample_clips["test_movie"].path, "1", folder / "speech.mp4")
    out = folder / "out.mp4"
    models = [
        argument
        for name in ("motion", "renderer")
        for argument in (f"--{name}", str(folder / f"{name}.safetensors"))
    ]
    inputs = [str(folder / "film.mp4"), str(folder / "speech.mp4")]
    inputs += ["--script", str(folder / "lines.srt"), "--work", str(folder.with_name("work"))]
    (folder / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nHere I would.\n")
    before = sorted(folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "jobs.app", "--json", "dub", *inputs, "--out", str(out), *models],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    kinds = ("report.html", "report.json", "as-fitted.vtt", "as-fitted.csv")
    reports = [folder / f"out.mp4.{kind}" for kind in kinds]
    assert sorted(folder.iterdir()) == sorted([*before, out, *reports])  # and nothing else is left
    return folder, json.loads(done.stdout)


def cut(clip: Path, start: str, path: Path) -> None:
    """Two seconds of a clip, encoded again."""
    trim = ["-ss", start, "-i", str(clip), "-t", "2"]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *trim, str(path)], check=True)


def test_a_dub_keeps_every_frame_the_rate_and_the_size(dubbed):
    folder, printed = dubbed
    source, film = probe_video(folder / "film.mp4"), probe_video(printed["film"])
    frames = sum(1 for _ in iter_frames(folder / "film.mp4"))

    assert sum(1 for _ in iter_frames(printed["film"])) == frames == printed["frames"]
    assert (film.fps, film.width, film.height) == (source.fps, source.width, source.height)
    assert printed["rendered_frames"] + sum(printed["left_alone"].values()) == frames
    assert printed["faceless_frames"] == printed["left_alone"].get("no_face", 0)
    assert printed["rendered_frames"] > 0.9 * frames


def test_a_dub_has_the_audio_of_the_speech_and_is_marked_as_synthetic(dubbed):
    folder, printed = dubbed
    speech, sound = read_audio(folder / "speech.mp4"), read_audio(printed["film"])
    length = min(len(speech), len(sound))
    assert np.corrcoef(speech[:length], sound[:length])[0, 1] > 0.95
    with av.open(printed["film"]) as film:
        assert "Synthetic" in film.metadata["comment"]


def test_a_dub_changes_the_mouth_and_nothing_far_from_it(dubbed, landmarker_model):
    folder, printed = dubbed
    mouth, far = [], []
    with MeshLandmarker(landmarker_model) as landmarker:
        for before, after in zip(
            iter_frames(folder / "film.mp4"), iter_frames(printed["film"]), strict=True
        ):
            change = np.abs(before.image.astype(int) - after.image)
            if faces := landmarker.detect(before.image):
                points = faces[0][:, :2]
                left, top = points[list(MESH478.lips)].min(axis=0).astype(int)
                right, bottom = points[list(MESH478.lips)].max(axis=0).astype(int)
                mouth.append(change[top:bottom, left:right].mean())
                far.append(change[: int(points[:, 1].min() - 20)].mean())
    assert np.mean(mouth) > 2 * np.mean(far)
    assert np.mean(far) < 3  # what encoding does


def test_the_report_is_written_beside_the_film(dubbed):
    _, printed = dubbed
    page = Path(printed["report"]).read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") >= 4
    document = read_document(Path(f"{printed['film']}.report.json"))
    text = json.dumps(document)
    assert all(each in text for each in ("frame count", "speech.mp4", "Here I would."))


def test_a_dry_run_prints_the_plan_and_writes_no_film(dubbed, capsys, monkeypatch):
    """Of the same title with other weights, so that the film is known and nothing is drawn."""
    folder, printed = dubbed
    monkeypatch.chdir(folder)
    arguments = ["film.mp4", "speech.mp4", "--script", "lines.srt", "--out", "new.mp4"]
    work = ["--work", str(folder.with_name("work")), "--dry-run"]
    assert run(["--json", "dub", *arguments, *work]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["lines"] == plan["on_screen"] == 1
    assert (plan["segments"] > 0, plan["reused"]) == (True, 0)
    assert plan["frames_to_draw"] + plan["frames_to_encode"] <= printed["frames"]
    assert plan["frames_to_draw"] >= printed["rendered_frames"]
    assert plan["seconds"] > 0
    assert not Path("new.mp4").exists()


@pytest.mark.usefixtures("folder")
def test_what_a_specification_states_is_not_given_again(capsys):
    Path("title.yaml").write_text("film: text.mp4\n")
    line = refused(capsys, "title.yaml", "--seed", "3", "--strict")
    assert "--seed, --strict" in line and "specification" in line


@pytest.mark.usefixtures("folder")
def test_a_film_without_a_speech_or_an_output_is_refused(capsys):
    assert "SPEECH is missing" in refused(capsys, "text.mp4", "--out", "out.mp4")
    assert "--out is missing" in refused(capsys, "text.mp4", "text.mp4")


def test_missing_weights_are_refused_before_work(dubbed, capsys, monkeypatch):
    folder, _ = dubbed
    monkeypatch.chdir(folder)
    line = refused(capsys, "film.mp4", "speech.mp4", "--out", "new.mp4", "--motion", "none")
    assert line.startswith("mytalk: none: there are no weights here.")
