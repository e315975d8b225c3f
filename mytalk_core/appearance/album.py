"""Frames of a person from other stretches of a film: mouths that a short stretch does not show.

A scene comes back to its set-ups again and again, and what is copied out of one take of a set-up
fits into another. Out of other light, from farther away or of another person it does not; all
these show in the upper face, which nobody redraws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import (
    FaceCrops,
    crop_regions,
    joined_crops,
    resized_crops,
)
from mytalk_core.appearance.reference_choice import (
    Moments,
    Mouths,
    joined_mouths,
    mouths_of,
    serving_frames,
    unlikeness,
)
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_SIDE = 24  # places across a crop at which upper faces are compared
# Of the frames that a stretch is drawn from anyway, so many stand for how it looks.
_TYPICAL = 16
# Crops smaller than this share of a stretch's own would blur it.
_SMALLEST = 0.8


@dataclass(frozen=True)
class AlbumConfig:
    """What an album holds, and what of it a stretch is shown."""

    # Frames of all stretches together, at most; shared evenly. On disk each takes 6 bytes a pixel
    # of its crop: all of them 110 MB at 192 pixels, 710 MB at 480.
    frames: int = 512
    # Frames of others that a stretch is shown, at most.
    shown: int = 64
    # Largest difference of the upper face from one of the stretch's own, RMS, a share of the range
    # of colours. Takes of one set-up in the GRID corpus differ by 0.01 to 0.03, two interviews with
    # one man by 0.08 and more; frames of a take by 0.005.
    unlike: float = 0.02


@dataclass(frozen=True)
class UpperFaces:
    """How the upper faces of N crops look, whatever their size and whatever the mouth does."""

    colours: NDArray[np.float32]  # (N, S, S, 3) less their mean over the skin, 0..1
    shown: NDArray[np.bool_]  # (N, S, S) where there is nothing but skin


@dataclass(frozen=True)
class AlbumPage:
    """Frames of one stretch that may be shown to others."""

    crops: FaceCrops  # of K frames; pictures may lie on disk
    moments: Moments  # (K,) of the same clock
    faces: UpperFaces


def album_page(crops: FaceCrops, moments: Moments) -> AlbumPage:
    """A page of these frames."""
    return AlbumPage(crops, moments, upper_faces(crops))


def upper_faces(crops: FaceCrops) -> UpperFaces:
    """How the upper faces of crops look."""
    _, skins = crop_regions(crops)
    size = (_SIDE, _SIDE)
    colours = np.stack(
        [
            cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for picture in crops.pictures
        ]
    )
    shares = [
        cv2.resize(skin.astype(np.float32), size, interpolation=cv2.INTER_AREA) for skin in skins
    ]
    shown = np.stack(shares) > 0.99
    weight = shown[..., None] / np.maximum(shown.sum(axis=(1, 2)), 1)[:, None, None, None]
    mean = (colours * weight).sum(axis=(1, 2), keepdims=True)
    return UpperFaces(((colours - mean) / 255).astype(np.float32), shown)


def face_difference(faces: UpperFaces, known: UpperFaces) -> NDArray[np.float32]:
    """How far each of N faces is from the nearest of K known ones, (N,) RMS of colours, 0..1.

    Infinite where they have no place in common.
    """
    nearest = []
    for colours, shown in zip(faces.colours, faces.shown, strict=True):
        both = known.shown & shown
        squares = ((known.colours - colours) ** 2).mean(axis=-1)
        places = both.sum(axis=(1, 2))
        apart = (squares * both).sum(axis=(1, 2)) / np.maximum(places, 1)
        nearest.append(np.sqrt(np.where(places > 0, apart, np.inf).min()))
    return np.array(nearest, np.float32)


def with_others(
    own: FaceCrops,
    moments: Moments,
    asked: Mouths,
    others: Sequence[AlbumPage],
    scheme: LandmarkScheme,
    config: AlbumConfig,
) -> tuple[FaceCrops, Moments]:
    """What a stretch is drawn from, and frames of others that look as it does beside it.

    Taken are those that show what is asked for better than the stretch's own do.

    Args:
        own, moments: K frames of the stretch, those that serve it most first.
        asked: mouths that the stretch will be drawn with.
        others: pages of other stretches; of one person or of many.

    Returns:
        Crops of the size of its own, and their moments: its own, then those of others.
    """
    size = own.pictures.shape[1]
    known = upper_faces(own.choose(slice(0, _TYPICAL)))
    fitting = [
        (page, np.flatnonzero(face_difference(page.faces, known) <= config.unlike))
        for page in others
        if page.crops.pictures.shape[1] >= _SMALLEST * size
    ]
    places = [(page, slice(at, at + 1)) for page, frames in fitting for at in frames.tolist()]
    if not places:
        return own, moments
    lent = joined_mouths(
        [mouths_of(page.crops, page.moments, scheme).choose(frames) for page, frames in fitting]
    )
    served = unlikeness(asked, mouths_of(own, moments, scheme)).min(axis=1)
    chosen = serving_frames(unlikeness(asked, lent), config.shown, served)
    # Of the pictures, which may lie on disk, only those that are taken are read.
    taken = [
        resized_crops(page.crops.choose(at), size)
        for page, at in (places[place] for place in chosen.tolist())
    ]
    return joined_crops([own, *taken]), np.concatenate([moments, lent.moments[chosen]])
