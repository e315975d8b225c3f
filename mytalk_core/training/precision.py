"""bfloat16 where the hardware supports it."""

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 beats float32: GPUs from Ampere on, CPUs with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        supported: bool = torch.cuda.is_bf16_supported()
        return supported
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return supported


def autocast(device: torch.device, wanted: bool, learning: bool = False) -> torch.autocast:
    """Return a context that runs convolutions and matrix products in bfloat16 where it is faster.

    Args:
        learning: disable the cache of cast weights. A cast cached under `no_grad` has no gradient,
            so a later training pass that reused it would not update its weight.
    """
    return torch.autocast(
        device.type,
        torch.bfloat16,
        enabled=wanted and has_fast_bfloat16(device),
        cache_enabled=not learning,
    )
