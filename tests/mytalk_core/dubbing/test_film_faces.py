"""The faces of a film that are dubbed, and why the others are not."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_faces import chosen_faces, faces_to_learn_from
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.track_choice import ChosenTracks
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.picture_quality import landmark_jitter
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.steadying import steadied
from mytalk_core.films.film_range import FILM_LANDMARKER, observe_range
from mytalk_core.media.probe import probe_video


def test_faces_are_found_in_every_frame_and_shake_less_than_they_were_detected(
    sample_clips: dict[str, SampleClip], landmarker_model: Path, tmp_path: Path
) -> None:
    info = probe_video(sample_clips["test_movie"].path)
    with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
        faces = faces_to_learn_from(info, landmarker, tmp_path, lambda *_: None)
    (track,) = faces.tracks
    assert (track.first, track.end) == (0, len(faces.timing.starts))
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
) -> Callable[[str], ChosenTracks]:
    """A function (filter graph of the two samples) -> what is found in its film."""

    def observe(graph: str) -> ChosenTracks:
        work = tmp_path_factory.mktemp("film")
        inputs = [
            part for name in ("jwp_intro", "test_movie") for part in ("-i", sample_clips[name].path)
        ]
        encoding = ("-map", "[out]", "-crf", "12", "-an")
        film = run_ffmpeg(work / "film.mp4", *inputs, "-filter_complex", graph, *encoding)
        with MeshLandmarker(landmarker_model, FILM_LANDMARKER) as landmarker:
            info = probe_video(film)
            found = observe_range(info, landmarker, work, lambda *_: None)
            return chosen_faces(info, [found], landmarker, work)

    return observe


def spans(faces: ChosenTracks) -> list[tuple[int, int]]:
    return [(track.first, track.end) for track in faces.tracks]


def test_a_track_ends_at_a_cut_between_faces_in_the_same_place(
    observed: Callable[[str], ChosenTracks],
) -> None:
    faces = observed(CUT)
    assert spans(faces) == [(0, 33), (33, 60)]
    assert [track.shot for track in faces.tracks] == [0, 1]
    assert set(faces.left_alone) == {None}
    last, first = faces.tracks[0].found[-1], faces.tracks[1].found[0]
    height = np.ptp(last[:, 1])
    assert np.linalg.norm((last.mean(axis=0) - first.mean(axis=0))[:2]) < 0.3 * height


def test_landmarks_are_steadied_within_their_shot_only(
    observed: Callable[[str], ChosenTracks],
) -> None:
    for track in observed(CUT).tracks:
        np.testing.assert_array_equal(
            track.landmarks, steadied(np.asarray(track.found), MESH478, 25)
        )


FLASH = "eq=brightness='if(between(n,30,31),0.6,0)':eval=frame"
FADE = "eq=brightness='-0.5*max(0,1-abs(n-30)/12)':eval=frame"


@pytest.mark.parametrize("effect", [FLASH, FADE], ids=["flash", "fade"])
def test_a_flash_or_a_fade_ends_no_track(
    effect: str, observed: Callable[[str], ChosenTracks]
) -> None:
    assert spans(observed(f"{SHOT},{effect}[out]")) == [(0, 60)]


def test_a_shot_that_is_too_short_is_left_alone_with_the_reason(
    observed: Callable[[str], ChosenTracks],
) -> None:
    faces = observed(
        f"{SHOT},split[a][b];[a]trim=end_frame=45[c];"
        f"[b]trim=start_frame=45:end_frame=56,setpts=PTS-STARTPTS,{MIRRORED}[d];"
        "[c][d]concat=n=2[out]"
    )
    assert spans(faces) == [(0, 45)]
    assert set(faces.left_alone[:45]) == {None}
    assert set(faces.left_alone[45:]) == {LeftAlone.TOO_SHORT}


def test_the_larger_of_two_people_in_a_shot_is_dubbed(
    observed: Callable[[str], ChosenTracks],
) -> None:
    """The man on the right is larger, although the one on the left comes nearer in the end."""
    small = "scale=480:-2,zoompan=z='1+0.012*max(0,on-30)':d=1:s=480x360:fps=25"
    other = "[1:v]fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=480:360,setsar=1"
    faces = observed(
        f"[0:v]{NORMAL},pad=480:360:80:0,trim=end_frame=60,{small}[a];"
        f"{other},trim=end_frame=60,setpts=PTS-STARTPTS[b];[a][b]hstack[out]"
    )
    assert spans(faces) == [(0, 60)]
    assert (np.asarray(faces.tracks[0].found[..., 0]).mean(axis=1) > 480).all()
    (other,) = faces.others
    assert (other.shot, other.first, other.end) == (0, 0, 60)
    assert other.reason is LeftAlone.OTHER_FACE


def test_a_smaller_face_that_is_seen_alone_says_why_it_is_left_alone(
    observed: Callable[[str], ChosenTracks],
) -> None:
    gone = "drawbox=x=80:y=70:w=160:h=170:t=fill:color=0x907060:enable='gte(n,40)'"
    faces = observed(
        f"{SHOT},split[b][c];[c]{gone}[a];[b]scale=250:-2,pad=320:360[d];[a][d]hstack[out]"
    )
    assert spans(faces) == [(0, 40)]
    assert set(faces.left_alone[42:]) == {LeftAlone.OTHER_FACE}


@pytest.mark.parametrize(
    ("size", "aspect"), [("336:360", "4/3"), ("448:270", "3/4")], ids=["wide", "high"]
)
def test_faces_are_measured_in_square_pixels(
    size: str, aspect: str, observed: Callable[[str], ChosenTracks]
) -> None:
    """A squeezed film gives the landmarks of the film that viewers see."""
    shown = observed(f"{SHOT},scale=448:360,setsar=1[out]")
    squeezed = observed(f"{SHOT},scale=448:360,scale={size}:flags=lanczos,setsar={aspect}[out]")
    assert spans(squeezed) == spans(shown)
    assert squeezed.timing.pixel_aspect == Fraction(aspect)
    (wide_track,), (true_track,) = squeezed.tracks, shown.tracks
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
