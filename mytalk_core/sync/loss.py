"""The sync loss of the motion model, from the training copy of the expert."""

from torch import Tensor
from torch.nn import functional as F

from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.training import offset_logits


def sync_losses(expert: SyncExpert, lips: Tensor, speech: Tensor) -> Tensor:
    """Return the cross-entropy of the true offset for each example, (B,), differentiable in `lips`.

    The classes are the offsets -15..15; the loss is a mean over windows. Lips that fit several
    offsets equally well cost as much as lips that fit none. The mean of the lips over time is
    removed, so a constant displacement has no effect.

    Args:
        expert: from `load_expert(Purpose.TRAINING)`, on the device of the lips, frozen by
            `requires_grad_(False)`.
        lips: (B, T, 40, 2) aligned lip points in the order of the scheme's `lips`, or their
            displacements from the person's rest; inter-ocular units, 25 fps. T > 5, and T >= 36
            for all offsets to be used.
        speech: (B, T, 512) speech features at 25 Hz as recorded, not standardised.
    """
    moved = lips - lips.mean(dim=1, keepdim=True)
    lip_vectors, sound_vectors = expert.embed_lips(moved), expert.embed_sound(speech)
    logits, target = offset_logits(lip_vectors, sound_vectors, expert.log_temperature.exp())
    by_window = F.cross_entropy(logits, target, reduction="none")
    return by_window.mean(dim=1)
