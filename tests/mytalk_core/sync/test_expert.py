"""The sync expert: training, file, ONNX encoder, loss, and the shipped copies."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, ModelError, Reason
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames_at
from mytalk_core.sync.clip import SyncClip, lip_motion, log_mel
from mytalk_core.sync.expert import SyncExpert, load_expert, save_expert
from mytalk_core.sync.expert_file import ExpertConfig, LipInput, Purpose, SoundInput, expert_path
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.loss import sync_losses
from mytalk_core.sync.offsets import late_by, offset_distances
from mytalk_core.sync.recipes import RECIPES
from mytalk_core.sync.score import embedded, lse_like
from mytalk_core.sync.training import ExpertTrainingConfig, offset_loss, train_expert
from tests.largest_face import track_largest_face

SMALL = ExpertConfig(width=32, dropout=0.0)
ON_SPEECH = replace(SMALL, sound=SoundInput.SPEECH)
ON_PICTURES = replace(SMALL, lips=LipInput.PIXELS)
QUICK = ExpertTrainingConfig(steps=120, batch=8, band_shift=0)

Film = tuple[np.ndarray, np.ndarray]  # lips, audio


def synthetic(seed: int, frames: int = 80) -> Film:
    """Return lips that open with the level of the sound, both random."""
    opening = _opening(seed, frames)
    lips = 0.03 * opening[:, None, None] * np.linspace(-1, 1, 80).reshape(40, 2)
    level = np.interp(np.arange(frames * 640) / 640, np.arange(frames) + 0.5, opening)
    random = np.random.default_rng([seed, 1])
    audio = 0.02 * 10**level * random.normal(size=frames * 640)
    return lip_motion(lips.astype("f4")), audio.clip(-1, 1).astype("f4")


def _opening(seed: int, frames: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.convolve(random.normal(size=frames + 2), [0.25, 0.5, 0.25], "valid")


def clip_of(film: Film) -> SyncClip:
    return SyncClip("ann", film[0], (log_mel(film[1], len(film[0])),))


def spoken(seed: int, frames: int = 80) -> SyncClip:
    """Return the same lips with speech features that follow them."""
    features = np.random.default_rng([seed, 2]).normal(size=(frames, 512))
    features[:, :64] += 3 * _opening(seed, frames)[:, None]
    return SyncClip("ann", synthetic(seed, frames)[0], (features.astype("f4"),))


def pictured(seed: int, frames: int = 80) -> SyncClip:
    """Return pictures of a dark bar that grows with the level of the sound."""
    opening = _opening(seed, frames)
    rows = np.abs(np.arange(48) - 24)
    dark = 1 / (1 + np.exp(rows - 6 - 3 * opening[:, None]))
    picture = np.repeat(dark[:, :, None], 48, axis=2)
    sound = clip_of(synthetic(seed, frames)).sounds
    return SyncClip("ann", (picture - picture.mean(axis=0)).astype("f4") * 0.3, sound)


def late(audio: np.ndarray, frames: int) -> np.ndarray:
    """Delay the sound by a number of video frames, which may be negative."""
    if frames < 0:
        return audio[-frames * 640 :]
    return np.concatenate([np.zeros(frames * 640, np.float32), audio])


@pytest.fixture(scope="module")
def spectrum_expert() -> SyncExpert:
    torch.set_num_threads(1)
    return train_expert([clip_of(synthetic(seed)) for seed in range(24)], SMALL, QUICK)


@pytest.fixture(scope="module")
def speech_expert() -> SyncExpert:
    torch.set_num_threads(1)
    return train_expert([spoken(seed) for seed in range(24)], ON_SPEECH, QUICK)


@pytest.mark.parametrize("shift", [-9, -2, 0, 5, 11])
def test_a_known_offset_of_held_out_sound_is_found(spectrum_expert, shift):
    lips, audio = synthetic(1000)
    assert lse_like(lips, late(audio, shift), spectrum_expert).offset == shift


def test_an_expert_knows_where_it_finds_the_clips_of_its_training_in_step(tmp_path):
    films = [synthetic(seed) for seed in range(4)]
    # Hardly trained, so that its minimum is not at zero.
    expert = train_expert([clip_of(film) for film in films], SMALL, replace(QUICK, steps=1))
    pooled = np.mean([curve_of(film, expert) for film in films], axis=0)
    assert abs(late_by(pooled, in_step=0.0)) > 0.1
    assert expert.config.in_step == pytest.approx(late_by(pooled, in_step=0.0), abs=0.01)
    save_expert(expert, Purpose.EVALUATION, tmp_path / "expert.safetensors", {})
    loaded = load_expert(Purpose.EVALUATION, tmp_path / "expert.safetensors")
    assert loaded.config == expert.config


def test_matching_sound_scores_better_than_other_sound(spectrum_expert):
    (lips, audio), (_, other) = synthetic(1001), synthetic(1002)
    own, wrong = (lse_like(lips, sound, spectrum_expert) for sound in (audio, other))
    assert own.distance < wrong.distance
    assert own.confidence > wrong.confidence


@pytest.mark.parametrize(
    ("config", "clip"), [(SMALL, clip_of(synthetic(0))), (ON_SPEECH, spoken(0))]
)
def test_training_is_deterministic(config, clip):
    training = ExpertTrainingConfig(steps=3, batch=2)
    a, b = (train_expert([clip] * 3, config, training).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_training_on_pictures_reduces_the_loss():
    torch.set_num_threads(1)
    losses: list[float] = []
    training = replace(QUICK, steps=30, batch=3, frames=40, spectrum_noise=0.1, negatives=0)
    train_expert(
        [pictured(seed) for seed in range(12)],
        ON_PICTURES,
        training,
        lambda step, loss: losses.append(loss),
    )
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


def test_the_loss_of_equal_vectors_is_that_of_chance():
    windows = torch.nn.functional.normalize(torch.ones(2, 60, 8), dim=-1)
    candidates = [min(i + 15, 59) - max(i - 15, 0) + 1 for i in range(60)]
    expected = float(np.log(candidates).mean())
    assert offset_loss(windows, windows, torch.tensor(5.0)).item() == pytest.approx(expected)


def test_the_sync_loss_grows_with_the_offset_of_the_lips(speech_expert):
    clips = [spoken(seed) for seed in range(2000, 2004)]
    lips = torch.from_numpy(np.stack([clip.lips for clip in clips]))
    speech = torch.from_numpy(np.stack([clip.sounds[0] for clip in clips]))
    held = 64
    costs = [
        sync_losses(speech_expert, lips[:, :held], speech[:, shift : shift + held]).mean().item()
        for shift in (0, 2, 6)
    ]
    assert costs[0] < costs[1] - 1
    assert costs[0] < costs[2] - 1
    displaced = sync_losses(speech_expert, lips[:, :held] + 0.05, speech[:, :held]).mean().item()
    assert displaced == pytest.approx(costs[0], abs=1e-4)


def test_gradient_descent_on_the_sync_loss_brings_lips_into_sync(speech_expert):
    """The expert itself stays frozen."""
    clip = spoken(3000)
    speech_expert.requires_grad_(False)
    truth, speech = (torch.from_numpy(part)[None] for part in (clip.lips, clip.sounds[0]))
    lips = (0.01 * torch.randn(truth.shape, generator=torch.manual_seed(0))).requires_grad_()
    optimiser = torch.optim.Adam([lips], 0.002)
    first = sync_losses(speech_expert, lips, speech).mean().item()
    for _ in range(60):
        optimiser.zero_grad()
        loss = sync_losses(speech_expert, lips, speech).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < first - 1
    assert torch.isfinite(lips).all()
    assert all(parameter.grad is None for parameter in speech_expert.parameters())


def test_a_clip_shorter_than_a_second_is_refused(spectrum_expert):
    with pytest.raises(BadInputError) as refused:
        lse_like(np.zeros((24, 40, 2), np.float32), np.zeros(16_000, np.float32), spectrum_expert)
    assert refused.value.reason is Reason.TOO_SHORT


def test_a_loaded_expert_gives_the_same_scores(spectrum_expert, tmp_path):
    path = tmp_path / "expert.safetensors"
    save_expert(spectrum_expert, Purpose.EVALUATION, path, {"made_by": "a test"})
    film = synthetic(1003)
    assert lse_like(*film, load_expert(Purpose.EVALUATION, path)) == lse_like(
        *film, spectrum_expert
    )


@pytest.mark.parametrize("purpose", [Purpose.PREPROCESSING, Purpose.TRAINING, Purpose.PIXELS])
def test_an_expert_is_refused_for_another_purpose(spectrum_expert, tmp_path, purpose):
    path = tmp_path / "expert.safetensors"
    save_expert(spectrum_expert, purpose, path, {})
    assert load_expert(purpose, path).config == SMALL
    with pytest.raises(ModelError, match=f"is for {purpose}, not for evaluation") as refused:
        load_expert(Purpose.EVALUATION, path)
    assert refused.value.reason is Reason.BAD_CONFIGURATION
    if purpose is not Purpose.PREPROCESSING:
        with pytest.raises(ModelError, match="not for preprocessing"):
            LightExpert(path)


def test_the_onnx_encoders_embed_as_the_torch_expert_does(spectrum_expert, tmp_path):
    path = tmp_path / "expert.safetensors"
    save_expert(spectrum_expert, Purpose.PREPROCESSING, path, {})
    clip = clip_of(synthetic(1004))
    light = LightExpert(path)
    lips, sound = embedded(clip.lips, clip.sounds[0], spectrum_expert)
    assert light.embed_lips(clip.lips) == pytest.approx(lips, abs=1e-5)
    assert light.embed_sound(clip.sounds[0]) == pytest.approx(sound, abs=1e-5)


def test_the_onnx_encoders_load_without_torch():
    script = (
        "import sys; from mytalk_core.sync.light_expert import LightExpert;"
        " LightExpert(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=600).returncode == 0


def test_equal_experts_give_equal_files(spectrum_expert, tmp_path):
    about = {"made_by": "a test", "from": "noise", "when": "now"}
    for name in ("a", "b"):
        save_expert(spectrum_expert, Purpose.TRAINING, tmp_path / name, about)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_error_names_a_file_that_is_no_expert(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match=r"bad\.safetensors"):
        load_expert(Purpose.EVALUATION, tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        load_expert(Purpose.EVALUATION, tmp_path / "none.safetensors")


@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_shipped_experts_are_small_and_follow_their_recipes(purpose):
    assert expert_path(purpose).stat().st_size < 1_500_000
    found = load_expert(purpose).config
    assert replace(found, in_step=0.0) == RECIPES[purpose].expert


def test_the_shipped_experts_differ():
    lips = torch.from_numpy(synthetic(0)[0])[None]
    vectors = [
        load_expert(purpose).embed_lips(lips) for purpose in Purpose if purpose != Purpose.PIXELS
    ]
    for number, one in enumerate(vectors):
        assert all((one - other).abs().mean() > 0.05 for other in vectors[:number])


def curve_of(film: Film, expert: SyncExpert) -> np.ndarray:
    lips, audio = film
    return offset_distances(*embedded(lips, log_mel(audio, len(lips)), expert))


@pytest.fixture(scope="module")
def film_of(landmarker_model: Path) -> Callable[[Path], Film]:
    """Return a function that extracts lips and sound of a film as preprocessing does."""

    def read(video: Path) -> Film:
        fps = Fraction(25)
        images = (frame.image for frame in iter_frames_at(video, fps))
        with MeshLandmarker(landmarker_model) as landmarker:
            landmarks = np.stack(list(track_largest_face(images, landmarker)))
        pose = fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)
        lips = to_shape(landmarks[:, list(MESH478.lips)], pose)
        return lip_motion(lips), read_audio(video)

    return read


def test_the_shipped_evaluation_copy_finds_offsets_of_a_held_out_speaker(
    film_of: Callable[[Path], Film], sample_clips: dict[str, SampleClip]
) -> None:
    expert = load_expert(Purpose.EVALUATION)
    lips, audio = film_of(sample_clips["test_movie"].path)
    for shift in (-5, 0, 6):
        found = lse_like(lips, late(audio, shift), expert)
        assert abs(found.offset - shift) <= 1
        assert found.confidence > 0.1


def test_the_shipped_evaluation_copy_finds_held_out_speakers_in_sync(
    film_of: Callable[[Path], Film], grid_clips: list[Path]
) -> None:
    expert = load_expert(Purpose.EVALUATION)
    clips = [
        clip
        for speaker in ("s5", "s26", "s33")
        for clip in [path for path in grid_clips if path.parent.name == speaker][:2]
    ]
    films = [film_of(path) for path in clips]
    in_sync = [abs(lse_like(*film, expert).offset) <= 1 for film in films]
    assert sum(in_sync) >= len(clips) - 1
    pooled = np.mean([curve_of(film, expert) for film in films], axis=0)
    assert abs(late_by(pooled, expert.config.in_step)) < 0.3
