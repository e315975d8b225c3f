"""The closed-form fits recover known solutions, on any number of processes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import aperture_positions
from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.closed_forms import ReadingConfig, Reduce, Sounds, fit_closed_form
from mytalk_core.motion.labelled_speech import LabelledSpeech
from mytalk_core.motion.model import SIZES, SpeechToMotion, windows
from tests.motion_clips import Film, clips, itself

SIZE = replace(SIZES["tiny"], speech_context=0)
COORDINATES = 3 * len(MESH478.moving)
QUIET = np.zeros((40, 512), np.float32)


def fit(
    model: SpeechToMotion,
    made: list[MotionClip],
    weights: NDArray[np.float64],
    ridge: float,
    total: Reduce,
) -> None:
    config = ReadingConfig(opening_ridge=ridge, motion_ridge=ridge)
    fit_closed_form(model, made, weights, Sounds(QUIET), config, total)


def read(model: SpeechToMotion, speech: NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the regressions read from features (T, 512) of an utterance."""
    heard = model.standardise(torch.from_numpy(speech).float()[None])
    return model.reading(heard, model.voice(heard))


def test_the_closed_form_recovers_a_linear_map() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(512, 8))
    directions = np.linalg.qr(random.normal(size=(COORDINATES, 8)))[0].T
    made = []
    for _ in range(4):
        speech = random.normal(3, 2, (600, 512))
        moved = (speech - 3) / 2 @ truth @ directions * 0.01
        still = np.zeros(COORDINATES, np.float32)
        made.append(
            MotionClip(
                "a",
                moved.astype("f4"),
                still,
                still,
                np.zeros(600, np.bool_),
                still,
                speech.astype("f2")[None],
            )
        )
    model = SpeechToMotion(SIZE)
    fit(model, made, np.ones(4), ridge=1e-6, total=itself)
    np.testing.assert_allclose(model.speech_mean, 3, atol=0.25)
    np.testing.assert_allclose(model.speech_std, 2, atol=0.25)
    unseen = random.normal(3, 2, (600, 512))
    found = model.space.decode(read(model, unseen)[0])[0].numpy()
    # Up to the voice of the utterance, because the map has no offset.
    voice = 600 / (600 + SIZE.voice_prior) * (unseen.mean(axis=0) - 3) + 3
    expected = ((unseen - voice) / 2 @ truth @ directions) * 0.01
    assert np.abs(found - expected).max() < 0.05 * expected.std()


def test_the_weight_of_a_clip_does_not_depend_on_its_voices(talking_face: Film) -> None:
    made = clips(talking_face, 2)
    plain, voiced = SpeechToMotion(SIZE), SpeechToMotion(SIZE)
    fit(plain, made, np.ones(2), ridge=1.0, total=itself)
    echoed = replace(made[0], speech=np.repeat(made[0].speech, 3, axis=0))
    fit(voiced, [echoed, made[1]], np.ones(2), ridge=1.0, total=itself)
    for name in ("speech_mean", "speech_std", "speech_map", "closure_map", "closure_offset"):
        torch.testing.assert_close(
            getattr(voiced, name), getattr(plain, name), atol=1e-4, rtol=1e-3
        )


def test_several_processes_fit_the_same_as_one(talking_face: Film) -> None:
    made = clips(talking_face, 2)
    whole = SpeechToMotion(SIZE)
    fit(whole, made, np.ones(2), ridge=1.0, total=itself)
    # Two processes with the same clips: every sum over processes is twice the local one.
    shared = SpeechToMotion(SIZE)
    fit(shared, made, np.ones(2), ridge=1.0, total=lambda tensor: 2 * tensor)
    for name in ("speech_mean", "speech_std", "speech_map", "closure_map", "closure_offset"):
        torch.testing.assert_close(
            getattr(shared, name), getattr(whole, name), atol=1e-4, rtol=1e-3
        )


def test_clips_of_weight_zero_have_no_effect(talking_face: Film) -> None:
    made = clips(talking_face, 2)
    alone, outvoted = SpeechToMotion(SIZE), SpeechToMotion(SIZE)
    fit(alone, made[:1], np.ones(1), ridge=1.0, total=itself)
    fit(outvoted, made, np.array([1.0, 0.0]), ridge=1.0, total=itself)
    torch.testing.assert_close(outvoted.speech_mean, alone.speech_mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(outvoted.speech_map, alone.speech_map, atol=1e-3, rtol=1e-2)


def test_closure_is_predicted_where_mouths_shut_and_in_silence(talking_face: Film) -> None:
    made = clips(talking_face, 3)
    model = SpeechToMotion(SIZE)
    fit(model, made[:2], np.ones(2), ridge=0.1, total=itself)
    unseen = made[2]
    spoken, silence = (read(model, speech)[1][0].numpy() for speech in (unseen.speech[0], QUIET))
    assert 0.02 < unseen.shut.mean() < 0.6
    assert spoken[unseen.shut].mean() > 3 * spoken[~unseen.shut].mean()
    assert silence.min() > 0.8 * SIZE.closure_share


def test_the_regression_of_closure_is_optimal(talking_face: Film) -> None:
    """The gradient of the penalised loss is zero."""
    made = clips(talking_face, 2)
    model = SpeechToMotion(SIZE)
    config = ReadingConfig(closure_ridge=0.05, spoken=0.4)
    random = np.random.default_rng(0)
    lips = LabelledSpeech(
        made[0].speech[0], random.random(120, np.float32), random.random(120) < 0.7
    )
    fit_closed_form(model, made, np.ones(2), Sounds(QUIET, [lips]), config, itself)
    weights, offset = (
        part.clone().requires_grad_() for part in (model.closure_map, model.closure_offset)
    )
    loss = config.closure_ridge * weights.square().sum() / 2
    sounds = [(clip.speech[0], clip.shut, 0.5) for clip in made]
    known = (lips.speech[lips.known], lips.shut[lips.known], 0.4)
    for speech, shut, share in [*sounds, known, (QUIET, np.ones(40, bool), 0.1)]:
        x = windows(model.standardise(torch.from_numpy(speech).float())[None], 0)[0]
        loss = loss + share * torch.nn.functional.binary_cross_entropy_with_logits(
            x @ weights + offset, torch.from_numpy(shut).float()
        )
    loss.backward()
    assert weights.grad is not None and offset.grad is not None
    assert weights.grad.abs().max() < 0.005
    assert offset.grad.abs() < 0.005


def test_speech_without_pictures_teaches_closure_alone(talking_face: Film) -> None:
    made = clips(talking_face, 2)
    plain, taught = SpeechToMotion(SIZE), SpeechToMotion(SIZE)
    hiss = np.random.default_rng(0).normal(size=(400, 512)).astype(np.float16)
    bilabial = (hiss[:, 7] > 1).astype(np.float32)  # a feature that no clip moves
    lips = LabelledSpeech(hiss, bilabial, np.ones(400, np.bool_))
    for model, sounds in ((plain, Sounds(QUIET)), (taught, Sounds(QUIET, [lips]))):
        fit_closed_form(model, made, np.ones(2), sounds, ReadingConfig(), itself)
    shut = read(taught, hiss)[1][0].numpy()
    assert shut[bilabial > 0].mean() > 2 * shut[bilabial == 0].mean()
    torch.testing.assert_close(taught.speech_mean, plain.speech_mean, atol=0, rtol=0)


def test_the_mouth_opening_has_a_penalty_of_its_own(talking_face: Film) -> None:
    made = clips(talking_face, 2)

    def opening_read(opening_ridge: float, motion_ridge: float) -> float:
        """Return the deviation of the mouth opening that is read."""
        config = ReadingConfig(opening_ridge, motion_ridge)
        model = SpeechToMotion(SIZE)
        fit_closed_form(model, made, np.ones(2), Sounds(QUIET), config, itself)
        points = model.space.decode(read(model, made[0].speech[0])[0])[0].unflatten(1, (-1, 3))
        upper, lower = (list(side) for side in aperture_positions(MESH478))
        return float((points[:, lower, 1] - points[:, upper, 1]).mean(dim=1).std())

    usual = opening_read(0.1, 0.1)
    assert opening_read(0.1, 1e9) == pytest.approx(usual, rel=1e-3)
    assert opening_read(1e9, 0.1) < 1e-3 * usual
