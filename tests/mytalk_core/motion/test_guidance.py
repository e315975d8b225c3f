"""Guidance against its formula, and its cost."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.motion.guidance import guided, without_speech
from mytalk_core.motion.model import Conditions, SpeechToMotion

Lively = Callable[..., SpeechToMotion]
Inputs = tuple[torch.Tensor, torch.Tensor, Conditions]


@pytest.fixture(scope="module")
def model(lively_model: Lively) -> SpeechToMotion:
    return lively_model()


@pytest.fixture(scope="module")
def inputs(model: SpeechToMotion) -> Inputs:
    draws = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, 20, model.config.space.components, generator=draws),
        torch.tensor([0.5, 0.9]),
        Conditions(
            torch.randn(2, 20, 3 * len(model.scheme.pose_context), generator=draws),
            torch.randn(2, 20, 512, generator=draws),
            torch.randn(2, 512, generator=draws),
            torch.randn(2, 4, model.config.denoiser.width, generator=draws),
            torch.randn(2, model.config.space.components, generator=draws),
        ),
    )


class Counted:
    """A model that records the sizes of its batches."""

    def __init__(self, model: SpeechToMotion) -> None:
        self.model = model
        self.batches: list[int] = []

    def __call__(
        self, noisy: torch.Tensor, time: torch.Tensor, conditions: Conditions
    ) -> torch.Tensor:
        self.batches.append(len(noisy))
        clean: torch.Tensor = self.model(noisy, time, conditions)
        return clean


@torch.inference_mode()
def test_strength_one_is_the_plain_prediction_in_one_pass(
    model: SpeechToMotion, inputs: Inputs
) -> None:
    counted = Counted(model)
    torch.testing.assert_close(guided(counted, *inputs, 1.0), model(*inputs), atol=0, rtol=0)
    assert counted.batches == [2]


@torch.inference_mode()
def test_other_strengths_take_one_pass_of_twice_the_batch(
    model: SpeechToMotion, inputs: Inputs
) -> None:
    counted = Counted(model)
    guided(counted, *inputs, 1.5)
    assert counted.batches == [4]


@settings(max_examples=20)
@given(strength=st.floats(0, 3))
@torch.inference_mode()
def test_the_effect_of_speech_is_multiplied(
    model: SpeechToMotion, inputs: Inputs, strength: float
) -> None:
    """Ho and Salimans 2022, equation 6."""
    noisy, time, conditions = inputs
    silent = replace(
        conditions,
        speech=without_speech(conditions.speech),
        voice=without_speech(conditions.voice),
    )
    conditional, unconditional = model(*inputs), model(noisy, time, silent)
    effect = conditional - unconditional
    assert effect.abs().max() > 0.1
    torch.testing.assert_close(
        guided(model, *inputs, strength), unconditional + strength * effect, atol=1e-4, rtol=1e-4
    )


@torch.inference_mode()
def test_the_estimate_without_speech_is_the_mean_share_of_the_shut_mouth(
    model: SpeechToMotion, inputs: Inputs
) -> None:
    closed, nothing = inputs[2].closed, without_speech(inputs[2].speech)
    estimate = model.estimate(nothing, model.voice(nothing), closed)
    usual = model.config.closure_share * torch.sigmoid(model.closure_offset) * closed
    torch.testing.assert_close(estimate, usual[:, None].expand_as(estimate))
