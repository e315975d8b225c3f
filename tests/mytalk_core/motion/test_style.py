"""A person's way of speaking is learnt from little footage, and from none nothing is."""

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
    """One that reads nothing out of speech, over a basis of random directions."""
    torch.manual_seed(0)
    made = SpeechToMotion(SIZES["tiny"]).eval()
    coordinates = made.space.basis.shape[1]
    made.space.basis.copy_(torch.linalg.qr(torch.randn(coordinates, 8))[0].T)
    return made


def person(model: SpeechToMotion, seed: int, clips: int = 4) -> list[StyleClip]:
    """Clips of somebody whose mouth follows three directions of the speech in their own way."""
    random = np.random.default_rng(seed)
    habit = random.normal(size=(3, model.space.basis.shape[0]))
    directions = np.random.default_rng(99).normal(size=(3, WIDTH)) / np.sqrt(WIDTH)
    made = []
    for _ in range(clips):
        said = np.cumsum(random.normal(size=(FRAMES, 3)), axis=0)
        said -= said.mean(axis=0)
        components = torch.from_numpy((said @ habit).astype(np.float32))
        speech = 3 * said @ directions * np.sqrt(WIDTH) + random.normal(size=(FRAMES, WIDTH))
        moved = model.space.decode(components).numpy()
        made.append(StyleClip(speech.astype(np.float32), moved, np.zeros_like(moved[0])))
    return made


def read(model: SpeechToMotion, clip: StyleClip) -> NDArray[np.float32]:
    """What is read from a clip's speech, as displacements."""
    speech = model.standardise(torch.from_numpy(clip.speech)[None])
    closed = model.space.encode(torch.from_numpy(clip.closed)[None])
    moved: NDArray[np.float32] = model.space.decode(model.estimate(speech, closed))[0].numpy()
    return moved


def share_missed(model: SpeechToMotion, clip: StyleClip) -> float:
    return float(np.square(read(model, clip) - clip.displacement).sum()) / float(
        np.square(clip.displacement).sum()
    )


def test_a_style_shows_in_clips_that_were_not_seen(model: SpeechToMotion) -> None:
    *seen, unseen = person(model, seed=1)
    styled = with_style(model, seen, KEEN)

    assert share_missed(model, unseen) == pytest.approx(1)
    assert share_missed(styled, unseen) < 0.1


def test_it_is_the_ridge_regression_of_what_was_missed(model: SpeechToMotion) -> None:
    """The dual form against the primal one, around a map that is not zero."""
    model.speech_map.copy_(0.01 * torch.randn_like(model.speech_map))
    context = model.config.speech_context
    (clip,) = person(model, seed=2, clips=1)
    styled = with_style(model, [clip], KEEN)

    index = np.clip(np.arange(FRAMES)[:, None] + np.arange(-context, context + 1), 0, FRAMES - 1)
    x = clip.speech[index].reshape(FRAMES, -1).astype(np.float64)
    y = model.space.encode(torch.from_numpy(clip.displacement)).double().numpy()
    before = model.speech_map.double().numpy()
    normal = x.T @ x + KEEN.caution * np.eye(x.shape[1])
    expected = before + np.linalg.solve(normal, x.T @ (y - x @ before))
    np.testing.assert_allclose(styled.speech_map, expected, atol=2e-4)


def test_the_model_itself_stays_and_without_footage_nothing_changes(model: SpeechToMotion) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    styled, plain = with_style(model, person(model, seed=1)), with_style(model, [])

    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)
        torch.testing.assert_close(plain.state_dict()[name], value, atol=0, rtol=0)
        if name != "speech_map":
            torch.testing.assert_close(styled.state_dict()[name], value, atol=0, rtol=0)
    assert not torch.equal(styled.speech_map, model.speech_map)
    assert styled.denoiser.output.weight is model.denoiser.output.weight  # held once


def test_more_caution_changes_less_and_hours_cost_what_minutes_do(model: SpeechToMotion) -> None:
    clips = person(model, seed=3)
    changes = [
        float((with_style(model, clips, StyleConfig(caution)).speech_map).norm())
        for caution in (1e2, 1e4, 1e6)
    ]
    assert changes[0] > changes[1] > changes[2] > 0
    few = with_style(model, clips, StyleConfig(20.0, most_frames=100))
    assert share_missed(few, clips[0]) < 0.2
