"""The training copy of the expert as a loss: do these lips belong to this moment of the speech?"""

from torch import Tensor
from torch.nn import functional as F

from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.training import offset_logits


def sync_losses(expert: SyncExpert, lips: Tensor, speech: Tensor) -> Tensor:
    """How surely the expert tells when each moment of the lips is said; 0 where it is certain.

    Cross-entropy over the offsets -15..15, averaged over windows: lips that fit as well a few
    frames later cost as much as lips that do not fit. The lips' mean over time is taken out first,
    so a constant displacement neither costs nor gains anything.

    Args:
        expert: from `load_expert(Purpose.TRAINING)`, on the device of the lips. Call
            `requires_grad_(False)` on it once: it must not learn.
        lips: (B, T, 40, 2) aligned lip points in the order of the scheme's `lips`, inter-ocular
            units, 25 fps; their displacement from the person's rest serves as well. T > 5, and
            T >= 36 for all offsets to have their say.
        speech: (B, T, 512) speech features at 25 Hz, as recorded: not standardised, no noise.

    Returns:
        (B,), one of each example; gradients reach `lips`.
    """
    moved = lips - lips.mean(dim=1, keepdim=True)
    seen, heard = expert.embed_lips(moved), expert.embed_sound(speech)
    logits, target = offset_logits(seen, heard, expert.log_temperature.exp())
    by_window = F.cross_entropy(logits, target, reduction="none")
    return by_window.mean(dim=1)
