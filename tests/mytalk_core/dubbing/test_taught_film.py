"""The faces of a film from which an actor is learned, and why the others are left alone."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.dubbing.title_faces import TitleFaces
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.picture_quality import landmark_jitter
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.steadying import steadied
from mytalk_core.films.film_range import FILM_LANDMARKER
from mytalk_core.media.probe import probe_video


def test_faces_are_found_in_every_frame_and_shake_less_than_they_were_detected(
    sample_clips: dict[str, SampleClip], landmarker_model: Path, tmp_path: Path
) -> None:
    info = probe_video(sample_clips["test_movie"].path)
    with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
        faces = faces_to_learn_from(info, landmarker, tmp_path, lambda *_: None)
    (track,) = faces.faces.tracks
    assert (track.first, track.end) == (0, len(faces.faces.timing.starts))
    assert set(faces.left_alone) == {None}
    assert track.seen.all()
    steady, found = np.asarray(track.landmarks), np.asarray(track.found)
    assert landmark_jitter(steady, MESH478) < 0.95 * landmark_jitter(found, MESH478)
    opening, shaking = (aperture(landmarks, MESH478) for landmarks in (steady, found))
    assert np.corrcoef(opening, shaking)[0, 1] > 0.99
    assert opening.std() > 0.95 * shaking.std()


# The face of the sample is in the middle of this part, so it is in the same place when mirrored.
NORMAL = "fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=320:360:45:0,setsar=1"
SHOT = f"[0:v]{NORMAL},trim=end_frame=60"
MIRRORED = "hflip,lutyuv=u=val+12:v=val-12"
CUT = (
    f"{SHOT},split[a][b];[a]trim=end_frame=33[c];"
    f"[b]trim=start_frame=33,setpts=PTS-STARTPTS,{MIRRORED}[d];[c][d]concat=n=2[out]"
)


@pytest.fixture(scope="module")
def observed(
    tmp_path_factory: pytest.TempPathFactory,
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
) -> Callable[[str], TitleFaces]:
    """A function (filter graph of the two samples) -> what is found in its film."""

    def observe(graph: str) -> TitleFaces:
        work = tmp_path_factory.mktemp("film")
        inputs = [
            part for name in ("jwp_intro", "test_movie") for part in ("-i", sample_clips[name].path)
        ]
        encoding = ("-map", "[out]", "-crf", "12", "-an")
        film = run_ffmpeg(work / "film.mp4", *inputs, "-filter_complex", graph, *encoding)
        with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
            return faces_to_learn_from(probe_video(film), landmarker, work, lambda *_: None)

    return observe


def spans(faces: TitleFaces) -> list[tuple[int, int]]:
    return [(track.first, track.end) for track in faces.faces.tracks]


def test_a_track_ends_at_a_cut_between_faces_in_the_same_place(
    observed: Callable[[str], TitleFaces],
) -> None:
    faces = observed(CUT)
    assert spans(faces) == [(0, 33), (33, 60)]
    assert [track.shot for track in faces.faces.tracks] == [0, 1]
    assert set(faces.left_alone) == {None}
    last, first = faces.faces.tracks[0].found[-1], faces.faces.tracks[1].found[0]
    height = np.ptp(last[:, 1])
    assert np.linalg.norm((last.mean(axis=0) - first.mean(axis=0))[:2]) < 0.3 * height


def test_landmarks_are_steadied_within_their_shot_only(
    observed: Callable[[str], TitleFaces],
) -> None:
    for track in observed(CUT).faces.tracks:
        np.testing.assert_array_equal(
            track.landmarks, steadied(np.asarray(track.found), MESH478, 25)
        )


FLASH = "eq=brightness='if(between(n,30,31),0.6,0)':eval=frame"
FADE = "eq=brightness='-0.5*max(0,1-abs(n-30)/12)':eval=frame"


@pytest.mark.parametrize("effect", [FLASH, FADE], ids=["flash", "fade"])
def test_a_flash_or_a_fade_ends_no_track(
    effect: str, observed: Callable[[str], TitleFaces]
) -> None:
    assert spans(observed(f"{SHOT},{effect}[out]")) == [(0, 60)]


def test_a_shot_that_is_too_short_is_left_alone_with_the_reason(
    observed: Callable[[str], TitleFaces],
) -> None:
    faces = observed(
        f"{SHOT},split[a][b];[a]trim=end_frame=45[c];"
        f"[b]trim=start_frame=45:end_frame=56,setpts=PTS-STARTPTS,{MIRRORED}[d];"
        "[c][d]concat=n=2[out]"
    )
    assert spans(faces) == [(0, 45)]
    assert set(faces.left_alone[:45]) == {None}
    assert set(faces.left_alone[45:]) == {LeftAlone.TOO_SHORT}


@pytest.mark.parametrize(
    ("size", "aspect"), [("336:360", "4/3"), ("448:270", "3/4")], ids=["wide", "high"]
)
def test_faces_are_measured_in_square_pixels(
    size: str, aspect: str, observed: Callable[[str], TitleFaces]
) -> None:
    """A squeezed film gives the landmarks of the film that viewers see."""
    shown = observed(f"{SHOT},scale=448:360,setsar=1[out]")
    squeezed = observed(f"{SHOT},scale=448:360,scale={size}:flags=lanczos,setsar={aspect}[out]")
    assert spans(squeezed) == spans(shown)
    assert squeezed.faces.timing.pixel_aspect == Fraction(aspect)
    (wide_track,), (true_track,) = squeezed.faces.tracks, shown.faces.tracks
    face = np.ptp(true_track.found[:, :, 1], axis=1).mean()
    apart = np.linalg.norm((wide_track.found - true_track.found)[..., :2], axis=-1)
    assert np.median(apart) < 0.01 * face
    wide, true = (
        np.percentile(aperture(each.found, MESH478) / inter_ocular(each.found, MESH478), 95)
        for each in (wide_track, true_track)
    )
    assert wide == pytest.approx(true, rel=0.05)
    # Skin is sampled in the same places.
    samples = wide_track.samples[..., :3].astype(int) - true_track.samples[..., :3]
    assert np.abs(samples).mean() < 4


def test_nothing_is_learned_from_a_film_whose_face_is_upside_down(
    observed: Callable[[str], TitleFaces],
) -> None:
    with pytest.raises(BadInputError, match="upside down") as refusal:
        observed("[1:v]hflip,vflip,trim=end_frame=60[out]")
    assert refusal.value.reason is Reason.IMPLAUSIBLE_FACE


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ("[0:v]scale=-2:100,pad=960:540:300:200", r"\d\d pixels high.*115 pixels"),
        ("[1:v]scale=-2:74,pad=120:90:10:6", r"its face is \d\d pixels high; 48"),
    ],
)
def test_a_face_that_is_too_small_is_refused_with_its_size_and_the_limit(
    observed: Callable[[str], TitleFaces], graph: str, message: str
) -> None:
    with pytest.raises(BadInputError, match=message) as refusal:
        observed(f"{graph},trim=end_frame=60[out]")
    assert refusal.value.reason is Reason.FACE_TOO_SMALL
    assert "front" not in str(refusal.value)
