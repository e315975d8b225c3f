"""Values of the stages of a dub can be stored; a film of several people is dubbed face by face."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.data.values import dump_value, load_value
from mytalk_core.dubbing import dub as dub_module
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.dub import dub
from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.report import DubReport
from mytalk_core.dubbing.title_run import TitleRun
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import (
    FILM_LANDMARKER,
    StoredRange,
    join_stored,
    observe_range,
)
from mytalk_core.films.observing import WHOLE_FILM, Span
from mytalk_core.media.probe import probe_video
from mytalk_core.speech.transcript import Interval, Transcript

SPEECH = Transcript("en", (), (Interval(Fraction(0), Fraction(2)),), "")
# Functions of the dub, each of which returns the value of a stage.
STAGES = ("_observe", "_choose", "_plan", "_listen", "_move", "_draw")
LEARNING = ("learn_styles", "learn_appearances")

# The man of the sample footage; mirrored and darker, he is another man to everything that compares.
MAN = "fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=320:360:45:0,setsar=1"
OTHER = f"{MAN},hflip,lutyuv=u=val+12:v=val-12"
BESIDE = "[b]scale=240:270,pad=320:360:40:60[small];[a][small]hstack"


@pytest.fixture(scope="module")
def people_film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Four shots of 20 frames: one man, another, the first, and both with the first one nearer."""
    path = tmp_path_factory.mktemp("people") / "film.mp4"
    clip = sample_clips["jwp_intro"].path
    wide = "pad=640:360:160:0"
    parts = [
        f"[0:v]{MAN},trim=0:0.8,setpts=PTS-STARTPTS,{wide}[p0]",
        f"[0:v]{OTHER},trim=1:1.8,setpts=PTS-STARTPTS,{wide}[p1]",
        f"[0:v]{MAN},trim=2:2.8,setpts=PTS-STARTPTS,{wide}[p2]",
        f"[0:v]{MAN},trim=3:3.8,setpts=PTS-STARTPTS[a]",
        f"[0:v]{OTHER},trim=1:1.8,setpts=PTS-STARTPTS[b]",
        f"{BESIDE}[p3]",
        "[p0][p1][p2][p3]concat=n=4[out]",
    ]
    graph = ("-filter_complex", ";".join(parts), "-map", "[out]", "-map", "0:a", "-t", "3.2")
    return run_ffmpeg(path, "-i", clip, *graph, "-r", "25", "-crf", "12")


@dataclass(frozen=True)
class Dubbed:
    """A dub of the film of people."""

    film: bytes
    report: DubReport
    references: list[list[float]]  # timestamps of the reference frames of each face


Dubbing = Callable[[Path], Dubbed]


@pytest.fixture(scope="module")
def dubbing(
    people_film: Path, sample_clips: dict[str, SampleClip], dub_models: DubModels
) -> Dubbing:
    """A function (folder) -> the film of people, dubbed."""

    def made(folder: Path) -> Dubbed:
        reports: list[DubReport] = []
        references: list[list[float]] = []
        appearances = dub_module.film_appearances

        def watched(*arguments: Any) -> Any:
            for each in appearances(*arguments):
                references.append(sorted(each.timestamps.tolist()))
                yield each

        inputs = Inputs(people_film, sample_clips["test_movie"].path)
        out = folder / "dubbed.mp4"
        with pytest.MonkeyPatch.context() as patch, DubTools(dub_models) as tools:
            patch.setattr(dub_module, "write_report", lambda page, report: reports.append(report))
            patch.setattr(dub_module, "film_appearances", watched)
            dub(inputs, out, tools, DubConfig(), SPEECH, Monitor(lambda *_: None))
        return Dubbed(out.read_bytes(), reports[0], references)

    return made


@pytest.fixture(scope="module")
def plain(dubbing: Dubbing, tmp_path_factory: pytest.TempPathFactory) -> Dubbed:
    return dubbing(tmp_path_factory.mktemp("plain"))


def test_the_value_of_every_stage_can_be_stored_and_changes_nothing(
    plain: Dubbed,
    dubbing: Dubbing,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    stored: list[str] = []

    def through_json(name: str) -> None:
        stage = getattr(dub_module, name)
        kind = get_type_hints(stage)["return"]

        def run(title: TitleRun, *values: Any) -> Any:
            text = dump_value(stage(title, *values), kind, title.work)
            stored.append(name)
            return load_value(text, kind, title.work)

        monkeypatch.setattr(dub_module, name, run)

    for name in (*STAGES, *LEARNING):
        through_json(name)
    again = dubbing(tmp_path)
    assert sorted(stored) == sorted((*STAGES, *LEARNING))
    assert again.film == plain.film
    assert again.report.faces == plain.report.faces
    assert again.report.pairs == plain.report.pairs


def test_each_face_of_a_cut_film_is_dubbed_by_itself_and_the_report_says_which(
    plain: Dubbed,
) -> None:
    report = plain.report
    dubbed = [face for face in report.faces if face.style is not None]
    assert [face.shot for face in dubbed] == [1, 2, 3, 4]
    assert [float(face.interval.start) for face in dubbed] == [0, 0.8, 1.6, 2.4]
    assert all(face.drawn_frames == 20 for face in dubbed)
    (other,) = (face for face in report.faces if face.style is None)
    assert (other.shot, other.left_alone) == (4, {LeftAlone.OTHER_FACE: 20})
    assert len({face.portrait for face in report.faces}) == 5
    assert len(report.curve.mouths) == 4
    assert report.left_alone == {}


def test_references_of_a_face_are_frames_of_its_own_shot(plain: Dubbed) -> None:
    assert len(plain.references) == 4
    for shot, times in enumerate(plain.references):
        assert 20 * shot <= round(25 * times[0]) <= round(25 * times[-1]) < 20 * (shot + 1)


def observed(path: Path, model: Path, folder: Path, span: Span) -> StoredRange:
    """One range of a film; for a process of its own."""
    folder.mkdir()
    with MeshLandmarker(model, FILM_LANDMARKER) as landmarker:
        return observe_range(probe_video(path), landmarker, folder, lambda *_: None, span)


def test_ranges_observed_by_several_processes_give_the_faces_of_the_whole_film(
    people_film: Path, landmarker_model: Path, tmp_path: Path
) -> None:
    whole = observed(people_film, landmarker_model, tmp_path / "whole", WHOLE_FILM)
    spans = [
        Span(Fraction(0), Fraction(1, 2)),
        Span(Fraction(1, 2), Fraction(2)),
        Span(Fraction(2)),
    ]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        waiting = [
            processes.submit(observed, people_film, landmarker_model, tmp_path / f"{n}", span)
            for n, span in enumerate(spans)
        ]
        ranges = [each.result() for each in waiting]
    info = probe_video(people_film)
    divided, samples = join_stored(ranges, MESH478, info.fps)
    film, expected = join_stored([whole], MESH478, info.fps)
    assert (divided.starts, divided.end) == (film.starts, film.end)
    assert [shot.first for shot in divided.shots] == [0, 20, 40, 60]
    for ours, theirs in zip(divided.tracks, film.tracks, strict=True):
        assert (ours.shot, ours.first, ours.end) == (theirs.shot, theirs.first, theirs.end)
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
        np.testing.assert_array_equal(samples.take(ours.rows), expected.take(theirs.rows))
    assert divided.checked == film.checked
