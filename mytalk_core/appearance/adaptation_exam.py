"""What judges a renderer that learns an actor: frames that taught it nothing, drawn as in a dub.

A dub that has learnt an actor draws each stretch of a film from its own frames and from those of
other stretches that look alike. Learnt weights shine where they draw from others' frames, so that
judges who were shown a take's own frames alone would send weights back that help.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.album import AlbumConfig, AlbumPage, album_page, with_others
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.mouth_scores import score_mouths
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.reference_choice import covering_frames, serving_frames, unlikeness
from mytalk_core.appearance.renderer import Renderer

_ALBUM = AlbumConfig()


@dataclass(frozen=True)
class Scores:
    """Of the mouth in frames that were kept back, drawn with their true landmarks; means."""

    psnr: float  # dB
    lpips: float  # less is better

    def error_beside(self, other: "Scores") -> float:
        """How large the error is, that of `other` being 1: pixels and perception count alike."""
        pixels = 10 ** ((other.psnr - self.psnr) / 20)
        return (pixels + self.lpips / other.lpips) / 2


@dataclass(frozen=True)
class Exam:
    """Frames of one take that judge a renderer, and what it is shown of the person."""

    target: CropTensors  # (N, ..)
    references: CropTensors  # (K, ..)

    def to(self, device: torch.device) -> "Exam":
        """The same on another device."""
        return Exam(self.target.to(device), self.references.to(device))


def exam(
    take: Take, learnt: Take, others: Sequence[AlbumPage], references: int, renderer: Renderer
) -> Exam:
    """All frames of `take` as what judges `renderer`, with references as in a dub.

    Args:
        learnt: frames of the same take that are learnt from.
        others: pages of other takes.
        references: how many of `learnt` are shown.
    """
    asked, scheme = take.clip.mouths, take.clip.scheme
    shown = learnt.choose(serving_frames(unlikeness(asked, learnt.clip.mouths), references)).clip
    known, _ = with_others(shown.crops, shown.mouths.moments, asked, others, scheme, _ALBUM)
    target, seen = (
        crop_tensors(crops, scheme, renderer.config.size) for crops in (take.clip.crops, known)
    )
    return Exam(target, seen).to(next(renderer.parameters()).device)


def take_pages(takes: Sequence[Take]) -> list[AlbumPage]:
    """A page of each take, of frames that stand for all of it; none may be empty."""
    count = max(_ALBUM.frames // max(len(takes), 1), 1)
    pages = []
    for take in takes:
        mouths = take.clip.mouths
        some = take.choose(covering_frames(mouths.lips, mouths.anchors, count)).clip
        pages.append(album_page(some.crops, some.mouths.moments))
    return pages


def spread_places(lengths: Sequence[int], count: int) -> list[NDArray[np.int64]]:
    """`count` places, or all there are, evenly over sequences laid end to end: those in each."""
    ends, total = np.cumsum(lengths), sum(lengths)
    chosen = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))
    return [
        chosen[(chosen >= end - length) & (chosen < end)] - (end - length)
        for length, end in zip(lengths, ends, strict=True)
    ]


def score(renderer: Renderer, exams: Sequence[Exam], lpips: Lpips) -> Scores:
    """Means over all frames of the exams."""
    found = [score_mouths(renderer, each.target, each.references, lpips) for each in exams]
    return Scores(
        psnr=float(np.concatenate([each.psnr for each in found]).mean()),
        lpips=float(np.concatenate([each.lpips for each in found]).mean()),
    )
