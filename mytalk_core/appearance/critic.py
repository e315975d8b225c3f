"""The critic, a patch discriminator of the mouth. It is trained with the renderer, not shipped."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CHANNELS = 6  # RGB of the mouth and three channels of drawn landmarks
_WIDTHS = (32, 64, 96)


class MouthCritic(nn.Module):
    """A patch discriminator whose input is the mouth alone.

    Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels = _CHANNELS
        for width in _WIDTHS:
            self.stages.append(nn.Conv2d(channels, width, 4, 2, 1))
            channels = width
        self.verdict = nn.Conv2d(channels, 1, 3, 1, 1)  # this name is in checkpoints

    def forward(self, mouth: Tensor) -> list[Tensor]:
        """Map picture and drawn landmarks (B, 6, H, H) to features, with the patch logits last.

        Larger logits mean more likely true.
        """
        found = []
        x = mouth
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
            found.append(x)
        return [*found, self.verdict(x)]


def critic_loss(true: Tensor, drawn: Tensor) -> Tensor:
    """Return the critic's loss of the logits (least squares: Mao et al., ICCV 2017)."""
    return 0.5 * ((true - 1).square().mean() + drawn.square().mean())


def adversarial_loss(drawn: Tensor) -> Tensor:
    """Return the renderer's adversarial loss of the logits."""
    return 0.5 * (drawn - 1).square().mean()


def feature_matching(true: list[Tensor], drawn: list[Tensor]) -> Tensor:
    """Return the mean L1 of the critic's features (Wang et al., pix2pixHD, CVPR 2018, eq. 4)."""
    distances = [F.l1_loss(ours, theirs) for ours, theirs in zip(drawn, true, strict=True)]
    return torch.stack(distances).mean()
