"""A style is learned from another clip of the actor than the film."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.inputs import TitleFiles, open_inputs
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.own_style import OwnStyleConfig
from mytalk_core.dubbing.style_reference import learn_style_reference
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.motion.known_face import IDENTITY_FRAMES


def test_a_style_is_learned_from_another_clip_of_the_actor(
    sample_clips: dict[str, SampleClip], dub_models: DubModels, tmp_path: Path
) -> None:
    stages: set[str] = set()
    with DubTools(dub_models) as tools:
        reference = learn_style_reference(
            sample_clips["jwp_intro"].path,
            tools,
            OwnStyleConfig(),
            tmp_path,
            lambda stage, done, total: stages.add(stage),
        )
        style = reference.style
        assert style.summary.startswith("from jwp_intro.mp4: style learned from 6 s")
        assert style.speech_map is not None
        assert not np.array_equal(style.speech_map, tools.motion.speech_map)
        moving = tools.motion.scheme.moving
    assert reference.shapes.shape == (IDENTITY_FRAMES, 3 * len(moving))
    assert len(stages) == 1  # one progress bar for all of its work


def test_a_clip_without_sound_is_refused_at_once(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    film = sample_clips["jwp_intro"].path
    mute = run_ffmpeg(tmp_path / "mute.mp4", "-i", film, "-an", "-c", "copy")
    with pytest.raises(BadInputError, match="no sound") as refusal:
        open_inputs(TitleFiles(film, film, style=mute))
    assert refusal.value.reason is Reason.NO_AUDIO_STREAM
    assert refusal.value.where == str(mute)
