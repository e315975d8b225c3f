"""Another clip of the actor shows how they speak."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.inputs import open_inputs
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.own_style import OwnStyleConfig
from mytalk_core.dubbing.style_reference import learn_style_reference
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.motion.known_face import IDENTITY_FRAMES
from mytalk_core.motion.model import load_model
from mytalk_core.speech.features import SpeechEncoder


def test_a_clip_of_the_actor_teaches_their_style(
    sample_clips: dict[str, SampleClip], dub_models: DubModels, tmp_path: Path
) -> None:
    model = load_model(dub_models.motion)
    stages: set[str] = set()
    with MeshLandmarker(dub_models.landmarker) as landmarker:
        shown = learn_style_reference(
            sample_clips["jwp_intro"].path,
            model,
            SpeechEncoder(dub_models.speech_encoder, threads=1),
            landmarker,
            OwnStyleConfig(),
            tmp_path,
            lambda stage, done, total: stages.add(stage),
        )
    assert shown.told.startswith("from jwp_intro.mp4: style learnt from 6 s")
    assert not np.array_equal(shown.model.speech_map, model.speech_map)
    assert shown.identity.shape == (IDENTITY_FRAMES, 3 * len(model.scheme.moving))
    assert len(stages) == 1  # one bar, whatever is done for it


def test_a_clip_without_sound_is_refused_at_once(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    film = sample_clips["jwp_intro"].path
    mute = run_ffmpeg(tmp_path / "mute.mp4", "-i", film, "-an", "-c", "copy")
    with pytest.raises(BadInputError, match="no sound") as refusal:
        open_inputs(film, film, None, mute)
    assert refusal.value.reason is Reason.NO_AUDIO_STREAM
    assert refusal.value.where == str(mute)
