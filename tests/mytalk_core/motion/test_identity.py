"""The identity extractor: order of frames, sizes, loss."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.identity import IdentityConfig, IdentityExtractor, identity_loss

CONFIG = IdentityConfig(tokens=3, hidden=16, vector=8)


@pytest.fixture(scope="module")
def extractor() -> IdentityExtractor:
    torch.manual_seed(0)
    return IdentityExtractor(12, 10, CONFIG)


def test_outputs_have_the_configured_shapes_and_unit_length(extractor: IdentityExtractor) -> None:
    tokens, vector = extractor(torch.randn(2, 5, 12))
    assert tokens.shape == (2, 3, 10)
    assert vector.shape == (2, 8)
    torch.testing.assert_close(vector.norm(dim=-1), torch.ones(2))


@given(st.permutations(range(6)))
def test_the_order_of_frames_has_no_effect(extractor: IdentityExtractor, order: list[int]) -> None:
    frames = torch.randn(2, 6, 12, generator=torch.Generator().manual_seed(0))
    for one, other in zip(extractor(frames), extractor(frames[:, order]), strict=True):
        torch.testing.assert_close(one, other)


def test_a_changed_frame_changes_the_tokens(extractor: IdentityExtractor) -> None:
    frames = torch.randn(1, 6, 12)
    changed = frames.clone()
    changed[:, 2] += 1
    assert not torch.allclose(extractor(frames)[0], extractor(changed)[0])


def test_the_loss_is_zero_for_equal_and_two_for_opposite_vectors() -> None:
    one, other = torch.eye(4)[:2], torch.eye(4)[2:]
    assert identity_loss(one, one).item() == pytest.approx(0)
    assert identity_loss(one, -one).item() == pytest.approx(2)
    assert identity_loss(one, other).item() == pytest.approx(1)
