"""bfloat16: a pass without gradients does not keep a weight from being trained."""

import pytest
import torch
from torch import nn

from mytalk_core.training import precision
from mytalk_core.training.precision import autocast


def test_a_weight_gets_its_gradient_after_a_pass_without_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: True)
    layer = nn.Linear(4, 4)
    x = torch.ones(2, 4)
    with autocast(torch.device("cpu"), True, learning=True):
        with torch.no_grad():
            guess = layer(x)
        output = layer(guess)
    assert output.dtype is torch.bfloat16
    output.float().sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0
