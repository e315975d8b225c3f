"""Faces that cannot be dubbed are left alone with the reason, and stand in no other's way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_faces import (
    FILM_LANDMARKER,
    FilmFaces,
    observe_film,
    require_runs,
    study_person,
)
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.run_plans import drawn_runs, plan_runs
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.probe import VideoInfo, probe_video

Found = tuple[VideoInfo, FilmFaces]
Look = Callable[[str], Found]


@pytest.fixture(scope="module")
def look(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Look:
    """A function: what is found in 60 frames of the samples, through a filter graph of ffmpeg."""

    def looked(graph: str) -> Found:
        work = tmp_path_factory.mktemp("film")
        clips = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
        inputs = [part for clip in clips for part in ("-i", clip)]
        shown = ("-map", "[out]", "-frames:v", "60", "-r", "25", "-crf", "12", "-an")
        film = run_ffmpeg(work / "film.mp4", *inputs, "-filter_complex", f"{graph}[out]", *shown)
        info = probe_video(film)
        with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
            return info, observe_film(info, landmarker, work, lambda *_: None)

    return looked


def reasons(found: Found) -> set[LeftAlone | None]:
    """Why frames are left alone, as counted if all others are drawn."""
    info, faces = found
    people = [study_person(faces, run, MESH478, MaskConfig()) for run in faces.runs]
    plans = plan_runs(info, faces, people, MESH478, LeftAloneConfig())
    drawn = drawn_runs(faces, people, plans)
    shown = [False] * len(faces.starts)
    for (first, end), plan in zip(drawn.faces.runs, drawn.plans, strict=True):
        shown[first:end] = (plan.strength > 0).tolist()
    return set(drawn.left_alone(shown))


STILL = "trim=start_frame=12:end_frame=13,loop=99:1:0,setpts=N/25/TB"


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ("[1:v]null", None),
        ("[1:v]transpose=1", None),  # somebody who lies on their side
        ("[1:v]hflip", None),
        ("[1:v]hflip,vflip", LeftAlone.IMPLAUSIBLE),
        (f"[1:v]{STILL}", LeftAlone.STILL),
        ("[0:v]crop=iw:212:0:0", LeftAlone.OUTSIDE),
        ("[0:v]crop=iw:212:0:0,pad=iw:480:0:100", LeftAlone.OUTSIDE),
    ],
)
def test_each_face_is_drawn_or_left_alone_for_its_reason(
    look: Look, graph: str, reason: LeftAlone | None
) -> None:
    assert reasons(look(graph)) == {reason}


def test_a_photograph_on_the_wall_does_not_stand_in_a_speakers_way(look: Look) -> None:
    """The photograph is larger than the man who speaks beside it."""
    _, faces = look(
        f"[0:v]fps=25,scale=800:600,{STILL},crop=400:440:140:110,"
        "pad=400:600:0:80:brown[photograph];"
        "[1:v]fps=25,scale=734:600,crop=420:600:80:0,setsar=1[man];"
        "[photograph]setsar=1[wall];[wall][man]hstack=shortest=1"
    )
    ((first, end),) = faces.runs
    assert (first, end) == (0, len(faces.starts))
    assert faces.found[:, 0, 0].min() > 400


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        ("[0:v]scale=-2:100,pad=960:540:300:200", r"\d\d pixels high.*115 pixels"),
        ("[1:v]scale=-2:74,pad=120:90:10:6", r"its face is \d\d pixels high; 48"),
    ],
)
def test_a_face_that_is_too_small_is_refused_with_its_size_and_the_limit(
    look: Look, graph: str, told: str
) -> None:
    with pytest.raises(BadInputError, match=told) as refusal:
        look(graph)
    assert refusal.value.reason is Reason.FACE_TOO_SMALL
    assert "front" not in str(refusal.value)


def test_nothing_is_learnt_from_a_film_whose_face_is_upside_down(look: Look) -> None:
    info, faces = look("[1:v]hflip,vflip")
    with pytest.raises(BadInputError, match="upside down") as refusal:
        require_runs(faces, info.path)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_FACE
