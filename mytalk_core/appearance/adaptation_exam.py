"""What judges a renderer that learns an actor: frames that taught it nothing, drawn as in a dub.

A dub that has learnt an actor draws each stretch of a film from its own frames and from those of
other stretches that look alike, at the film's own resolution, and blends it into the film. Learnt
weights gain more there than in what the network draws by itself from a take's own frames, by which
they would be sent back where they help.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.album import AlbumConfig, AlbumPage, album_page, with_others
from mytalk_core.appearance.blending import BlendConfig, blended_crops
from mytalk_core.appearance.face_crops import FaceCrops, crop_regions, crop_tensors
from mytalk_core.appearance.face_hulls import face_hulls
from mytalk_core.appearance.grain import NO_GRAIN
from mytalk_core.appearance.mouth_scores import MouthScores, score_pictures
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.redraw import encode_person, redraw
from mytalk_core.appearance.reference_choice import covering_frames, serving_frames, unlikeness
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_BLEND = BlendConfig()
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

    crops: FaceCrops  # of N frames
    references: FaceCrops  # of K
    scheme: LandmarkScheme


def exam(take: Take, learnt: Take, others: Sequence[AlbumPage], references: int) -> Exam:
    """All frames of `take` as what judges a renderer, with references as in a dub.

    Args:
        learnt: frames of the same take that are learnt from.
        others: pages of other takes.
        references: how many of `learnt` are shown.
    """
    asked, scheme = take.clip.mouths, take.clip.scheme
    shown = learnt.choose(serving_frames(unlikeness(asked, learnt.clip.mouths), references)).clip
    known, _ = with_others(shown.crops, shown.mouths.moments, asked, others, scheme, _ALBUM)
    return Exam(take.clip.crops, known, scheme)


def dubbed(exam: Exam, renderer: Renderer) -> FaceCrops:
    """The frames of an exam as a dub with their own lips shows them, but for the film's grain."""
    crops, moments = exam.crops, np.full(len(exam.crops.points), np.nan)
    known = np.full(len(exam.references.points), np.nan)  # of no moment, so near none
    person = encode_person(renderer, exam.references, known, exam.scheme)
    drawn = redraw(renderer, crops, moments, person, exam.scheme)
    masks, _ = crop_regions(crops)
    hulls = [
        face_hulls(points, points, upper, exam.scheme)
        for points, upper in zip(crops.points, crops.face_points, strict=True)
    ]
    frames = range(len(hulls))
    pictures = blended_crops(crops.pictures, drawn, masks, hulls, frames, NO_GRAIN, _BLEND)
    return replace(crops, pictures=pictures)


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
    """Means over all frames of the exams; `lpips` is where the renderer is."""
    found = [_score(renderer, each, lpips) for each in exams]
    return Scores(
        psnr=float(np.concatenate([each.psnr for each in found]).mean()),
        lpips=float(np.concatenate([each.lpips for each in found]).mean()),
    )


def _score(renderer: Renderer, exam: Exam, lpips: Lpips) -> MouthScores:
    device = next(renderer.parameters()).device
    true, drawn = (
        crop_tensors(crops, exam.scheme, renderer.config.size).to(device)
        for crops in (exam.crops, dubbed(exam, renderer))
    )
    return score_pictures(drawn.pictures, true, lpips)
