"""Half precision where the hardware has it."""

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: GPUs from Ampere on, CPUs with AVX512-BF16."""
    if device.type == "cuda":
        supported: bool = torch.cuda.is_bf16_supported()
        return supported
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return supported


def autocast(device: torch.device, wanted: bool, learning: bool = False) -> torch.autocast:
    """A context in which convolutions and matrix products run in bfloat16 if that helps.

    Args:
        learning: weights are cast anew at each use. A cast that was kept from a pass without
            gradients would pass none on later, and its weight would never be learnt.
    """
    return torch.autocast(
        device.type,
        torch.bfloat16,
        enabled=wanted and has_fast_bfloat16(device),
        cache_enabled=not learning,
    )
