"""Every face of a film becomes a track with close-ups, however the film is divided into ranges."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.data.values import dump_value, load_value
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.title_faces import TitleFaces, join_faces, no_face_error
from mytalk_core.errors import Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_faces import track_id
from mytalk_core.films.film_range import FILM_LANDMARKER, StoredRange, observe_range
from mytalk_core.films.members import TrackId
from mytalk_core.films.observing import WHOLE_FILM, Span
from mytalk_core.media.probe import VideoInfo, probe_video

MAN = "fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=320:360:45:0,setsar=1"
OTHER = f"{MAN},hflip,lutyuv=u=val+12:v=val-12"
SPANS = (WHOLE_FILM,)
DIVIDED = (Span(Fraction(0), Fraction(1, 2)), Span(Fraction(1, 2), Fraction(1)), Span(Fraction(1)))

Film = Callable[..., Path]


@pytest.fixture(scope="module")
def film(run_ffmpeg: Film, tmp_path_factory: pytest.TempPathFactory) -> Film:
    """A function: a film made of sample clips by a filter graph of ffmpeg."""

    def made(clip: SampleClip, graph: str) -> Path:
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        shown = ("-map", "[out]", "-r", "25", "-crf", "12", "-an")
        return run_ffmpeg(path, "-i", clip.path, "-filter_complex", f"{graph}[out]", *shown)

    return made


@pytest.fixture(scope="module")
def people(film: Film, sample_clips: dict[str, SampleClip]) -> Path:
    """Shots of 20, 20 and 10 frames: a man, him and another beside each other, and a slate."""
    return film(
        sample_clips["jwp_intro"],
        f"[0:v]{MAN},trim=0:0.8,setpts=PTS-STARTPTS,pad=640:360:160:0[p0];"
        f"[0:v]{MAN},trim=3:3.8,setpts=PTS-STARTPTS[a];"
        f"[0:v]{OTHER},trim=1:1.8,setpts=PTS-STARTPTS,scale=240:270,pad=320:360:40:60[b];"
        "[a][b]hstack[p1];testsrc2=s=640x360:r=25:d=0.4,setsar=1[p2];"
        "[p0][p1][p2]concat=n=3",
    )


def observed(
    path: Path, model: Path, folder: Path, spans: tuple[Span, ...]
) -> tuple[VideoInfo, list[StoredRange], TitleFaces]:
    info, ranges = probe_video(path), []
    with MeshLandmarker(model, FILM_LANDMARKER) as landmarker:
        for number, span in enumerate(spans):
            (folder / f"{number}").mkdir(parents=True)
            work = folder / f"{number}"
            ranges.append(observe_range(info, landmarker, work, lambda *_: None, span))
        return info, ranges, join_faces(info, ranges, landmarker.scheme, folder)


def test_every_face_of_a_frame_is_a_track_with_close_ups(
    people: Path, landmarker_model: Path, tmp_path: Path
) -> None:
    _, _, found = observed(people, landmarker_model, tmp_path, SPANS)
    faces = found.faces
    assert [(shot.first, shot.end) for shot in faces.shots] == [(0, 20), (20, 40), (40, 50)]
    assert [track_id(each) for each in faces.tracks] == [
        TrackId(0, 0),
        TrackId(1, 0),
        TrackId(1, 1),
    ]
    left, right = faces.tracks[1:]
    assert left.landmarks[..., 0].max() < 320 < right.landmarks[..., 0].min()
    assert found.left_alone == (*([None] * 40), *([LeftAlone.NO_FACE] * 10))
    assert found.others == ()
    pictures = faces.pictures.read()
    assert pictures.shape == (len(faces.close_ups), 150, 150, 3)
    assert [each.row for each in faces.close_ups] == list(range(len(pictures)))
    for track in faces.tracks:
        own = [each for each in faces.close_ups if each.track == track_id(track)]
        assert 2 <= len(own) <= 4
        assert all(track.first <= a.frame < b.frame < track.end for a, b in pairwise(own))
        assert all(abs(each.yaw) < 40 and each.sharpness > 0 for each in own)
    assert load_value(dump_value(found, TitleFaces, tmp_path), TitleFaces, tmp_path).others == ()


def test_the_division_into_ranges_changes_no_face_and_no_picture(
    people: Path, landmarker_model: Path, tmp_path: Path
) -> None:
    _, _, whole = observed(people, landmarker_model, tmp_path / "whole", SPANS)
    _, _, parts = observed(people, landmarker_model, tmp_path / "parts", DIVIDED)
    assert parts.left_alone == whole.left_alone
    assert parts.faces.close_ups == whole.faces.close_ups
    np.testing.assert_array_equal(parts.faces.pictures.read(), whole.faces.pictures.read())
    for ours, theirs in zip(parts.faces.tracks, whole.faces.tracks, strict=True):
        assert track_id(ours) == track_id(theirs)
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
        np.testing.assert_array_equal(ours.samples, theirs.samples)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ("testsrc2=s=320x240:r=25:d=1.2,setsar=1", Reason.NO_FACE),
        ("[0:v]scale=-2:100,pad=960:540:300:200,trim=0:1.2", Reason.FACE_TOO_SMALL),
        ("[0:v]scale=-2:74,pad=120:90:10:6,trim=0:1.2", Reason.FACE_TOO_SMALL),
    ],
)
def test_a_film_without_a_face_has_no_tracks_and_an_error_for_those_who_need_one(
    film: Film,
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    tmp_path: Path,
    graph: str,
    reason: Reason,
) -> None:
    path = film(sample_clips["test_movie"], graph)
    info, ranges, found = observed(path, landmarker_model, tmp_path, SPANS)
    assert found.faces.tracks == ()
    assert found.faces.close_ups == ()
    assert set(found.left_alone) <= {LeftAlone.NO_FACE, LeftAlone.TOO_SMALL}
    with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
        error = no_face_error(info, found, ranges, landmarker)
    assert error is not None
    assert error.reason is reason


def test_a_face_that_never_moves_is_left_alone_without_an_error(
    film: Film, sample_clips: dict[str, SampleClip], landmarker_model: Path, tmp_path: Path
) -> None:
    path = film(
        sample_clips["test_movie"],
        "[0:v]trim=start_frame=12:end_frame=13,loop=60:1:0,setpts=N/25/TB",
    )
    info, ranges, found = observed(path, landmarker_model, tmp_path, SPANS)
    assert found.faces.tracks == ()
    assert [each.reason for each in found.others] == [LeftAlone.STILL]
    assert set(found.left_alone) == {LeftAlone.STILL}
    with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
        assert no_face_error(info, found, ranges, landmarker) is None
