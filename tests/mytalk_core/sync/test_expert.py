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
from mytalk_core.sync.recipes import RECIPES
from mytalk_core.sync.score import embedded, lse_like
from mytalk_core.sync.training import ExpertTrainingConfig, offset_loss, train_expert
from tests.largest_face import track_largest_face

SMALL = ExpertConfig(width=32, dropout=0.0)
HEARS_SPEECH = replace(SMALL, sound=SoundInput.SPEECH)
SEES_PICTURES = replace(SMALL, lips=LipInput.PIXELS)
QUICK = ExpertTrainingConfig(steps=120, batch=8, band_shift=0)

Film = tuple[np.ndarray, np.ndarray]  # lips, audio


def invented(seed: int, frames: int = 80) -> Film:
    """Lips that open as the sound is loud, both at random."""
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
    return SyncClip("nobody", film[0], (log_mel(film[1], len(film[0])),))


def spoken(seed: int, frames: int = 80) -> SyncClip:
    """The same lips with speech features that follow them."""
    features = np.random.default_rng([seed, 2]).normal(size=(frames, 512))
    features[:, :64] += 3 * _opening(seed, frames)[:, None]
    return SyncClip("nobody", invented(seed, frames)[0], (features.astype("f4"),))


def pictured(seed: int, frames: int = 80) -> SyncClip:
    """A dark bar that grows as the sound is loud."""
    opening = _opening(seed, frames)
    rows = np.abs(np.arange(48) - 24)
    dark = 1 / (1 + np.exp(rows - 6 - 3 * opening[:, None]))
    picture = np.repeat(dark[:, :, None], 48, axis=2)
    sound = clip_of(invented(seed, frames)).sounds
    return SyncClip("nobody", (picture - picture.mean(axis=0)).astype("f4") * 0.3, sound)


def late(audio: np.ndarray, frames: int) -> np.ndarray:
    """The sound `frames` video frames later; earlier where negative."""
    if frames < 0:
        return audio[-frames * 640 :]
    return np.concatenate([np.zeros(frames * 640, np.float32), audio])


@pytest.fixture(scope="module")
def taught() -> SyncExpert:
    torch.set_num_threads(1)
    return train_expert([clip_of(invented(seed)) for seed in range(24)], SMALL, QUICK)


@pytest.fixture(scope="module")
def listener() -> SyncExpert:
    torch.set_num_threads(1)
    return train_expert([spoken(seed) for seed in range(24)], HEARS_SPEECH, QUICK)


@pytest.mark.parametrize("shift", [-9, -2, 0, 5, 11])
def test_a_known_offset_of_unheard_sound_is_found(taught, shift):
    lips, audio = invented(1000)
    assert lse_like(lips, late(audio, shift), taught).offset == shift


def test_lips_that_fit_score_better_than_lips_that_do_not(taught):
    (lips, audio), (_, other) = invented(1001), invented(1002)
    own, wrong = (lse_like(lips, sound, taught) for sound in (audio, other))
    assert own.distance < wrong.distance
    assert own.confidence > wrong.confidence


@pytest.mark.parametrize(
    ("config", "clip"), [(SMALL, clip_of(invented(0))), (HEARS_SPEECH, spoken(0))]
)
def test_the_same_clips_teach_the_same_expert(config, clip):
    training = ExpertTrainingConfig(steps=3, batch=2)
    a, b = (train_expert([clip] * 3, config, training).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_pictures_are_learnt_like_landmarks():
    torch.set_num_threads(1)
    losses: list[float] = []
    training = replace(QUICK, steps=30, batch=3, frames=40, spectrum_noise=0.1, negatives=0)
    train_expert(
        [pictured(seed) for seed in range(12)],
        SEES_PICTURES,
        training,
        lambda step, loss: losses.append(loss),
    )
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


def test_the_loss_of_an_expert_that_knows_nothing_is_that_of_a_guess():
    windows = torch.nn.functional.normalize(torch.ones(2, 60, 8), dim=-1)
    candidates = [min(i + 15, 59) - max(i - 15, 0) + 1 for i in range(60)]
    expected = float(np.log(candidates).mean())
    assert offset_loss(windows, windows, torch.tensor(5.0)).item() == pytest.approx(expected)


def test_the_loss_of_lips_grows_as_they_leave_the_speech(listener):
    clips = [spoken(seed) for seed in range(2000, 2004)]
    lips = torch.from_numpy(np.stack([clip.lips for clip in clips]))
    speech = torch.from_numpy(np.stack([clip.sounds[0] for clip in clips]))
    held = 64
    costs = [
        sync_losses(listener, lips[:, :held], speech[:, shift : shift + held]).mean().item()
        for shift in (0, 2, 6)
    ]
    assert costs[0] < costs[1] - 1
    assert costs[0] < costs[2] - 1
    displaced = sync_losses(listener, lips[:, :held] + 0.05, speech[:, :held]).mean().item()
    assert displaced == pytest.approx(costs[0], abs=1e-4)


def test_the_loss_moves_lips_into_step(listener):
    """Down the gradient still lips begin to follow the speech; the expert itself stays as it is."""
    clip = spoken(3000)
    listener.requires_grad_(False)
    truth, speech = (torch.from_numpy(part)[None] for part in (clip.lips, clip.sounds[0]))
    lips = (0.01 * torch.randn(truth.shape, generator=torch.manual_seed(0))).requires_grad_()
    optimiser = torch.optim.Adam([lips], 0.002)
    first = sync_losses(listener, lips, speech).mean().item()
    for _ in range(60):
        optimiser.zero_grad()
        loss = sync_losses(listener, lips, speech).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < first - 1
    assert torch.isfinite(lips).all()
    assert all(parameter.grad is None for parameter in listener.parameters())


def test_less_than_a_second_is_refused(taught):
    with pytest.raises(BadInputError) as refused:
        lse_like(np.zeros((24, 40, 2), np.float32), np.zeros(16_000, np.float32), taught)
    assert refused.value.reason is Reason.TOO_SHORT


def test_a_stored_expert_judges_alike(taught, tmp_path):
    path = tmp_path / "expert.safetensors"
    save_expert(taught, Purpose.EVALUATION, path, {"made_by": "a test"})
    film = invented(1003)
    assert lse_like(*film, load_expert(Purpose.EVALUATION, path)) == lse_like(*film, taught)


@pytest.mark.parametrize("purpose", [Purpose.PREPROCESSING, Purpose.TRAINING, Purpose.PIXELS])
def test_an_expert_serves_its_own_purpose_only(taught, tmp_path, purpose):
    path = tmp_path / "expert.safetensors"
    save_expert(taught, purpose, path, {})
    assert load_expert(purpose, path).config == SMALL
    with pytest.raises(ModelError, match=f"is for {purpose}, not for evaluation") as refused:
        load_expert(Purpose.EVALUATION, path)
    assert refused.value.reason is Reason.BAD_CONFIGURATION
    if purpose is not Purpose.PREPROCESSING:
        with pytest.raises(ModelError, match="not for preprocessing"):
            LightExpert(path)


def test_without_torch_it_embeds_alike(taught, tmp_path):
    path = tmp_path / "expert.safetensors"
    save_expert(taught, Purpose.PREPROCESSING, path, {})
    clip = clip_of(invented(1004))
    light = LightExpert(path)
    seen, heard = embedded(clip.lips, clip.sounds[0], taught)
    assert light.embed_lips(clip.lips) == pytest.approx(seen, abs=1e-5)
    assert light.embed_sound(clip.sounds[0]) == pytest.approx(heard, abs=1e-5)


def test_the_same_expert_is_the_same_file(taught, tmp_path):
    about = {"made_by": "a test", "from": "noise", "when": "now"}
    for name in ("a", "b"):
        save_expert(taught, Purpose.TRAINING, tmp_path / name, about)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_no_expert_is_named(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match=r"bad\.safetensors"):
        load_expert(Purpose.EVALUATION, tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        load_expert(Purpose.EVALUATION, tmp_path / "none.safetensors")


@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_shipped_experts_are_small_and_of_their_recipe(purpose):
    assert expert_path(purpose).stat().st_size < 1_500_000
    assert load_expert(purpose).config == RECIPES[purpose].expert


def test_no_two_shipped_experts_are_the_same():
    lips = torch.from_numpy(invented(0)[0])[None]
    seen = [
        load_expert(purpose).embed_lips(lips) for purpose in Purpose if purpose != Purpose.PIXELS
    ]
    for number, one in enumerate(seen):
        assert all((one - other).abs().mean() > 0.05 for other in seen[:number])


@pytest.fixture(scope="module")
def film_of(landmarker_model: Path) -> Callable[[Path], Film]:
    """A film's lips and sound, by the path that preprocessing takes."""

    def read(video: Path) -> Film:
        fps = Fraction(25)
        images = (frame.image for frame in iter_frames_at(video, fps))
        with MeshLandmarker(landmarker_model) as landmarker:
            landmarks = np.stack(list(track_largest_face(images, landmarker)))
        pose = fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)
        lips = to_shape(landmarks[:, list(MESH478.lips)], pose)
        return lip_motion(lips), read_audio(video)

    return read


def test_the_shipped_judge_follows_a_stranger_whose_sound_is_shifted(
    film_of: Callable[[Path], Film], sample_clips: dict[str, SampleClip]
) -> None:
    expert = load_expert(Purpose.EVALUATION)
    lips, audio = film_of(sample_clips["test_movie"].path)
    for shift in (-5, 0, 6):
        found = lse_like(lips, late(audio, shift), expert)
        assert abs(found.offset - shift) <= 1
        assert found.confidence > 0.1


def test_the_shipped_judge_finds_speakers_it_never_saw_in_sync(
    film_of: Callable[[Path], Film], grid_clips: list[Path]
) -> None:
    expert = load_expert(Purpose.EVALUATION)
    clips = [
        clip
        for speaker in ("s5", "s26", "s33")
        for clip in [path for path in grid_clips if path.parent.name == speaker][:2]
    ]
    scores = [lse_like(*film_of(path), expert) for path in clips]
    in_sync = [abs(score.offset) <= 1 for score in scores]
    assert sum(in_sync) >= len(clips) - 1
