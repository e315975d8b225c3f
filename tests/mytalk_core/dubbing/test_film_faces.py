"""What the first pass over a film finds."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_faces import FILM_LANDMARKER, FilmFaces, observe_film
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.picture_quality import landmark_jitter
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.steadying import steadied
from mytalk_core.media.probe import probe_video


def test_faces_are_found_in_every_frame_and_shake_less_than_they_were_found(
    sample_clips: dict[str, SampleClip], landmarker_model: Path, tmp_path: Path
) -> None:
    info = probe_video(sample_clips["test_movie"].path)
    with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
        faces = observe_film(info, landmarker, tmp_path, lambda *_: None)
    found = faces.found
    ((first, end),) = faces.runs
    assert (first, end) == (0, len(found)) == (0, len(faces.starts))
    assert set(faces.left_alone) == {None}
    assert landmark_jitter(faces.landmarks, MESH478) < 0.95 * landmark_jitter(found, MESH478)
    steady, shaking = (aperture(landmarks, MESH478) for landmarks in (faces.landmarks, found))
    assert np.corrcoef(steady, shaking)[0, 1] > 0.99
    assert steady.std() > 0.95 * shaking.std()


# The face of the sample stands in the middle of this part, and so in the same place mirrored.
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
) -> Callable[[str], FilmFaces]:
    """A function (filter graph of the two samples) -> what is found in its film."""

    def observe(graph: str) -> FilmFaces:
        work = tmp_path_factory.mktemp("film")
        inputs = [
            part for name in ("jwp_intro", "test_movie") for part in ("-i", sample_clips[name].path)
        ]
        encoding = ("-map", "[out]", "-crf", "12", "-an")
        film = run_ffmpeg(work / "film.mp4", *inputs, "-filter_complex", graph, *encoding)
        with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
            return observe_film(probe_video(film), landmarker, work, lambda *_: None)

    return observe


def test_a_run_ends_at_a_cut_between_faces_in_the_same_place(
    observed: Callable[[str], FilmFaces],
) -> None:
    faces = observed(CUT)
    assert faces.runs == ((0, 33), (33, 60))
    assert set(faces.left_alone) == {None}
    before, after = (faces.found[frame].mean(axis=0) for frame in (32, 33))
    height = np.ptp(faces.found[32, :, 1])
    assert np.linalg.norm((before - after)[:2]) < 0.3 * height


def test_landmarks_of_a_run_are_those_of_its_shot_alone(
    observed: Callable[[str], FilmFaces],
) -> None:
    """Nothing is averaged across the cut."""
    faces = observed(CUT)
    np.testing.assert_array_equal(
        faces.landmarks[:33], steadied(np.asarray(faces.found[:33]), MESH478, 25)
    )


FLASH = "eq=brightness='if(between(n,30,31),0.6,0)':eval=frame"
FADE = "eq=brightness='-0.5*max(0,1-abs(n-30)/12)':eval=frame"


@pytest.mark.parametrize("effect", [FLASH, FADE], ids=["flash", "fade"])
def test_a_flash_or_a_fade_ends_no_run(effect: str, observed: Callable[[str], FilmFaces]) -> None:
    assert observed(f"{SHOT},{effect}[out]").runs == ((0, 60),)


def test_a_shot_that_is_too_short_is_left_alone_with_the_reason(
    observed: Callable[[str], FilmFaces],
) -> None:
    faces = observed(
        f"{SHOT},split[a][b];[a]trim=end_frame=45[c];"
        f"[b]trim=start_frame=45:end_frame=56,setpts=PTS-STARTPTS,{MIRRORED}[d];"
        "[c][d]concat=n=2[out]"
    )
    assert faces.runs == ((0, 45),)
    assert set(faces.left_alone[:45]) == {None}
    assert set(faces.left_alone[45:]) == {LeftAlone.TOO_SHORT}


def test_of_two_people_in_a_shot_the_larger_one_has_the_run(
    observed: Callable[[str], FilmFaces],
) -> None:
    """The man on the right is larger, although the one on the left comes nearer in the end."""
    small = "scale=480:-2,zoompan=z='1+0.012*max(0,on-30)':d=1:s=480x360:fps=25"
    other = "[1:v]fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=480:360,setsar=1"
    faces = observed(
        f"[0:v]{NORMAL},pad=480:360:80:0,trim=end_frame=60,{small}[a];"
        f"{other},trim=end_frame=60,setpts=PTS-STARTPTS[b];[a][b]hstack[out]"
    )
    assert faces.runs == ((0, 60),)
    assert (np.asarray(faces.found[..., 0]).mean(axis=1) > 480).all()


def test_a_smaller_face_that_is_seen_alone_says_why_it_is_left_alone(
    observed: Callable[[str], FilmFaces],
) -> None:
    gone = "drawbox=x=80:y=70:w=160:h=170:t=fill:color=0x907060:enable='gte(n,40)'"
    faces = observed(
        f"{SHOT},split[b][c];[c]{gone}[a];[b]scale=250:-2,pad=320:360[d];[a][d]hstack[out]"
    )
    assert faces.runs == ((0, 40),)
    assert set(faces.left_alone[42:]) == {LeftAlone.OTHER_FACE}


@pytest.mark.parametrize(
    ("size", "aspect"), [("336:360", "4/3"), ("448:270", "3/4")], ids=["wide", "high"]
)
def test_faces_are_measured_in_square_pixels(
    size: str, aspect: str, observed: Callable[[str], FilmFaces]
) -> None:
    """A squeezed film gives the landmarks of the film that viewers see."""
    shown = observed(f"{SHOT},scale=448:360,setsar=1[out]")
    squeezed = observed(f"{SHOT},scale=448:360,scale={size}:flags=lanczos,setsar={aspect}[out]")
    assert squeezed.runs == shown.runs
    assert squeezed.pixel_aspect == Fraction(aspect)
    face = np.ptp(shown.found[:, :, 1], axis=1).mean()
    apart = np.linalg.norm((squeezed.found - shown.found)[..., :2], axis=-1)
    assert np.median(apart) < 0.01 * face
    wide, true = (
        np.percentile(aperture(each.found, MESH478) / inter_ocular(each.found, MESH478), 95)
        for each in (squeezed, shown)
    )
    assert wide == pytest.approx(true, rel=0.05)
    # What is kept of the skin comes from the same places.
    assert np.abs(squeezed.samples[..., :3].astype(int) - shown.samples[..., :3]).mean() < 4
