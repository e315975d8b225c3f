"""Faces that cannot be dubbed are left alone with the reason, and do not displace another face."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.title_faces import TitleFaces, join_faces
from mytalk_core.dubbing.track_study import study
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import FILM_LANDMARKER, observe_range
from mytalk_core.media.probe import VideoInfo, probe_video

Found = tuple[VideoInfo, TitleFaces]
Observe = Callable[[str], Found]


@pytest.fixture(scope="module")
def observe(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Observe:
    """A function: what is found in 60 frames of the samples, through a filter graph of ffmpeg."""

    def observed(graph: str) -> Found:
        work = tmp_path_factory.mktemp("film")
        clips = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
        inputs = [part for clip in clips for part in ("-i", clip)]
        shown = ("-map", "[out]", "-frames:v", "60", "-r", "25", "-crf", "12", "-an")
        film = run_ffmpeg(work / "film.mp4", *inputs, "-filter_complex", f"{graph}[out]", *shown)
        info = probe_video(film)
        with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
            found = observe_range(info, landmarker, work, lambda *_: None)
            return info, join_faces(info, [found], landmarker.scheme, work)

    return observed


def reasons(found: Found) -> set[LeftAlone | None]:
    """Why frames are left alone, whatever is said in them."""
    info, faces = found
    left_alone = list(faces.left_alone)
    for track in faces.faces.tracks:
        drawing = study(info, track, DubConfig().study).drawing
        left_alone[track.first : track.end] = drawing.reasons
    return set(left_alone)


STILL = "trim=start_frame=12:end_frame=13,loop=99:1:0,setpts=N/25/TB"


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ("[1:v]null", None),
        ("[1:v]transpose=1", None),  # a person who lies on their side
        ("[1:v]hflip", None),
        ("[1:v]hflip,vflip", LeftAlone.IMPLAUSIBLE),
        (f"[1:v]{STILL}", LeftAlone.STILL),
        ("[0:v]crop=iw:212:0:0", LeftAlone.OUTSIDE),
        ("[0:v]crop=iw:212:0:0,pad=iw:480:0:100", LeftAlone.OUTSIDE),
    ],
)
def test_each_face_can_be_drawn_or_is_left_alone_for_its_reason(
    observe: Observe, graph: str, reason: LeftAlone | None
) -> None:
    assert reasons(observe(graph)) == {reason}


def test_a_photograph_on_the_wall_does_not_displace_a_speaker(observe: Observe) -> None:
    """The photograph is larger than the man who speaks beside it."""
    _, found = observe(
        f"[0:v]fps=25,scale=800:600,{STILL},crop=400:440:140:110,"
        "pad=400:600:0:80:brown[photograph];"
        "[1:v]fps=25,scale=734:600,crop=420:600:80:0,setsar=1[man];"
        "[photograph]setsar=1[wall];[wall][man]hstack=shortest=1"
    )
    (track,) = found.faces.tracks
    assert (track.first, track.end) == (0, len(found.faces.timing.starts))
    assert track.found[:, 0, 0].min() > 400
    (other,) = found.others
    assert other.reason is LeftAlone.STILL
