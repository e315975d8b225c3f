"""Inputs of the sync expert."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.clip import MEL_BANDS, lip_motion, log_mel, mouth_motion, sync_clip
from mytalk_core.sync.expert_file import ExpertConfig, LipInput, SoundInput
from mytalk_core.sync.voiced import voiced_clip
from tests.synthetic_face import speaking_clip


def tone(hertz: float, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(seconds * 16_000) / 16_000)).astype("f4")


@pytest.mark.parametrize("samples", [0, 1_000, 12_800, 20_000])
def test_the_spectrum_has_four_rows_per_frame_for_any_length_of_sound(samples):
    assert log_mel(np.zeros(samples, np.float32), frames=20).shape == (80, MEL_BANDS)


def test_a_click_has_its_energy_in_the_row_of_its_time():
    audio = np.zeros(16_000, np.float32)
    audio[8_080] = 1.0  # 0.505 s, the middle of row 50
    assert log_mel(audio, frames=25).sum(axis=1).argmax() == 50


def test_a_higher_tone_has_its_energy_in_a_higher_band():
    audio = np.concatenate([tone(300, 0.4), tone(3000, 0.4)])
    spectrum = log_mel(audio, frames=20)
    assert spectrum[20].argmax() < spectrum[60].argmax()


def test_the_spectrum_does_not_depend_on_the_level():
    audio = np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32)
    assert log_mel(4 * audio, 25) == pytest.approx(log_mel(audio, 25), abs=0.02)


def test_lip_motion_has_no_mean_and_no_depth():
    lips = np.random.default_rng(0).normal(2, 1, (30, 40, 3)).astype(np.float32)
    motion = lip_motion(lips)
    assert motion.shape == (30, 40, 2)
    assert motion.mean(axis=0) == pytest.approx(np.zeros((40, 2)), abs=1e-5)
    assert np.diff(motion, axis=0) == pytest.approx(np.diff(lips[..., :2], axis=0), abs=1e-5)


def test_sync_clip_removes_head_motion():
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
    clip = sync_clip(sample, ExpertConfig())
    assert clip.speaker == "ann"
    np.testing.assert_array_equal(clip.sounds[0], log_mel(np.full(7_680, 0.5, np.float32), frames))
    assert clip.lips == pytest.approx(np.zeros((frames, 40, 2)), abs=1e-4)


def test_mouth_pictures_change_at_the_lips():
    sample = speaking_clip("ann", 0)
    mouths = sync_clip(sample, ExpertConfig(lips=LipInput.PIXELS)).lips
    assert mouths.shape == (40, 48, 48)
    assert mouths.mean(axis=0) == pytest.approx(np.zeros((48, 48)), abs=1e-5)
    moved = np.abs(mouths).mean(axis=0)
    assert moved[16:32, 8:40].mean() > 5 * moved[:6].mean()


@pytest.mark.parametrize("zoom", [0.5, 2.0])
def test_mouth_pictures_do_not_depend_on_the_size_of_the_crop(zoom):
    sample = speaking_clip("ann", 0, size=128)
    size = round(sample.meta.crop_size * zoom)
    # Pixel centres are at half units.
    boxes = sample.boxes * zoom
    boxes[:, 2] += (zoom - 1) / 2
    crops = np.stack(
        [cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in sample.crops]
    )
    small = mouth_motion(crops, sample.landmarks, boxes, MESH478)
    usual = mouth_motion(sample.crops, sample.landmarks, sample.boxes, MESH478)
    assert np.corrcoef(small.ravel(), usual.ravel())[0, 1] > 0.9


class Echo(SpeechEncoder):
    """An encoder whose features are the position in the sound."""

    def __init__(self) -> None:
        """Load no model."""

    def encode(self, audio):
        rows = -(-len(audio) // 320)
        return np.linspace(0, 1, rows, dtype=np.float16)[:, None].repeat(512, axis=1)


@pytest.mark.parametrize("sound", list(SoundInput))
def test_altered_voices_keep_the_timing_of_the_lips(sound):
    sample = speaking_clip("ann", 0)
    config = ExpertConfig(sound=sound)
    clip = voiced_clip(sample, config, 3, Echo())
    own, *others = clip.sounds
    assert len(others) == 3
    assert own.shape == sync_clip(sample, config).sounds[0].shape
    for other in others:
        assert other.shape == own.shape
        if sound is SoundInput.SPEECH:
            assert other[:, 0] == pytest.approx(np.linspace(0, 1, 40), abs=0.03)
        else:
            assert np.corrcoef(other.mean(axis=1), own.mean(axis=1))[0, 1] > 0.5
    again = voiced_clip(sample, config, 3, Echo())
    assert all(np.array_equal(a, b) for a, b in zip(clip.sounds, again.sounds, strict=True))
