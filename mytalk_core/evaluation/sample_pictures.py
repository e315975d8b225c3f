"""Pictures of one held-out clip for the event log of a training run."""

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
    """Draw mouth opening and lip outlines, truth and model, own speech: (H, W, 3) RGB."""
    (sample,) = lip_samples(list(read_motion_clips([members])), model)
    return rgb(lip_figure(sample))


def appearance_picture(model: Renderer, members: Members) -> NDArray[np.uint8]:
    """Draw frames of the clip with the inputs, the output and the truth: (H, W, 3) RGB."""
    (sample,) = redrawn_samples([decode_sample(members)], model)
    return sample.strip
