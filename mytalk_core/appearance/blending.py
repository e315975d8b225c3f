"""Blending of a redrawn crop into the film's own, with matched colour and grain and no edge."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_hulls import FaceHulls
from mytalk_core.appearance.grain import Grain, grain_of_frame, lacking_grain
from mytalk_core.appearance.rim_match import RimConfig, rim_correction

Floats = NDArray[np.float32]

_CELLS = 24  # cells of the rim's grid along a crop's side
_SMALLEST_BAND = 40  # pixels along the crop's side in the coarsest band
_NARROWEST = 2.0  # pixels; a narrower transition is visible as an edge


@dataclass(frozen=True)
class BlendConfig:
    """Transition from the film to the drawing, in shares of the crop's width."""

    # Depth inside the mask's edge at which it starts, so that no resampling crosses the edge.
    clearance: float = 0.02
    # Width of the transition of the finest detail where there is room for it, as on cheeks.
    feather: float = 0.05
    # The same for the coarsest light and colour.
    coarse_feather: float = 0.12
    # Usable share of the distance from the mask's edge to what must be fully drawn.
    room: float = 0.75
    # Distance beyond both faces' outline over which the drawing fades out where the mask reaches
    # farther. Hair and collar are there, whose position depends on the head pose.
    beyond: float = 0.015
    rim: RimConfig = field(default_factory=RimConfig)


@dataclass(frozen=True)
class Takeover:
    """Shares of the drawing in the blend; all of (H, W)."""

    depth: Floats  # pixels inside the mask's edge, 0 outside
    fine: Floats  # share in the finest band, 0..1
    coarse: Floats  # share in the coarsest band


@dataclass(frozen=True)
class BlendScale:
    """The scale of a blend. Cells and bands stay the same over all frames of a face."""

    size: float  # width of the face's crop, pixels of the picture
    cell: int  # side of the cells in which colours are compared, pixels
    bands: int  # bands of detail below the finest


def blend_scale(crop_size: int, size: float) -> BlendScale:
    """Return the scale of a face.

    Args:
        crop_size: width of the crops of the face, pixels.
        size: width of such a crop in the picture, pixels.
    """
    return BlendScale(
        size=size,
        cell=max(1, crop_size // _CELLS),
        bands=max(int(np.log2(crop_size / _SMALLEST_BAND)), 1),
    )


@dataclass(frozen=True)
class DrawnPicture:
    """A redrawn crop, or a part of a film's picture, with what its blending depends on."""

    picture: Floats  # (H, W, 3) RGB 0..255
    mask: NDArray[np.uint8]  # (H, W) 1 where the face is redrawn
    hulls: FaceHulls  # of the face, pixels of the picture
    frame: int  # number of the frame in the film, the seed of its grain


def takeover(
    mask: NDArray[np.uint8], hulls: FaceHulls, size: float, config: BlendConfig
) -> Takeover:
    """Compute how the drawing fades in from the edge of mask and faces to the lips and chin.

    Args:
        mask: (H, W) 0 or 1, of a crop or of a part of it around the mask.
        hulls: of the same picture.
        size: width of the face's crop, pixels.
    """
    # A mask that is cut off by the picture's edge must fade out there too.
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
    """Return the distance to the hull of points (K, 2), (H, W) pixels, computed at half size."""
    height, width = shape
    outside = np.ones(((height + 1) // 2, (width + 1) // 2), np.uint8)
    hull = cv2.convexHull(np.rint(points * 8).astype(np.int32))
    cv2.fillPoly(outside, [hull], color=[0], shift=4)
    half = 2 * cv2.distanceTransform(outside, cv2.DIST_L2, 3)
    distance = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    return distance.astype(np.float32, copy=False)


def blend(
    film: Floats, drawn: DrawnPicture, scale: BlendScale, grain: Grain, config: BlendConfig
) -> tuple[Floats, Floats]:
    """Fit a drawing into the film's picture.

    The drawing's colours are matched at the rim and its missing grain is added. Then the bands of
    the two pictures are joined over widths that grow with the bands' coarseness (Burt and Adelson,
    "A multiresolution spline with application to image mosaics", 1983). The finest band is left to
    the caller, who mixes by the share with the film's own samples.

    Args:
        film: (H, W, 3) RGB 0..255. The left and upper edge should lie on whole cells of the grid of
            a larger picture, so that cells do not move with the mask.
        grain: of the film, in crops of the drawing's size.

    Returns:
        The picture (H, W, 3), which is of use where its share (H, W), 0..1, is above 0. The share
        is 0 at the mask's edge and outside. The result is film * (1 - share) + picture * share.
    """
    mask = drawn.mask
    height, width = mask.shape
    shares = takeover(mask, drawn.hulls, scale.size, config)
    difference = cv2.copyTo(drawn.picture - film, mask).astype(np.float32, copy=False)
    correction = rim_correction(difference, shares.depth, scale.cell, scale.size, config.rim)
    difference += cv2.copyTo(correction, mask)
    after = _joined(difference, shares, scale.bands)
    after += film
    if grain.seen:
        lacking = np.float32(lacking_grain(after, mask, grain))
        after += lacking * grain_of_frame(drawn.frame, height, width, grain)
    return np.clip(after, 0, 255, out=after), shares.fine


def blend_crop(
    film: Floats, drawn: DrawnPicture, grain: Grain, config: BlendConfig
) -> tuple[Floats, Floats]:
    """Fit a drawing of a whole crop into the film's crop (C, C, 3); as `blend`.

    Returns:
        The picture (C, C, 3), the film's own outside the mask, and its share (C, C).
    """
    mask, size = drawn.mask, len(drawn.mask)
    picture, share = film.copy(), np.zeros((size, size), np.float32)
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return picture, share
    scale = blend_scale(size, size)
    cell = scale.cell
    left, top = x // cell * cell, y // cell * cell
    right, bottom = (min(-(-end // cell) * cell, size) for end in (x + width, y + height))
    part = (slice(top, bottom), slice(left, right))
    hulls = drawn.hulls.beside(np.array([left, top], np.float32))
    inside = mask[part]
    shown = DrawnPicture(drawn.picture[part], inside, hulls, drawn.frame)
    blended, share[part] = blend(film[part], shown, scale, grain, config)
    cv2.copyTo(blended, inside, picture[part])
    return picture, share


def blended_crops(
    film: NDArray[np.generic], drawn: Sequence[DrawnPicture], grain: Grain, config: BlendConfig
) -> NDArray[np.uint8]:
    """Blend N drawings into the film's crops (N, C, C, 3) RGB 0..255 as a dub does."""
    result = []
    for own, drawing in zip(film.astype(np.float32), drawn, strict=True):
        picture, share = blend_crop(own, drawing, grain, config)
        shown = share[..., None]
        mixed = np.rint(own * (1 - shown) + picture * shown).clip(0, 255)
        result.append(np.where(shown > 0, mixed, own).astype(np.uint8))
    return np.stack(result)


def _joined(difference: Floats, shares: Takeover, bands: int) -> Floats:
    """Fade in the bands of the difference, coarser bands over wider depths."""
    pictures, fine, coarse = (
        _pyramid(each, bands) for each in (difference, shares.fine, shares.coarse)
    )
    joined = _weighted(pictures[-1], coarse[-1])
    for band in range(bands - 1, -1, -1):
        finer = pictures[band]
        rough = finer - _enlarged(pictures[band + 1], finer)
        if band:  # the caller mixes the finest band by the share
            along = band / bands
            rough = _weighted(rough, (1 - along) * fine[band] + along * coarse[band])
        joined = _enlarged(joined, finer) + rough
    return joined


def _pyramid(picture: Floats, steps: int) -> list[Floats]:
    """Return the picture and `steps` reductions of it, each half as large as the previous one."""
    pictures = [picture]
    for _ in range(steps):
        pictures.append(cv2.pyrDown(pictures[-1]).astype(np.float32, copy=False))
    return pictures


def _enlarged(picture: Floats, like: Floats) -> Floats:
    large = cv2.pyrUp(picture, dstsize=(like.shape[1], like.shape[0]))
    return large.astype(np.float32, copy=False)


def _weighted(picture: Floats, share: Floats) -> Floats:
    # Several times faster than numpy's broadcasting.
    product = cv2.multiply(picture, cv2.merge([share, share, share]))
    return product.astype(np.float32, copy=False)


def _smoothstep(ramp: Floats) -> Floats:
    held = np.clip(ramp, 0, 1)
    smooth: Floats = (held * held * (3 - 2 * held)).astype(np.float32, copy=False)
    return smooth
