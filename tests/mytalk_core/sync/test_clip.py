from fractions import Fraction

import numpy as np
import pytest

from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.sync.clip import MEL_BANDS, lip_motion, log_mel, sync_clip


def tone(hertz: float, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(seconds * 16_000) / 16_000)).astype("f4")


@pytest.mark.parametrize("samples", [0, 1_000, 12_800, 20_000])
def test_there_are_four_rows_to_a_frame_however_long_the_sound(samples):
    assert log_mel(np.zeros(samples, np.float32), frames=20).shape == (80, MEL_BANDS)


def test_a_click_is_in_the_row_of_its_time():
    audio = np.zeros(16_000, np.float32)
    audio[8_080] = 1.0  # 0.505 s, the middle of row 50
    assert log_mel(audio, frames=25).sum(axis=1).argmax() == 50


def test_a_higher_tone_is_in_a_higher_band():
    audio = np.concatenate([tone(300, 0.4), tone(3000, 0.4)])
    spectrum = log_mel(audio, frames=20)
    assert spectrum[20].argmax() < spectrum[60].argmax()


def test_louder_sound_has_the_same_spectrum():
    audio = np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32)
    assert log_mel(4 * audio, 25) == pytest.approx(log_mel(audio, 25), abs=0.02)


def test_motion_has_no_mean_and_no_depth():
    lips = np.random.default_rng(0).normal(2, 1, (30, 40, 3)).astype(np.float32)
    motion = lip_motion(lips)
    assert motion.shape == (30, 40, 2)
    assert motion.mean(axis=0) == pytest.approx(np.zeros((40, 2)), abs=1e-5)
    assert np.diff(motion, axis=0) == pytest.approx(np.diff(lips[..., :2], axis=0), abs=1e-5)


def test_a_stored_clip_becomes_lips_without_head_motion():
    random = np.random.default_rng(0)
    frames, points = 12, MESH478.point_count
    face = random.uniform(-50, 50, (points, 3)).astype(np.float32)
    drift = random.uniform(100, 200, (frames, 1, 3)).astype(np.float32)
    meta = ClipMeta(
        key="a-00000-00-000",
        source="a.mp4",
        source_id="a",
        speaker="ann",
        first_frame=0,
        frame_count=frames,
        fps=Fraction(25),
        scheme="mesh478",
        crop_size=8,
        sync_offset=0.0,
        sync_confidence=0.0,
        versions={},
    )
    sample = ClipSample(
        meta=meta,
        audio=np.full(7_680, 16_384, np.int16),
        landmarks=face + drift,
        boxes=np.zeros((frames, 3, 2), np.float32),
        crops=np.zeros((frames, 8, 8, 3), np.uint8),
        speech=np.zeros((24, 512), np.float16),
    )
    clip = sync_clip(sample)
    assert clip.speaker == "ann"
    assert clip.audio.tolist() == [0.5] * 7_680
    assert clip.lips == pytest.approx(np.zeros((frames, 40, 2)), abs=1e-4)
