"""Small speech-to-motion models that have something to say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from mytalk_core.motion.model import SIZES, SpeechToMotion


@pytest.fixture(scope="session")
def lively_model() -> Callable[..., SpeechToMotion]:
    """Makes a tiny model, in evaluation mode, whose every weight matters (as after training).

    Keyword arguments replace fields of its configuration.
    """

    def make(**fields: Any) -> SpeechToMotion:
        torch.manual_seed(0)
        model = SpeechToMotion(replace(SIZES["tiny"], **fields))
        with torch.no_grad():
            model.denoiser.output.weight.normal_(std=0.3)
            model.speech_map.normal_(std=0.01)
            model.space.basis.normal_(std=0.1)
            for name, weight in model.named_parameters():
                if name.endswith("position_bias"):
                    weight.normal_()
        return model.eval()

    return make
