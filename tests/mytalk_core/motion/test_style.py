"""Adaptation of the linear estimate to a person."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.motion.style import StyleClip, StyleConfig, with_style

FRAMES = 120
WIDTH = 512
KEEN = StyleConfig(caution=20.0)


@pytest.fixture
def model() -> SpeechToMotion:
    """A model whose linear estimate is zero, with a random basis."""
    torch.manual_seed(0)
    made = SpeechToMotion(SIZES["tiny"]).eval()
    coordinates = made.space.basis.shape[1]
    made.space.basis.copy_(torch.linalg.qr(torch.randn(coordinates, 8))[0].T)
    return made


def person(model: SpeechToMotion, seed: int, clips: int = 4) -> list[StyleClip]:
    """Return clips of a person whose mouth follows three directions of the speech features."""
    random = np.random.default_rng(seed)
    habit = random.normal(size=(3, model.space.basis.shape[0]))
    directions = np.random.default_rng(99).normal(size=(3, WIDTH)) / np.sqrt(WIDTH)
    made = []
    for _ in range(clips):
        content = np.cumsum(random.normal(size=(FRAMES, 3)), axis=0)
        content -= content.mean(axis=0)
        components = torch.from_numpy((content @ habit).astype(np.float32))
        speech = 3 * content @ directions * np.sqrt(WIDTH) + random.normal(size=(FRAMES, WIDTH))
        moved = model.space.decode(components).numpy()
        made.append(StyleClip(speech.astype(np.float32), moved, np.zeros_like(moved[0])))
    return made


def estimated(model: SpeechToMotion, clip: StyleClip) -> NDArray[np.float32]:
    """Return the linear estimate from a clip's speech as displacements."""
    speech = model.standardise(torch.from_numpy(clip.speech)[None])
    closed = model.space.encode(torch.from_numpy(clip.closed)[None])
    estimate = model.estimate(speech, model.voice(speech), closed)
    moved: NDArray[np.float32] = model.space.decode(estimate)[0].numpy()
    return moved


def unexplained(model: SpeechToMotion, clip: StyleClip) -> float:
    """Return the share of the variance that the estimate does not explain."""
    return float(np.square(estimated(model, clip) - clip.displacement).sum()) / float(
        np.square(clip.displacement).sum()
    )


def test_a_style_generalises_to_other_clips_of_the_person(model: SpeechToMotion) -> None:
    *seen, unseen = person(model, seed=1)
    styled = with_style(model, seen, KEEN)

    assert unexplained(model, unseen) == pytest.approx(1)
    assert unexplained(styled, unseen) < 0.1


def test_the_correction_is_the_ridge_regression_of_the_residual(model: SpeechToMotion) -> None:
    """The dual form against the primal form, with an initial map that is not zero."""
    model.speech_map.copy_(0.01 * torch.randn_like(model.speech_map))
    context = model.config.speech_context
    (clip,) = person(model, seed=2, clips=1)
    styled = with_style(model, [clip], KEEN)

    index = np.clip(np.arange(FRAMES)[:, None] + np.arange(-context, context + 1), 0, FRAMES - 1)
    voice = clip.speech.sum(axis=0) / (FRAMES + model.config.voice_prior)
    x = (clip.speech - voice)[index].reshape(FRAMES, -1).astype(np.float64)
    y = model.space.encode(torch.from_numpy(clip.displacement)).double().numpy()
    before = model.speech_map.double().numpy()
    normal = x.T @ x + KEEN.caution * np.eye(x.shape[1])
    expected = before + np.linalg.solve(normal, x.T @ (y - x @ before))
    np.testing.assert_allclose(styled.speech_map, expected, atol=2e-4)


def test_the_original_model_is_unchanged_and_no_clips_give_no_correction(
    model: SpeechToMotion,
) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    styled, plain = with_style(model, person(model, seed=1)), with_style(model, [])

    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)
        torch.testing.assert_close(plain.state_dict()[name], value, atol=0, rtol=0)
        if name != "speech_map":
            torch.testing.assert_close(styled.state_dict()[name], value, atol=0, rtol=0)
    assert not torch.equal(styled.speech_map, model.speech_map)
    assert styled.denoiser.output.weight is model.denoiser.output.weight  # shared


def test_caution_shrinks_the_correction_and_frames_are_subsampled(model: SpeechToMotion) -> None:
    clips = person(model, seed=3)
    changes = [
        float((with_style(model, clips, StyleConfig(caution)).speech_map).norm())
        for caution in (1e2, 1e4, 1e6)
    ]
    assert changes[0] > changes[1] > changes[2] > 0
    few = with_style(model, clips, StyleConfig(20.0, most_frames=100))
    assert unexplained(few, clips[0]) < 0.2
