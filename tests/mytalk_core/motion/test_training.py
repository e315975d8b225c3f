"""Training of stage 1: batches, losses, validation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import aperture, aperture_positions, moving_positions
from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.closed_forms import ReadingConfig, Sounds, fit_closed_form
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.context import upper_face
from mytalk_core.motion.loss_weighting import LossWeighting
from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.motion.training import (
    MotionBatch,
    MotionBatches,
    MotionObjective,
    MotionTrainingConfig,
    motion_losses,
    score_clips,
)
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.sync.expert import load_expert
from mytalk_core.sync.expert_file import Purpose
from tests.motion_clips import clips, itself

Array = NDArray[np.float32]
Film = Callable[..., Array]
CONFIG = MotionTrainingConfig(batch=4, window=16)
PLAIN = replace(CONFIG, silent=0.0, unheard=0.0, speech_noise=0.0)
SIZE = replace(SIZES["tiny"], speech_context=0)
EXPERT = load_expert(Purpose.TRAINING).requires_grad_(False)
COORDINATES = 3 * len(MESH478.moving)


def fitted(model: SpeechToMotion, made: list[MotionClip]) -> None:
    quiet = np.zeros((40, 512), np.float32)
    config = ReadingConfig(opening_ridge=0.1, motion_ridge=0.1)
    fit_closed_form(model, made, np.ones(len(made)), Sounds(quiet), config, total=itself)


def batch_and_model(
    made: list[MotionClip], config: MotionTrainingConfig = CONFIG
) -> tuple[MotionBatches, SpeechToMotion]:
    torch.manual_seed(0)
    model = SpeechToMotion(SIZE)
    fitted(model, made)
    silence = np.zeros((40, 512), np.float32)
    return MotionBatches(lambda random: made[random.integers(len(made))], silence, config), model


def test_batches_use_every_voice_of_a_clip(talking_face: Film) -> None:
    made = clips(talking_face, 1)
    levels = np.arange(3, dtype=np.float16)[:, None, None]
    voiced = [replace(made[0], speech=np.zeros_like(made[0].speech) + levels)]
    batches, model = batch_and_model(voiced, PLAIN)
    found: set[int] = set()
    for seed in range(8):
        batch = batches.batch(model, np.random.default_rng(seed))
        level = batch.speech * model.speech_std + model.speech_mean
        assert (level.flatten(1).std(dim=1) < 1e-3).all()  # one voice in a window
        found |= set(level[:, 0, 0].round().int().tolist())
    assert found == {0, 1, 2}


def test_the_closed_mouth_is_the_least_open(face_shape: Callable[[float], Array]) -> None:
    openings = np.linspace(0.05, 0.4, 50)
    film = np.stack([face_shape(float(opening)) for opening in openings])[::-1]
    found = aperture(closed_mouth(film, MESH478)[None], MESH478)[0]
    np.testing.assert_allclose(found, aperture(film[-5:], MESH478).mean(), rtol=1e-4)
    one = film[:1]
    np.testing.assert_array_equal(closed_mouth(one, MESH478), one[0])


def test_silent_examples_have_a_shut_mouth(talking_face: Film) -> None:
    made = clips(talking_face, 1)
    batches, model = batch_and_model(made, replace(PLAIN, silent=1.0))
    batch = batches.batch(model, np.random.default_rng(0))
    closed = torch.from_numpy(made[0].closed)
    torch.testing.assert_close(batch.displacement, closed.expand_as(batch.displacement))
    standard = -model.speech_mean / model.speech_std
    torch.testing.assert_close(batch.speech, standard.expand_as(batch.speech))
    upper, lower = (
        moving_positions(MESH478, side) for side in zip(*MESH478.aperture_pairs, strict=True)
    )
    shapes = (batch.displacement + batch.rest[:, None]).unflatten(2, (-1, 3))
    spoken = torch.from_numpy(made[0].displacement + made[0].rest).unflatten(1, (-1, 3))
    shut, usual = ((x[..., lower, 1] - x[..., upper, 1]).mean(dim=-1) for x in (shapes, spoken))
    assert shut.max() <= usual.quantile(0.1)


def test_examples_without_speech_keep_their_motion(talking_face: Film) -> None:
    """The unconditional part of classifier-free guidance."""
    made = clips(talking_face, 1)
    plain, model = batch_and_model(made, PLAIN)
    removed, _ = batch_and_model(made, replace(PLAIN, unheard=1.0, speech_noise=0.6))
    spoken, silent = (made.batch(model, np.random.default_rng(5)) for made in (plain, removed))
    assert spoken.speech.any()
    assert not silent.speech.any()
    torch.testing.assert_close(silent.displacement[0], spoken.displacement[0], atol=0, rtol=0)


def test_the_configured_share_of_examples_has_no_speech(talking_face: Film) -> None:
    batches, model = batch_and_model(clips(talking_face, 1), replace(CONFIG, unheard=0.3))
    has_speech = [
        batches.batch(model, np.random.default_rng(seed)).speech.flatten(1).any(dim=1)
        for seed in range(100)
    ]
    assert 0.62 < torch.cat(has_speech).float().mean() < 0.78


def test_the_weighting_changes_the_losses_of_motion_only(talking_face: Film) -> None:
    batches, model = batch_and_model(clips(talking_face))
    batch = batches.batch(model, np.random.default_rng(0))

    def losses(weighting: LossWeighting) -> dict[str, torch.Tensor]:
        config = replace(CONFIG, weighting=weighting)
        return motion_losses(model, EXPERT, batch, config, torch.Generator().manual_seed(0))

    plain, weighted = losses("uniform"), losses("min-snr")
    for name in ("points", "velocity", "aperture"):
        assert abs(weighted[name] / plain[name] - 1) > 0.01
    assert weighted["contrast"] == plain["contrast"]


def test_batches_have_the_documented_shapes_and_depend_on_the_seed_alone(
    talking_face: Film,
) -> None:
    batches, model = batch_and_model(clips(talking_face))
    batch = batches.batch(model, np.random.default_rng(3))
    assert batch.displacement.shape == (4, 16, COORDINATES)
    assert batch.rest.shape == (4, COORDINATES)
    assert batch.upper_face.shape == (4, 16, 3 * len(MESH478.pose_context))
    assert batch.speech.shape == (4, 16, 512)
    assert batch.identity_frames.shape == batch.other_frames.shape == (4, 16, COORDINATES)
    again = batches.batch(model, np.random.default_rng(3))
    torch.testing.assert_close(batch.speech, again.speech, atol=0, rtol=0)
    other = batches.batch(model, np.random.default_rng(4))
    assert not torch.equal(batch.speech, other.speech)


def test_clips_shorter_than_a_window_repeat_their_last_frame(talking_face: Film) -> None:
    made = clips(talking_face, 1, frames=10)
    batches, model = batch_and_model(made, replace(CONFIG, silent=0.0))
    moved = batches.batch(model, np.random.default_rng(0)).displacement
    torch.testing.assert_close(moved[:, 9:], moved[:, 9:10].expand(-1, 7, -1))


def test_losses_are_finite_and_reach_every_weight(talking_face: Film) -> None:
    batches, model = batch_and_model(clips(talking_face))
    with torch.no_grad():
        # The output layer is initialised to zero, which blocks gradients to the layers below.
        model.denoiser.output.weight.normal_(std=0.1)
    batch = batches.batch(model, np.random.default_rng(0))
    losses = motion_losses(model, EXPERT, batch, CONFIG, torch.Generator().manual_seed(0))
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values()), losses
    torch.stack(list(losses.values())).sum().backward()
    untouched = [
        name
        for name, weight in model.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert untouched == []


def test_the_loss_of_the_predicted_identity_does_not_train_the_extractor(
    talking_face: Film,
) -> None:
    """It would learn to map all mouths to one vector."""
    batches, model = batch_and_model(clips(talking_face))
    batch = batches.batch(model, np.random.default_rng(0))
    losses = motion_losses(model, EXPERT, batch, CONFIG, torch.Generator().manual_seed(0))
    losses["identity"].backward()
    assert model.denoiser.output.weight.grad is not None
    assert model.identity.vector.weight.grad is None


def test_a_perfect_prediction_has_no_loss_on_points(talking_face: Film) -> None:
    made = clips(talking_face)
    batches, model = batch_and_model(made, PLAIN)
    batch = batches.batch(model, np.random.default_rng(0))

    class Oracle(SpeechToMotion):
        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return self.space.encode(batch.displacement)

    oracle = Oracle(SIZE)
    oracle.load_state_dict(model.state_dict())
    perfect = motion_losses(oracle, EXPERT, batch, CONFIG, torch.Generator().manual_seed(0))
    usual = motion_losses(model, EXPERT, batch, CONFIG, torch.Generator().manual_seed(0))
    for name in ("points", "velocity", "aperture", "closure"):
        assert perfect[name] < 0.02 * usual[name]


class Displaced(SpeechToMotion):
    """Predict the truth of a batch with the lower lip displaced downwards."""

    batch: MotionBatch
    by: float

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        points = self.batch.displacement.unflatten(2, (-1, 3)).clone()
        points[:, :, aperture_positions(MESH478)[1], 1] += self.by
        return self.space.encode(points.flatten(2))


def closure_loss(batches: MotionBatches, model: SpeechToMotion, by: float, shut: float) -> float:
    batch = batches.batch(model, np.random.default_rng(0))
    batch = replace(batch, shut=torch.full_like(batch.shut, shut))
    displaced = Displaced(SIZE)
    displaced.load_state_dict(model.state_dict())
    displaced.batch, displaced.by = batch, by
    losses = motion_losses(displaced, EXPERT, batch, CONFIG, torch.Generator().manual_seed(0))
    return losses["closure"].item()


def test_the_closure_loss_counts_only_parted_lips_that_should_touch(talking_face: Film) -> None:
    batches, model = batch_and_model(clips(talking_face), PLAIN)
    parted, pressed = (closure_loss(batches, model, by, shut=1.0) for by in (0.1, -0.1))
    assert parted > 20 * pressed
    assert closure_loss(batches, model, 0.1, shut=0.0) == 0


def test_the_sync_loss_uses_recorded_features_of_examples_with_speech(talking_face: Film) -> None:
    made = clips(talking_face)

    def sync(config: MotionTrainingConfig) -> tuple[float, MotionBatch]:
        batches, model = batch_and_model(made, config)
        batch = batches.batch(model, np.random.default_rng(0))
        losses = motion_losses(model, EXPERT, batch, CONFIG, torch.Generator().manual_seed(0))
        return losses["sync"].item(), batch

    plain, batch = sync(PLAIN)
    noisy, other = sync(replace(PLAIN, speech_noise=1.0))
    assert plain > 0 and noisy > 0
    torch.testing.assert_close(batch.recorded, other.recorded, atol=0, rtol=0)
    assert not torch.equal(batch.speech, other.speech)
    assert sync(replace(PLAIN, silent=1.0))[0] == 0
    assert sync(replace(PLAIN, unheard=1.0))[0] == 0


def test_validation_prefers_the_model_that_follows_speech(talking_face: Film) -> None:
    made = clips(talking_face)
    _, fitted = batch_and_model(made)
    good = score_clips(fitted.eval(), made)
    assert next(iter(good)) == "judged_by"
    assert good["judged_by"] == good["cross_lmd"] * (2 - good["cross_r"])
    assert good["aperture_r"] > 0.9
    with torch.no_grad():
        fitted.speech_map.mul_(-1)
    bad = score_clips(fitted, made)
    assert bad["lmd"] > good["lmd"] and bad["judged_by"] > good["judged_by"]
    assert bad["aperture_r"] < 0 and bad["cross_r"] < good["cross_r"]


def test_cross_metrics_use_the_speech_of_the_speakers_next_clip(talking_face: Film) -> None:
    made = clips(talking_face)
    _, model = batch_and_model(made)
    one, other = (replace(clip, speaker="ann") for clip in made[:2])
    found = score_clips(model.eval(), [one, other])
    assert found["cross_r"] > 0.9  # the two mouths open at different times
    alone = [score_clips(model, [clip]) for clip in (one, other)]
    assert found["lmd"] == np.mean([each["lmd"] for each in alone])

    silent = score_clips(model, [one, replace(other, speech=np.zeros_like(other.speech))])
    assert silent["cross_r"] < found["cross_r"] - 0.1


def test_clips_of_unknown_speakers_are_not_paired(talking_face: Film) -> None:
    made = [replace(clip, speaker="") for clip in clips(talking_face)[:2]]
    _, model = batch_and_model(clips(talking_face))
    found = score_clips(model.eval(), made)
    assert found["cross_lmd"] == found["lmd"]


def test_the_objective_scores_its_own_model_on_held_out_clips(talking_face: Film) -> None:
    made = clips(talking_face)
    device = torch.device("cpu")
    silence = np.zeros((40, 512), np.float32)
    objective = MotionObjective(SIZE, CONFIG, lambda random: made[0], silence, made, device)
    fitted(objective.model, made)
    objective.model.eval()
    assert objective.validate() == score_clips(objective.model, made)


def test_speech_features_are_resampled_to_motion_frames() -> None:
    speech = np.arange(7, dtype=np.float16)[:, None].repeat(2, axis=1)
    assert speech_per_frame(speech, 3)[:, 0].tolist() == [0.5, 2.5, 4.5]
    # The last row repeats past the end.
    assert speech_per_frame(speech, 5)[:, 0].tolist() == [0.5, 2.5, 4.5, 6, 6]
    assert speech_per_frame(speech[:0], 2).tolist() == [[0, 0], [0, 0]]


def test_fast_motion_of_cheeks_is_filtered_from_the_upper_face(
    face_shape: Callable[[float], Array],
) -> None:
    film = np.stack([face_shape(0.1)] * 200)
    cheek = MESH478.pose_context[40]
    film[:, cheek, 1] += 0.02 * np.sin(2 * np.pi * 4 * np.arange(200) / 25)
    seen = upper_face(film, MESH478, 25.0).reshape(200, -1, 3)[:, 40, 1]
    assert np.ptp(seen[50:-50]) < 0.04 / 100
