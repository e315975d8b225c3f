"""The album: frames of a person from other stretches of a film, as additional references.

They supply mouths that a short stretch lacks. A scene returns to the same set-ups, and a mouth
copied from one take of a set-up fits into another. Frames in other light, from farther away or of
another person do not fit; they are recognised by the upper face, which is never redrawn.
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
    Mouths,
    Timestamps,
    joined_mouths,
    mouth_distances,
    mouths_of,
    serving_frames,
)
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_SIDE = 24  # side of the grid on which upper faces are compared
_COMPARED = 192  # pixels, side of the crops from which the grid is averaged
# Number of a stretch's own references that represent its appearance.
_TYPICAL = 16
# Smaller crops, relative to a stretch's own, would blur it.
_SMALLEST = 0.8


@dataclass(frozen=True)
class AlbumConfig:
    """Size of an album and its use."""

    # Most frames of all stretches together, shared evenly. On disk each takes 6 bytes a pixel of
    # its crop: all of them 110 MB at 192 pixels, 710 MB at 480.
    frames: int = 512
    # Most frames of other stretches that a stretch is drawn from.
    shown: int = 64
    # Largest RMS difference of the upper face from the nearest of the stretch's own, as a share of
    # the colour range. Takes of one set-up in the GRID corpus differ by 0.01 to 0.03, two
    # interviews with one man by 0.08 and more; frames of a take by 0.005.
    unlike: float = 0.02


@dataclass(frozen=True)
class UpperFaces:
    """Appearance of the upper faces of N crops, independent of crop size and mouth."""

    colours: NDArray[np.float32]  # (N, S, S, 3) minus their mean over the skin, 0..1
    skin: NDArray[np.bool_]  # (N, S, S) cells that hold only skin


@dataclass(frozen=True)
class AlbumPage:
    """Frames of one stretch that other stretches may be drawn from."""

    crops: FaceCrops  # of K frames; pictures may be memory-mapped
    timestamps: Timestamps  # (K,)
    faces: UpperFaces


def album_page(crops: FaceCrops, timestamps: Timestamps) -> AlbumPage:
    """Return a page of these frames."""
    return AlbumPage(crops, timestamps, upper_faces(crops))


def upper_faces(crops: FaceCrops) -> UpperFaces:
    """Compute the appearance of the upper faces of crops."""
    crops = resized_crops(crops, min(crops.pictures.shape[1], _COMPARED))
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
    skin = np.stack(shares) > 0.99
    weight = skin[..., None] / np.maximum(skin.sum(axis=(1, 2)), 1)[:, None, None, None]
    mean = (colours * weight).sum(axis=(1, 2), keepdims=True)
    return UpperFaces(((colours - mean) / 255).astype(np.float32), skin)


def face_difference(faces: UpperFaces, known: UpperFaces) -> NDArray[np.float32]:
    """Return the RMS colour difference of each of N faces to the nearest of K, (N,) 0..1.

    Infinite where they share no skin cell.
    """
    nearest = []
    for colours, skin in zip(faces.colours, faces.skin, strict=True):
        both = known.skin & skin
        squares = ((known.colours - colours) ** 2).mean(axis=-1)
        cells = both.sum(axis=(1, 2))
        apart = (squares * both).sum(axis=(1, 2)) / np.maximum(cells, 1)
        nearest.append(np.sqrt(np.where(cells > 0, apart, np.inf).min()))
    return np.array(nearest, np.float32)


def with_others(
    own: FaceCrops,
    timestamps: Timestamps,
    target: Mouths,
    others: Sequence[AlbumPage],
    scheme: LandmarkScheme,
    config: AlbumConfig,
) -> tuple[FaceCrops, Timestamps]:
    """Extend the references of a stretch by similar frames of other stretches.

    Frames are added that match the target mouths better than the stretch's own do.

    Args:
        own, timestamps: K frames of the stretch, the most useful first, and their timestamps.
        target: mouths that the stretch will be drawn with.
        others: pages of other stretches, of one person or of several.

    Returns:
        Crops of the size of `own`, and their timestamps: its own, then those of others.
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
        return own, timestamps
    lent = joined_mouths(
        [mouths_of(page.crops, page.timestamps, scheme).choose(frames) for page, frames in fitting]
    )
    served = mouth_distances(target, mouths_of(own, timestamps, scheme)).min(axis=1)
    chosen = serving_frames(mouth_distances(target, lent), config.shown, served)
    # Pictures may be memory-mapped: read only the chosen ones.
    taken = [
        resized_crops(page.crops.choose(at), size)
        for page, at in (places[place] for place in chosen.tolist())
    ]
    return joined_crops([own, *taken]), np.concatenate([timestamps, lent.timestamps[chosen]])
