"""The critic: which patches of a mouth look drawn. Trained beside the renderer, not shipped."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of pictures of the mouth and the landmarks drawn on them.
_CHANNELS = 6
_WIDTHS = (32, 64, 96)


class MouthCritic(nn.Module):
    """A patch discriminator (Isola et al., "Image-to-image translation with conditional
    adversarial networks", CVPR 2017) that sees the mouth alone, and so weighs nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels = _CHANNELS
        for width in _WIDTHS:
            self.stages.append(nn.Conv2d(channels, width, 4, 2, 1))
            channels = width
        self.verdict = nn.Conv2d(channels, 1, 3, 1, 1)

    def forward(self, mouth: Tensor) -> list[Tensor]:
        """(B, 6, H, H) picture and drawn landmarks to features, and the verdict of each patch last.

        More is truer.
        """
        found = []
        x = mouth
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
            found.append(x)
        return [*found, self.verdict(x)]


def critic_loss(true: Tensor, drawn: Tensor) -> Tensor:
    """What the critic minimises (least squares: Mao et al., ICCV 2017), of two verdicts."""
    return 0.5 * ((true - 1).square().mean() + drawn.square().mean())


def deceit_loss(drawn: Tensor) -> Tensor:
    """What the renderer minimises to have its verdict taken for a true one."""
    return 0.5 * (drawn - 1).square().mean()


def feature_matching(true: list[Tensor], drawn: list[Tensor]) -> Tensor:
    """Mean distance of the critic's features (Wang et al., pix2pixHD, CVPR 2018, equation 4)."""
    distances = [F.l1_loss(ours, theirs) for ours, theirs in zip(drawn, true, strict=True)]
    return torch.stack(distances).mean()
