"""A style is learned from a film whose sound is its actor's voice, and from no other sound."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_faces import faces_to_learn_from
from mytalk_core.dubbing.listening import encode_speech
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.own_style import OwnStyle, OwnStyleConfig, learn_own_style
from mytalk_core.dubbing.person import Person, study_person
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.audio import read_audio
from mytalk_core.media.probe import probe_video
from mytalk_core.motion.model import SpeechToMotion, load_model
from mytalk_core.speech.features import SpeechEncoder
from tests.face_tracks import face_track

Array = NDArray[np.float16]


@pytest.fixture(scope="module")
def model(dub_models: DubModels) -> SpeechToMotion:
    return load_model(dub_models.motion)


Film = tuple[FaceTrack, Person, Array]


@pytest.fixture(scope="module")
def film(
    sample_clips: dict[str, SampleClip],
    dub_models: DubModels,
    tmp_path_factory: pytest.TempPathFactory,
) -> Film:
    """A man who speaks for six seconds: track, person, features of the film's own sound."""
    path = sample_clips["jwp_intro"].path
    work = tmp_path_factory.mktemp("film")
    info = probe_video(path)
    with MeshLandmarker(dub_models.landmarker) as landmarker:
        faces = faces_to_learn_from(info, landmarker, work, lambda *_: None)
    track = faces.tracks[0]
    encoder = SpeechEncoder(dub_models.speech_encoder, threads=1)
    sound = read_audio(path)
    speech = encode_speech(sound, faces.timing.end, encoder, work / "own", lambda *_: None)
    return track, study_person(track, MaskConfig()), np.asarray(speech.read())


def learned(model: SpeechToMotion, film: Film, speech: Array) -> OwnStyle:
    return learn_own_style(model, film[0], film[1], speech, OwnStyleConfig())


def test_the_actors_own_voice_gives_a_style_that_helps_on_held_out_parts(
    model: SpeechToMotion, film: Film
) -> None:
    style = learned(model, film, film[2])

    assert style.summary.startswith("style learned from 6 s of its own sound")
    without, with_it = (float(word) for word in style.summary.split() if word.startswith("0."))
    assert with_it > without  # by a hundredth at least, but both are rounded
    assert style.speech_map is not None
    assert not np.array_equal(style.speech_map, model.speech_map)


def test_sound_out_of_sync_gives_the_same_style(model: SpeechToMotion, film: Film) -> None:
    """A second of silence would be another film; four frames are a common fault."""
    late = np.concatenate([np.repeat(film[2][:1], 4, axis=0), film[2][:-4]])
    style, true = learned(model, film, late), learned(model, film, film[2])

    assert style.summary.startswith("style learned")
    before = model.speech_map.numpy()
    changes = []
    for each in (style, true):
        assert each.speech_map is not None
        changes.append((each.speech_map - before).ravel())
    change, expected = changes
    assert change @ expected / np.linalg.norm(change) / np.linalg.norm(expected) > 0.9


@pytest.mark.parametrize("foreign", ["backwards", "silence"])
def test_other_sound_gives_no_style(model: SpeechToMotion, film: Film, foreign: str) -> None:
    speech = film[2][::-1].copy() if foreign == "backwards" else np.zeros_like(film[2])
    style = learned(model, film, speech)

    assert style.speech_map is None
    assert "does not follow these lips" in style.summary


def test_a_silent_film_gives_no_style(model: SpeechToMotion, film: Film) -> None:
    style = learn_own_style(model, film[0], film[1], None, OwnStyleConfig())

    assert style.speech_map is None
    assert "no sound" in style.summary


def test_a_short_track_gives_no_style(model: SpeechToMotion, film: Film, tmp_path: Path) -> None:
    track, person, speech = film
    brief = face_track(tmp_path, np.asarray(track.found[:60]), track.fps)
    style = learn_own_style(model, brief, person, speech, OwnStyleConfig())

    assert style.speech_map is None
    assert "too short" in style.summary
