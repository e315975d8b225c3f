"""Clips of shards as training examples of the renderer."""

from dataclasses import replace

import numpy as np

from mytalk_core.appearance.clip import appearance_clip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.data.shards import encode_sample
from tests.synthetic_face import speaking_clip


def test_shaking_landmarks_are_steadied() -> None:
    still = speaking_clip("ann", 0)
    still = replace(still, landmarks=np.repeat(still.landmarks[:1], 40, axis=0))
    still = replace(still, boxes=np.repeat(still.boxes[:1], 40, axis=0))
    noise = np.random.default_rng(0).normal(0, 0.2, still.landmarks.shape).astype(np.float32)
    shaking = replace(still, landmarks=still.landmarks + noise)
    true, noisy = (appearance_clip(encode_sample(each), MaskConfig()) for each in (still, shaking))
    error = np.abs(noisy.crops.points - true.crops.points).mean()
    gain = np.linalg.norm(still.boxes[0, 0])
    assert error < 0.6 * np.abs(noise[..., :2]).mean() * gain
