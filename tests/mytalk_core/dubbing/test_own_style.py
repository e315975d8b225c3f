"""A film teaches its actor's style where its sound is theirs, and nothing where it is not."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_faces import FilmFaces, Person, observe_film, study_person
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.own_style import OwnStyle, OwnStyleConfig, learn_own_style
from mytalk_core.dubbing.speech_motion import encode_speech
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.audio import read_audio
from mytalk_core.media.probe import probe_video
from mytalk_core.motion.model import SpeechToMotion, load_model
from mytalk_core.speech.features import SpeechEncoder

Array = NDArray[np.float16]


def unheard(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def model(dub_models: DubModels) -> SpeechToMotion:
    return load_model(dub_models.motion)


@pytest.fixture(scope="module")
def film(
    sample_clips: dict[str, SampleClip],
    dub_models: DubModels,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[FilmFaces, Person, Array]:
    """A man who speaks for six seconds: faces, person, features of the film's own sound."""
    path = sample_clips["jwp_intro"].path
    work = tmp_path_factory.mktemp("film")
    info = probe_video(path)
    with MeshLandmarker(dub_models.landmarker) as landmarker:
        faces = observe_film(info, landmarker, work, unheard)
    person = study_person(faces, faces.runs[0], MESH478, MaskConfig())
    duration = faces.starts[-1] + 1 / info.fps
    encoder = SpeechEncoder(dub_models.speech_encoder, threads=1)
    speech = encode_speech(read_audio(path), duration, encoder, work / "own", unheard)
    return faces, person, np.asarray(speech)


def learnt(model: SpeechToMotion, film: tuple[FilmFaces, Person, Array], speech: Array) -> OwnStyle:
    faces, person, _ = film
    return learn_own_style(model, faces, faces.runs[0], person, speech, OwnStyleConfig())


def test_the_actor_s_own_voice_teaches_and_helps_where_it_was_not_learnt_from(model, film):
    style = learnt(model, film, film[2])

    assert style.told.startswith("style learnt from 6 s of its own sound")
    without, with_it = (float(word) for word in style.told.split() if word.startswith("0."))
    assert with_it > without  # by a hundredth at least, but both are rounded
    assert not np.array_equal(style.model.speech_map, model.speech_map)


def test_sound_out_of_step_teaches_the_same(model, film):
    """A second of silence would be another film; four frames are a common fault."""
    late = np.concatenate([np.repeat(film[2][:1], 4, axis=0), film[2][:-4]])
    style, true = learnt(model, film, late), learnt(model, film, film[2])

    assert style.told.startswith("style learnt")
    change, expected = (each.model.speech_map - model.speech_map for each in (style, true))
    alike = (change * expected).sum() / change.norm() / expected.norm()
    assert alike > 0.9


@pytest.mark.parametrize("foreign", ["backwards", "silence"])
def test_other_sound_teaches_nothing(model, film, foreign):
    speech = film[2][::-1].copy() if foreign == "backwards" else np.zeros_like(film[2])
    style = learnt(model, film, speech)

    assert style.model is model
    assert "does not follow these lips" in style.told


def test_a_silent_film_teaches_nothing(model, film):
    faces, person, _ = film
    style = learn_own_style(model, faces, faces.runs[0], person, None, OwnStyleConfig())

    assert style.model is model
    assert "no sound" in style.told


def test_little_footage_teaches_nothing(model, film):
    faces, person, speech = film
    brief = (0, 60)
    assert faces.starts[60] < Fraction(5)
    style = learn_own_style(model, faces, brief, person, speech, OwnStyleConfig())

    assert style.model is model
    assert "too short" in style.told
