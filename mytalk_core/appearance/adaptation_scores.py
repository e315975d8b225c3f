"""Scores of an adapted renderer on held-out frames that are drawn as in a dub.

A dub draws each stretch of a film from its own frames and from similar frames of other stretches,
at the film's own resolution, and blends the result into the film. Adaptation gains more there than
in the network's own output from a take's own frames, which would reject weights that help in a dub.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.album import AlbumConfig, AlbumPage, album_page, with_others
from mytalk_core.appearance.blending import BlendConfig, DrawnPicture, blended_crops
from mytalk_core.appearance.face_crops import FaceCrops, crop_regions, crop_tensors
from mytalk_core.appearance.face_hulls import face_hulls
from mytalk_core.appearance.grain import NO_GRAIN
from mytalk_core.appearance.mouth_scores import MouthScores, score_pictures
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.redraw import redraw
from mytalk_core.appearance.reference_choice import covering_frames, mouth_distances, serving_frames
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_BLEND = BlendConfig()
_ALBUM = AlbumConfig()


@dataclass(frozen=True)
class Scores:
    """Mean scores of the mouth in held-out frames, drawn with their true landmarks."""

    psnr: float  # dB
    lpips: float  # less is better

    def error_beside(self, other: "Scores") -> float:
        """Return the error relative to that of `other`: mean of the RMSE ratio and LPIPS ratio."""
        pixels = 10 ** ((other.psnr - self.psnr) / 20)
        return (pixels + self.lpips / other.lpips) / 2


@dataclass(frozen=True)
class EvaluationSet:
    """Held-out frames of one take, and the references that they are drawn from."""

    crops: FaceCrops  # of N frames
    references: FaceCrops  # of K
    scheme: LandmarkScheme


def evaluation_set(
    take: Take, training: Take, others: Sequence[AlbumPage], references: int
) -> EvaluationSet:
    """Return all frames of `take` with references chosen as in a dub.

    Args:
        training: training frames of the same take.
        others: pages of other takes.
        references: number of references from `training`.
    """
    target, scheme = take.clip.mouths, take.clip.scheme
    serving = serving_frames(mouth_distances(target, training.clip.mouths), references)
    own = training.choose(serving).clip
    known, _ = with_others(own.crops, own.mouths.timestamps, target, others, scheme, _ALBUM)
    return EvaluationSet(take.clip.crops, known, scheme)


def dubbed(frames: EvaluationSet, renderer: Renderer) -> FaceCrops:
    """Draw the frames as a dub with their own lips does, without the film's grain."""
    crops, scheme = frames.crops, frames.scheme
    # NaN timestamps are close to no other frame.
    timestamps, known = (np.full(len(some.points), np.nan) for some in (crops, frames.references))
    person = PersonReferences(renderer, frames.references, known, scheme)
    drawn = redraw(renderer, crops, timestamps, person, scheme)
    masks, _ = crop_regions(crops)
    hulls = [
        face_hulls(points, points, upper, scheme)
        for points, upper in zip(crops.points, crops.face_points, strict=True)
    ]
    drawings = [
        DrawnPicture(*each) for each in zip(drawn, masks, hulls, range(len(hulls)), strict=True)
    ]
    return replace(crops, pictures=blended_crops(crops.pictures, drawings, NO_GRAIN, _BLEND))


def take_pages(takes: Sequence[Take]) -> list[AlbumPage]:
    """Return an album page of representative frames of each take; no take may be empty."""
    count = max(_ALBUM.frames // max(len(takes), 1), 1)
    pages = []
    for take in takes:
        mouths = take.clip.mouths
        some = take.choose(covering_frames(mouths.lips, mouths.anchors, count)).clip
        pages.append(album_page(some.crops, some.mouths.timestamps))
    return pages


def spread_places(lengths: Sequence[int], count: int) -> list[NDArray[np.int64]]:
    """Spread `count` positions evenly over concatenated sequences; returns those of each.

    All positions are returned if there are fewer than `count`.
    """
    ends, total = np.cumsum(lengths), sum(lengths)
    chosen = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))
    return [
        chosen[(chosen >= end - length) & (chosen < end)] - (end - length)
        for length, end in zip(lengths, ends, strict=True)
    ]


def score(renderer: Renderer, exams: Sequence[EvaluationSet], lpips: Lpips) -> Scores:
    """Return the mean scores over all frames; `lpips` is on the renderer's device."""
    found = [_score(renderer, each, lpips) for each in exams]
    return Scores(
        psnr=float(np.concatenate([each.psnr for each in found]).mean()),
        lpips=float(np.concatenate([each.lpips for each in found]).mean()),
    )


def _score(renderer: Renderer, evaluation_set: EvaluationSet, lpips: Lpips) -> MouthScores:
    device = next(renderer.parameters()).device
    true, drawn = (
        crop_tensors(crops, evaluation_set.scheme, renderer.config.size).to(device)
        for crops in (evaluation_set.crops, dubbed(evaluation_set, renderer))
    )
    return score_pictures(drawn.pictures, true, lpips)
