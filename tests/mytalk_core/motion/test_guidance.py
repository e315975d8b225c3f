"""Guidance against its formula, and what it costs."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.motion.guidance import guided, unheard
from mytalk_core.motion.model import SpeechToMotion

Lively = Callable[..., SpeechToMotion]
Inputs = tuple[torch.Tensor, ...]


@pytest.fixture(scope="module")
def model(lively_model: Lively) -> SpeechToMotion:
    return lively_model()


@pytest.fixture(scope="module")
def inputs(model: SpeechToMotion) -> Inputs:
    draws = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, 20, model.config.space.components, generator=draws),
        torch.tensor([0.5, 0.9]),
        torch.randn(2, 20, 3 * len(model.scheme.pose_context), generator=draws),
        torch.randn(2, 20, 512, generator=draws),
        torch.randn(2, 4, model.config.denoiser.width, generator=draws),
        torch.randn(2, model.config.space.components, generator=draws),
    )


class Counted:
    """A model that remembers the batches it was asked for."""

    def __init__(self, model: SpeechToMotion) -> None:
        self.model = model
        self.batches: list[int] = []

    def __call__(
        self,
        noisy: torch.Tensor,
        time: torch.Tensor,
        upper_face: torch.Tensor,
        speech: torch.Tensor,
        identity: torch.Tensor,
        closed: torch.Tensor,
    ) -> torch.Tensor:
        self.batches.append(len(noisy))
        clean: torch.Tensor = self.model(noisy, time, upper_face, speech, identity, closed)
        return clean


@torch.inference_mode()
def test_at_strength_one_the_model_is_asked_once_and_answers_itself(
    model: SpeechToMotion, inputs: Inputs
) -> None:
    counted = Counted(model)
    torch.testing.assert_close(guided(counted, *inputs, 1.0), model(*inputs), atol=0, rtol=0)
    assert counted.batches == [2]


@torch.inference_mode()
def test_any_other_strength_takes_one_pass_of_twice_the_batch(
    model: SpeechToMotion, inputs: Inputs
) -> None:
    counted = Counted(model)
    guided(counted, *inputs, 1.5)
    assert counted.batches == [4]


@settings(deadline=None, max_examples=20)
@given(strength=st.floats(0, 3))
@torch.inference_mode()
def test_the_share_of_the_speech_is_multiplied(
    model: SpeechToMotion, inputs: Inputs, strength: float
) -> None:
    """Ho and Salimans 2022, equation 6."""
    noisy, time, upper_face, speech, identity, closed = inputs
    heard = model(*inputs)
    deaf = model(noisy, time, upper_face, unheard(speech), identity, closed)
    assert (heard - deaf).abs().max() > 0.1
    torch.testing.assert_close(
        guided(model, *inputs, strength), deaf + strength * (heard - deaf), atol=1e-4, rtol=1e-4
    )


@torch.inference_mode()
def test_of_no_speech_nothing_is_read_but_how_often_mouths_are_shut(
    model: SpeechToMotion, inputs: Inputs
) -> None:
    estimate = model.estimate(unheard(inputs[3]), inputs[5])
    usual = model.config.closure_share * torch.sigmoid(model.closure_offset) * inputs[5]
    torch.testing.assert_close(estimate, usual[:, None].expand_as(estimate))
