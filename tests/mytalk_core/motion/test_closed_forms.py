"""The closed-form fits recover known solutions, on any number of processes."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.closed_forms import ReadingConfig, Reduce, fit_closed_form
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
    config = ReadingConfig(motion_ridge=ridge)
    fit_closed_form(model, made, weights, QUIET, config, total)


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
    unseen = random.normal(3, 2, (50, 512))
    speech_windows = model.standardise(torch.from_numpy(unseen).float())[None]
    found = model.space.decode(model.reading(speech_windows)[0])[0].numpy()
    # Up to the mean of the training speech, because the map has no offset.
    expected = ((unseen - model.speech_mean.numpy()) / 2 @ truth @ directions) * 0.01
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
    spoken, silence = (
        model.reading(model.standardise(torch.from_numpy(speech).float()))[1].numpy()
        for speech in (unseen.speech[0], QUIET)
    )
    assert 0.02 < unseen.shut.mean() < 0.6
    assert spoken[unseen.shut].mean() > 3 * spoken[~unseen.shut].mean()
    assert silence.min() > 0.8 * SIZE.closure_share


def test_the_regression_of_closure_is_optimal(talking_face: Film) -> None:
    """The gradient of the penalised loss is zero."""
    made = clips(talking_face, 2)
    model = SpeechToMotion(SIZE)
    config = ReadingConfig(closure_ridge=0.05)
    fit_closed_form(model, made, np.ones(2), QUIET, config, itself)
    weights, offset = (
        part.clone().requires_grad_() for part in (model.closure_map, model.closure_offset)
    )
    loss = config.closure_ridge * weights.square().sum() / 2
    sounds = [(torch.from_numpy(clip.speech[0]).float(), clip.shut, 0.5) for clip in made]
    for speech, shut, share in [*sounds, (torch.from_numpy(QUIET), np.ones(40, bool), 0.1)]:
        x = windows(model.standardise(speech)[None], 0)[0]
        loss = loss + share * torch.nn.functional.binary_cross_entropy_with_logits(
            x @ weights + offset, torch.from_numpy(shut).float()
        )
    loss.backward()
    assert weights.grad is not None and offset.grad is not None
    assert weights.grad.abs().max() < 0.005
    assert offset.grad.abs() < 0.005
