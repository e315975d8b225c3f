"""One held-out clip as a model in training treats it: what event logs show at each validation."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.clip_reader import Members
from mytalk_core.data.shards import decode_sample
from mytalk_core.evaluation.cases import read_motion_clips
from mytalk_core.evaluation.figures import rgb
from mytalk_core.evaluation.lip_samples import lip_figure, lip_samples
from mytalk_core.evaluation.redrawn_samples import redrawn_samples
from mytalk_core.motion.model import SpeechToMotion


def motion_picture(model: SpeechToMotion, members: Members) -> NDArray[np.uint8]:
    """Opening of the mouth and outlines of the lips, truth against ours, own speech: (H, W, 3)."""
    (sample,) = lip_samples(list(read_motion_clips([members])), model)
    return rgb(lip_figure(sample))


def appearance_picture(model: Renderer, members: Members) -> NDArray[np.uint8]:
    """Frames of the clip from what goes in to what comes out and the truth: (H, W, 3)."""
    (sample,) = redrawn_samples([decode_sample(members)], model)
    return sample.strip
