"""Generation of a film's motion: blocks, receptive field, seeds, guidance."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch

from mytalk_core.motion import sampling
from mytalk_core.motion.known_face import IDENTITY_FRAMES, KnownFace, known_face
from mytalk_core.motion.model import Conditions, SpeechToMotion
from mytalk_core.motion.sampler import DiffusionConfig
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.motion.stream import context_frames

Lively = Callable[..., SpeechToMotion]
FRAMES = 700


@pytest.fixture(scope="module")
def model(lively_model: Lively) -> SpeechToMotion:
    return lively_model(diffusion=DiffusionConfig(steps=3, temperature=1.0))


def speech(frames: int = FRAMES, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 512)).astype(np.float32)


def motion(
    model: SpeechToMotion, features: np.ndarray, seed: int = 0, guidance: float = 1.0
) -> np.ndarray:
    random = np.random.default_rng(9)
    shapes = random.normal(0, 0.3, (32, 3 * len(model.scheme.moving))).astype(np.float32)
    face = KnownFace(shapes, shapes[0] / 10)
    still = random.normal(0, 0.3, 3 * len(model.scheme.pose_context)).astype(np.float32)
    upper = np.repeat(still[None], len(features), axis=0)
    return np.concatenate(list(generate_motion(model, features, upper, face, seed, guidance)))


@pytest.mark.parametrize("block", [90, 251, 699])
def test_motion_does_not_depend_on_the_block_size(
    model: SpeechToMotion, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_BLOCK", FRAMES)
    whole = motion(model, speech())
    assert whole.shape == (FRAMES, len(model.scheme.moving), 3)
    monkeypatch.setattr(sampling, "_BLOCK", block)
    cut = motion(model, speech())
    assert whole.std() > 0.01
    np.testing.assert_allclose(cut, whole, atol=1e-4 * whole.std())


def test_context_frames_is_the_receptive_field_of_the_network(lively_model: Lively) -> None:
    """Measured by gradients of the middle frame with respect to all noisy frames."""
    tiny = lively_model().config.denoiser
    model = lively_model(
        denoiser=replace(tiny, layers=2, reach=5, kernel=5),
        diffusion=DiffusionConfig(steps=1),
        speech_context=0,
    )
    noisy = torch.randn(1, 61, model.config.space.components, requires_grad=True)
    conditions = Conditions(
        torch.zeros(1, 61, 3 * len(model.scheme.pose_context)),
        torch.zeros(1, 61, 512),
        torch.zeros(1, 512),
        torch.zeros(1, 1, model.config.denoiser.width),
        torch.zeros(1, model.config.space.components),
    )
    clean = model(noisy, torch.tensor([0.5]), conditions)
    (gradient,) = torch.autograd.grad(clean[0, 30].square().sum(), noisy)
    reached = gradient[0].abs().sum(dim=1).nonzero()[:, 0]
    assert reached.min() == 30 - context_frames(model)
    assert reached.max() == 30 + context_frames(model)


def test_speech_beyond_the_context_has_no_effect_but_through_the_voice(
    lively_model: Lively,
) -> None:
    model = lively_model(diffusion=DiffusionConfig(steps=3, temperature=1.0), voice_prior=1e9)
    original = speech()
    changed = original.copy()
    changed[400:] = speech(300, seed=1)
    one, other = motion(model, original), motion(model, changed)
    same = 400 - context_frames(model)
    np.testing.assert_allclose(one[:same], other[:same], atol=1e-5)
    assert np.abs(one[395:400] - other[395:400]).max() > 1e-3


def test_motion_depends_on_the_seed_alone(model: SpeechToMotion) -> None:
    features = speech(60)
    first = motion(model, features, seed=1)
    torch.rand(7)  # advances the global generator
    np.testing.assert_array_equal(motion(model, features, seed=1), first)
    assert np.abs(motion(model, features, seed=2) - first).max() > 1e-3


def test_the_seed_has_no_effect_at_temperature_zero(lively_model: Lively) -> None:
    cold = lively_model(diffusion=DiffusionConfig(steps=2, temperature=0.0))
    np.testing.assert_array_equal(
        motion(cold, speech(30), seed=1), motion(cold, speech(30), seed=2)
    )


def test_half_precision_features_are_accepted(model: SpeechToMotion) -> None:
    half = speech(40).astype(np.float16)
    np.testing.assert_allclose(
        motion(model, half), motion(model, half.astype(np.float32)), atol=1e-6
    )


def test_zero_frames_of_speech_give_no_motion(model: SpeechToMotion) -> None:
    upper, face = (
        np.zeros((count, 3 * len(points)), np.float32)
        for count, points in ((0, model.scheme.pose_context), (1, model.scheme.moving))
    )
    still = KnownFace(face, face[0])
    assert list(generate_motion(model, speech(0), upper, still, seed=0)) == []


@pytest.mark.parametrize("frames", [1, 10, 32, 500])
def test_identity_frames_span_the_whole_film(frames: int) -> None:
    shapes = np.arange(frames, dtype=np.float32)[:, None]
    known = known_face(shapes, shapes[0])
    chosen = known.shapes[:, 0]
    assert len(chosen) == IDENTITY_FRAMES
    assert chosen[0] == 0
    assert chosen[-1] == frames - 1
    assert (np.diff(chosen) >= 0).all()


def test_context_grows_with_depth_and_steps(lively_model: Lively) -> None:
    def context(layers: int, steps: int) -> int:
        tiny = lively_model().config.denoiser
        return context_frames(
            lively_model(
                denoiser=replace(tiny, layers=layers), diffusion=DiffusionConfig(steps=steps)
            )
        )

    def rising(numbers: Iterable[int]) -> bool:
        listed = list(numbers)
        return listed == sorted(set(listed))

    assert rising(context(layers, 2) for layers in (1, 2, 3))
    assert rising(context(1, steps) for steps in (1, 2, 3))


def test_guidance_scales_the_effect_of_speech(model: SpeechToMotion) -> None:
    """With one sampling step motion is linear in the strength."""
    features = speech(30)
    single = replace(model.config, diffusion=DiffusionConfig(steps=1))
    one_step = SpeechToMotion(single).eval()
    one_step.load_state_dict(model.state_dict())

    def at(strength: float) -> np.ndarray:
        return motion(one_step, features, guidance=strength)

    assert np.abs(at(2.0) - at(1.0)).max() > 1e-3
    np.testing.assert_allclose(at(2.0) - at(1.0), at(1.0) - at(0.0), atol=1e-4)
    np.testing.assert_array_equal(at(1.0), motion(one_step, features))
