from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.errors import BadInputError, ModelError, Reason
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker, track_largest_face
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames_at
from mytalk_core.sync.clip import SyncClip, lip_motion
from mytalk_core.sync.expert import (
    ExpertConfig,
    SyncExpert,
    default_weights,
    load_expert,
    save_expert,
)
from mytalk_core.sync.score import lse_like
from mytalk_core.sync.training import ExpertTrainingConfig, offset_loss, train_expert

SMALL = ExpertConfig(width=32, dropout=0.0)


def invented_clip(seed: int, frames: int = 80) -> SyncClip:
    """Lips that open as the sound is loud, both at random."""
    random = np.random.default_rng(seed)
    opening = np.convolve(random.normal(size=frames + 2), [0.25, 0.5, 0.25], "valid")
    lips = 0.03 * opening[:, None, None] * np.linspace(-1, 1, 80).reshape(40, 2)
    level = np.interp(np.arange(frames * 640) / 640, np.arange(frames) + 0.5, opening)
    audio = 0.02 * 10**level * random.normal(size=frames * 640)
    return SyncClip("nobody", lip_motion(lips.astype("f4")), audio.clip(-1, 1).astype("f4"))


def late(audio: np.ndarray, frames: int) -> np.ndarray:
    """The sound `frames` video frames later; earlier where negative."""
    if frames < 0:
        return audio[-frames * 640 :]
    return np.concatenate([np.zeros(frames * 640, np.float32), audio])


@pytest.fixture(scope="module")
def taught() -> SyncExpert:
    torch.set_num_threads(1)
    config = ExpertTrainingConfig(steps=120, batch=8, band_shift=0)
    return train_expert([invented_clip(seed) for seed in range(24)], config, SMALL)


@pytest.mark.parametrize("shift", [-9, -2, 0, 5, 11])
def test_a_known_offset_of_unheard_sound_is_found(taught, shift):
    clip = invented_clip(1000)
    assert lse_like(clip.lips, late(clip.audio, shift), taught).offset == shift


def test_lips_that_fit_score_better_than_lips_that_do_not(taught):
    clip, other = invented_clip(1001), invented_clip(1002)
    own, wrong = (lse_like(clip.lips, audio, taught) for audio in (clip.audio, other.audio))
    assert own.distance < wrong.distance
    assert own.confidence > wrong.confidence


def test_the_same_clips_teach_the_same_expert():
    config = ExpertTrainingConfig(steps=3, batch=2)
    clips = [invented_clip(seed) for seed in range(3)]
    a, b = (train_expert(clips, config, SMALL).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_loss_of_an_expert_that_knows_nothing_is_that_of_a_guess():
    windows = torch.nn.functional.normalize(torch.ones(2, 60, 8), dim=-1)
    candidates = [min(i + 15, 59) - max(i - 15, 0) + 1 for i in range(60)]
    expected = float(np.log(candidates).mean())
    assert offset_loss(windows, windows, torch.tensor(5.0)).item() == pytest.approx(expected)


def test_less_than_a_second_is_refused(taught):
    with pytest.raises(BadInputError) as refused:
        lse_like(np.zeros((24, 40, 2), np.float32), np.zeros(16_000, np.float32), taught)
    assert refused.value.reason is Reason.TOO_SHORT


def test_a_stored_expert_judges_alike(taught, tmp_path):
    clip = invented_clip(1003)
    save_expert(taught, tmp_path / "expert.safetensors", {"made_by": "a test"})
    again = load_expert(tmp_path / "expert.safetensors")
    assert lse_like(clip.lips, clip.audio, again) == lse_like(clip.lips, clip.audio, taught)


def test_the_same_expert_is_the_same_file(taught, tmp_path):
    for name in ("a", "b"):
        save_expert(taught, tmp_path / name, {"made_by": "a test", "from": "noise", "when": "now"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_no_expert_is_named(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match=r"bad\.safetensors"):
        load_expert(tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        load_expert(tmp_path / "none.safetensors")


def test_the_shipped_expert_is_small():
    assert default_weights().stat().st_size < 1_500_000


@pytest.fixture(scope="module")
def sync_of(landmarker_model: Path) -> Callable[[Path], SyncClip]:
    """A film's lips and sound, by the path that preprocessing takes."""

    def read(video: Path) -> SyncClip:
        fps = Fraction(25)
        images = (frame.image for frame in iter_frames_at(video, fps))
        with MeshLandmarker(landmarker_model) as landmarker:
            landmarks = np.stack(list(track_largest_face(images, landmarker, fps)))
        pose = fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)
        lips = to_shape(landmarks[:, list(MESH478.lips)], pose)
        return SyncClip("", lip_motion(lips), read_audio(video))

    return read


def test_the_shipped_expert_follows_a_stranger_whose_sound_is_shifted(sync_of, sample_clips):
    expert = load_expert()
    clip = sync_of(sample_clips["test_movie"].path)
    for shift in (-5, 0, 6):
        found = lse_like(clip.lips, late(clip.audio, shift), expert)
        assert abs(found.offset - shift) <= 1
        assert found.confidence > 0.1


def test_the_shipped_expert_finds_speakers_it_never_saw_in_sync(sync_of, grid_clips):
    expert = load_expert()
    clips = [
        clip
        for speaker in ("s5", "s26", "s33")
        for clip in [path for path in grid_clips if path.parent.name == speaker][:2]
    ]
    scores = []
    for path in clips:
        clip = sync_of(path)
        scores.append(lse_like(clip.lips, clip.audio, expert))
    in_sync = [abs(score.offset) <= 1 for score in scores]
    assert sum(in_sync) >= len(clips) - 1
