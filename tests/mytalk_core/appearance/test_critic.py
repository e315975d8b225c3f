"""The critic distinguishes drawn patches of a mouth from true ones."""

import pytest
import torch

from mytalk_core.appearance.critic import (
    MouthCritic,
    adversarial_loss,
    critic_loss,
    feature_matching,
)


def mouths(count: int, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 6, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("side", [32, 64, 128])
def test_every_patch_has_a_logit(side: int) -> None:
    found = MouthCritic()(mouths(2, side))
    assert [part.shape[-1] for part in found] == [side // 2, side // 4, side // 8, side // 8]
    assert found[-1].shape == (2, 1, side // 8, side // 8)


def test_a_logit_depends_on_its_patch_only() -> None:
    """A change in one corner does not affect the opposite one."""
    torch.manual_seed(0)
    critic = MouthCritic()
    one = mouths(1, 64)
    other = one.clone()
    other[..., :8, :8] = 0
    verdicts = [critic(each)[-1][0, 0] for each in (one, other)]
    change = (verdicts[0] - verdicts[1]).abs()
    assert change[0, 0] > 0
    assert change[4:, 4:].max() == 0


def test_logits_depend_on_the_landmarks() -> None:
    """The same picture with other landmarks has other logits."""
    torch.manual_seed(0)
    critic = MouthCritic()
    one = mouths(1)
    other = torch.cat([one[:, :3], one[:, 3:].flip(-1)], dim=1)
    assert not torch.equal(critic(one)[-1], critic(other)[-1])


def test_losses_are_least_squares() -> None:
    true, drawn = torch.tensor([1.0, 0.5]), torch.tensor([0.0, 2.0])
    assert critic_loss(true, drawn) == pytest.approx(0.5 * (0.25 / 2 + 4 / 2))
    assert critic_loss(torch.ones(3), torch.zeros(3)) == 0
    assert adversarial_loss(drawn) == pytest.approx(0.5 * (1 + 1) / 2)
    assert adversarial_loss(torch.ones(3)) == 0


def test_features_are_compared_layer_by_layer() -> None:
    true = [torch.zeros(1, 4, 8, 8), torch.zeros(1, 8, 4, 4)]
    drawn = [torch.full((1, 4, 8, 8), 0.5), torch.full((1, 8, 4, 4), -0.1)]
    assert feature_matching(true, drawn) == pytest.approx(0.3)
    assert feature_matching(drawn, drawn) == 0


def test_the_critic_learns_to_detect_blur() -> None:
    torch.manual_seed(0)
    critic = MouthCritic()
    optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    for step in range(40):
        true = mouths(4, seed=step)
        drawn = torch.nn.functional.avg_pool2d(true, 3, 1, 1)
        loss = critic_loss(critic(true)[-1], critic(drawn)[-1])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        true = mouths(8, seed=1000)
        drawn = torch.nn.functional.avg_pool2d(true, 3, 1, 1)
        assert critic(true)[-1].min() > critic(drawn)[-1].max()
