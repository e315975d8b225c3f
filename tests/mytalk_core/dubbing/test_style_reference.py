"""A style is learned from another clip of the actor than the film."""

from pathlib import Path

import numpy as np

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.stage_configs import OwnStyleConfig
from mytalk_core.dubbing.style_reference import StyleClipRequest, learn_style_clip
from mytalk_core.motion.known_face import IDENTITY_FRAMES
from tests.title_runs import Networks


def test_a_style_is_learned_from_another_clip_of_the_actor(
    sample_clips: dict[str, SampleClip], networks: Networks, tmp_path: Path
) -> None:
    folder, scratch = tmp_path / "artifact", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    tools = networks.tools
    clip = Artifacts(tmp_path / "work").media_file(sample_clips["jwp_intro"].path)
    context = StageContext(tools, folder, scratch, lambda *_: None)
    style = learn_style_clip(StyleClipRequest(clip, OwnStyleConfig(), ""), context)
    assert style.summary.startswith("from jwp_intro.mp4: style learned from 6 s")
    assert style.speech_map is not None and style.shapes is not None
    moving = tools.motion.scheme.moving
    assert style.shapes.shape == (IDENTITY_FRAMES, 3 * len(moving))
    before = tools.motion.speech_map.clone()
    model = style.applied(tools.motion)
    assert not np.array_equal(model.speech_map.cpu(), before.cpu())
    np.testing.assert_array_equal(tools.motion.speech_map.cpu(), before.cpu())
    # What is stored refers to no file that is removed with the scratch folder.
    assert style.speech_map.path.is_relative_to(folder)
