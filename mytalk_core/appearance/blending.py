"""A redrawn crop and the film's own made one: colours and grain meet, and no edge is seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_hulls import FaceHulls
from mytalk_core.appearance.grain import Grain, grain_of_frame, lacking_grain
from mytalk_core.appearance.rim_match import RimConfig, rim_correction

Floats = NDArray[np.float32]

_CELLS = 24  # of the rim's grid along a crop's side
_SMALLEST_BAND = 40  # pixels along the crop's side in the coarsest band
_NARROWEST = 2.0  # pixels: a takeover in less is an edge


@dataclass(frozen=True)
class BlendConfig:
    """How the drawing takes over from the film, in shares of the crop's width."""

    # How deep inside the mask's edge it begins, so that no resampling reaches across the edge.
    clearance: float = 0.02
    # Over what depth the finest detail changes over where there is room for it, as on cheeks.
    feather: float = 0.05
    # The same for the coarsest light and colour.
    coarse_feather: float = 0.12
    # Share of the way from the mask's edge to what must be drawn whole that may be used for it.
    room: float = 0.75
    # How far beyond both faces' outline it ends, fading, where the mask's edge is farther away. Out
    # there are hair and collar, which stand elsewhere beside a head that is turned otherwise.
    beyond: float = 0.015
    rim: RimConfig = field(default_factory=RimConfig)


@dataclass(frozen=True)
class Takeover:
    """Where the drawing counts; all of (H, W)."""

    depth: Floats  # pixels inside the mask's edge, 0 outside
    fine: Floats  # share of the drawing's finest detail, 0..1
    coarse: Floats  # of its coarsest


def takeover(mask: NDArray[np.uint8], hulls: FaceHulls, size: int, config: BlendConfig) -> Takeover:
    """How the drawing fades in from the edge of mask and faces towards what it must show alone.

    Args:
        mask: (H, W) 0 or 1, a crop's or a part of it around the mask.
        hulls: of the same picture.
        size: width of the crop.
    """
    # A mask cut off by the crop's edge must fade out there too.
    framed = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    depth = framed[1:-1, 1:-1].astype(np.float32, copy=False)
    room = depth + _distance(hulls.speaking, mask.shape)
    clearance = max(config.clearance * size, _NARROWEST)
    outside = _distance(hulls.whole, mask.shape)
    near = 1 - _smoothstep(outside / max(config.beyond * size, _NARROWEST))

    def ramp(feather: float) -> Floats:
        width = np.clip(config.room * room - clearance, _NARROWEST, feather * size)
        shown: Floats = near * _smoothstep((depth - clearance) / width)
        return shown

    return Takeover(depth, ramp(config.feather), ramp(config.coarse_feather))


def _distance(points: NDArray[np.float32], shape: tuple[int, ...]) -> Floats:
    """(H, W) pixels to the hull of points (K, 2); found on every other pixel, which is enough."""
    height, width = shape
    outside = np.ones(((height + 1) // 2, (width + 1) // 2), np.uint8)
    hull = cv2.convexHull(np.rint(points * 8).astype(np.int32))
    cv2.fillPoly(outside, [hull], color=[0], shift=4)
    half = 2 * cv2.distanceTransform(outside, cv2.DIST_L2, 3)
    distance = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    return distance.astype(np.float32, copy=False)


def blend(
    film: Floats,
    drawn: Floats,
    mask: NDArray[np.uint8],
    hulls: FaceHulls,
    frame: int,
    grain: Grain,
    config: BlendConfig,
) -> tuple[Floats, Floats]:
    """The drawing fitted into the film's crop.

    The drawing's colours are matched at the rim and its grain made up to the film's. Then bands of
    the two pictures are joined over widths that grow with the bands' coarseness (Burt and Adelson,
    "A multiresolution spline with application to image mosaics", 1983); the finest band is left to
    whoever mixes by the share, with the film's own samples.

    Args:
        film, drawn: (C, C, 3) RGB 0..255, equal outside the mask.
        mask: (C, C) 1 where the drawing counts.
        hulls: of the face, crop pixels.
        frame: number of the frame in the film, which decides its grain.
        grain: of the film, in crops of this size.

    Returns:
        The picture (C, C, 3), the film's own outside the mask, and its share (C, C), 0..1, zero at
        the mask's edge and outside: film * (1 - share) + picture * share is the result.
    """
    size = len(mask)
    cell = max(1, size // _CELLS)
    picture, share = film.copy(), np.zeros((size, size), np.float32)
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return picture, share
    # Whole cells, so that the rim's grid does not move with the mask.
    left, top = x // cell * cell, y // cell * cell
    right, bottom = (min(-(-end // cell) * cell, size) for end in (x + width, y + height))
    part = (slice(top, bottom), slice(left, right))
    place = takeover(mask[part], hulls.beside(np.array([left, top], np.float32)), size, config)
    inside, before = mask[part], film[part]
    difference = drawn[part] - before
    correction = rim_correction(difference, place.depth, cell, size, config.rim)
    difference += cv2.copyTo(correction, inside)
    after = _joined(difference, place, size)
    after += before
    if grain.seen:
        lacking = np.float32(lacking_grain(after, inside, grain))
        after += lacking * grain_of_frame(frame, bottom - top, right - left, grain)
    np.clip(after, 0, 255, out=picture[part])
    share[part] = place.fine
    return picture, share


def blended_crops(
    film: NDArray[np.generic],
    drawn: Floats,
    masks: NDArray[np.uint8],
    hulls: Sequence[FaceHulls],
    frames: Sequence[int],
    grain: Grain,
    config: BlendConfig,
) -> NDArray[np.uint8]:
    """Drawings in the film's own crops as a dub puts them there, (N, C, C, 3) RGB.

    Args:
        film: (N, C, C, 3) RGB 0..255.
        drawn, masks, hulls, frames: of each, as of `blend`.
    """
    result = []
    each = zip(film.astype(np.float32), drawn, masks, hulls, frames, strict=True)
    for own, drawing, mask, around, frame in each:
        picture, share = blend(own, drawing, mask, around, frame, grain, config)
        shown = share[..., None]
        mixed = np.rint(own * (1 - shown) + picture * shown).clip(0, 255)
        result.append(np.where(shown > 0, mixed, own).astype(np.uint8))
    return np.stack(result)


def _joined(difference: Floats, place: Takeover, size: int) -> Floats:
    """The difference with its coarser bands faded in over wider depths."""
    bands = max(int(np.log2(size / _SMALLEST_BAND)), 1)
    pictures, fine, coarse = (
        _pyramid(each, bands) for each in (difference, place.fine, place.coarse)
    )
    joined = _weighted(pictures[-1], coarse[-1])
    for band in range(bands - 1, -1, -1):
        finer = pictures[band]
        rough = finer - _enlarged(pictures[band + 1], finer)
        if band:  # the finest is mixed by the share
            along = band / bands
            rough = _weighted(rough, (1 - along) * fine[band] + along * coarse[band])
        joined = _enlarged(joined, finer) + rough
    return joined


def _pyramid(picture: Floats, steps: int) -> list[Floats]:
    """The picture and `steps` more of it, each half as large as the one before."""
    pictures = [picture]
    for _ in range(steps):
        pictures.append(cv2.pyrDown(pictures[-1]).astype(np.float32, copy=False))
    return pictures


def _enlarged(picture: Floats, like: Floats) -> Floats:
    large = cv2.pyrUp(picture, dstsize=(like.shape[1], like.shape[0]))
    return large.astype(np.float32, copy=False)


def _weighted(picture: Floats, share: Floats) -> Floats:
    # Several times as fast as numpy's broadcasting.
    product = cv2.multiply(picture, cv2.merge([share, share, share]))
    return product.astype(np.float32, copy=False)


def _smoothstep(ramp: Floats) -> Floats:
    held = np.clip(ramp, 0, 1)
    smooth: Floats = (held * held * (3 - 2 * held)).astype(np.float32, copy=False)
    return smooth
