"""Film grain: measurement of strength and coarseness, and synthesis for redrawn faces.

Grain is the change between frames where nothing moves. Skin is as rough in a single frame, so grain
is measured on consecutive frames. A drawing that has copied rough skin has copied its grain too, so
only the missing roughness is added, and never more than the film's grain.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Standard deviations, pixels, of the two blurs that separate the fine and the less fine band from
# everything coarser.
_BLURS = (0.8, 1.8)
# Blurs of white noise, pixels, among which the film's grain is matched.
_COARSENESS = np.arange(0, 2.01, 0.1)
_MAD = 1.4826  # standard deviation over median absolute deviation, for normal noise
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Of 255: weaker grain is invisible. Rounding to 8 bits and coding alone make 0.4.
_LEAST = 0.7
_SHIFTS = 128  # pixels by which the tile exceeds the crop, for a random offset per frame
_SALT = 0x6772  # separates these random numbers from others with the same seeds
_SAMPLED = 2048  # pixels that a median is taken over; more do not change it


@dataclass(frozen=True, eq=False)
class Grain:
    """The grain of a film in crops of one size."""

    luma: float  # standard deviation of its fine part in luma, of 255
    roughness: float  # the same of skin in a single frame: grain and pores together
    tile: Floats  # (S, S, 3) synthetic grain, S larger than the crop; S is 0 without grain

    @property
    def seen(self) -> bool:
        """Whether the grain is visible."""
        return self.tile.size > 0


NO_GRAIN = Grain(0.0, 0.0, np.zeros((0, 0, 3), np.float32))


def measure_grain(crops: Floats, skins: NDArray[np.uint8]) -> Grain:
    """Measure the grain of a film on consecutive frames of a face, three at least.

    The second difference over time removes what is still or moves evenly. Other motion adds to it,
    so only the quietest quarter of the frames is used, and the median over the skin of each.

    Args:
        crops: (T, C, C, 3) RGB 0..255, of consecutive frames.
        skins: (T, C, C) 1 on skin that does not move with speech.
    """
    covariances: list[NDArray[np.float64]] = []
    roughness = []
    for now in range(1, len(crops) - 1):
        inside = _sampled(skins[now])
        if len(inside) == 0:
            continue
        roughness.append(_roughness(crops[now], skins[now]))
        # The second difference has six times one frame's variance: 1 + 4 + 1.
        change = (crops[now - 1] - 2 * crops[now] + crops[now + 1]) / np.float32(np.sqrt(6))
        bands = [band.reshape(-1, 3)[inside] for band in _bands(change)]
        covariances.append(np.stack([_robust_covariance(band) for band in bands]))
    if not roughness:
        return NO_GRAIN
    strength = [float(np.trace(covariance[0])) for covariance in covariances]
    quiet = np.argsort(strength)[: max(1, len(strength) // 4)]
    covariance = np.mean([covariances[frame] for frame in quiet], axis=0)
    fine, less_fine = np.einsum("c,bcd,d->b", _LUMA, covariance, _LUMA)
    if np.sqrt(fine + less_fine) < _LEAST:
        return NO_GRAIN
    return Grain(
        luma=float(np.sqrt(fine)),
        roughness=float(np.median(roughness)),
        tile=_grain_tile(crops.shape[1] + _SHIFTS, covariance),
    )


def lacking_grain(drawn: Floats, inside: NDArray[np.uint8], grain: Grain) -> float:
    """Return the share of the film's grain that a drawing lacks, 0..1.

    Args:
        drawn: (H, W, 3) the drawing; inside: (H, W) 1 where it is visible.
    """
    missing = grain.roughness**2 - _roughness(drawn, inside) ** 2
    return float(np.sqrt(np.clip(missing / grain.luma**2, 0, 1)))


def grain_of_frame(frame: int, height: int, width: int, grain: Grain) -> Floats:
    """Return grain (height, width, 3) for frame number `frame`, the same at every call.

    A picture larger than the tile repeats it.
    """
    random = np.random.default_rng([frame, _SALT])
    tile, side = grain.tile, len(grain.tile)
    if max(height, width) > side:
        tile = np.tile(tile, (-(-height // side), -(-width // side), 1))
    top, left = random.integers(0, [len(tile) - height + 1, tile.shape[1] - width + 1])
    return tile[top : top + height, left : left + width]


def _grain_tile(side: int, covariance: NDArray[np.float64]) -> Floats:
    """Synthesise blurred white noise (side, side, 3) with the bands' strength and colours.

    Args:
        covariance: (2, 3, 3) of each band over the channels.
    """
    margin = 16
    white = np.random.default_rng(_SALT).standard_normal(
        (side + 2 * margin, side + 2 * margin, 3), np.float32
    )
    inside = slice(margin, -margin)
    target = np.trace(covariance[1]) / np.trace(covariance[0])
    blurred = white
    for sigma in _COARSENESS:
        if sigma:
            blurred = cv2.GaussianBlur(white, (0, 0), sigma).astype(np.float32, copy=False)
        # The noise is stationary, so a part is enough to measure the bands.
        fine, less_fine = (
            float(np.square(band[inside, inside]).mean()) for band in _bands(blurred[:256, :256])
        )
        if less_fine / fine >= target:
            break
    unit = blurred[inside, inside] / np.float32(np.sqrt(fine + less_fine))
    return cv2.transform(unit, _root(covariance.sum(axis=0))).astype(np.float32, copy=False)


def _bands(picture: Floats) -> list[Floats]:
    """Split off one band for each blur: finer than this blur, coarser than the previous one."""
    finer = picture
    bands = []
    for sigma in _BLURS:
        coarser = cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.float32, copy=False)
        bands.append(finer - coarser)
        finer = coarser
    return bands


def _roughness(picture: Floats, where: NDArray[np.uint8]) -> float:
    """Return the robust standard deviation of luma's fine part over a non-empty mask."""
    luma = picture @ _LUMA
    fine = luma - cv2.GaussianBlur(luma, (0, 0), _BLURS[0])
    return float(_MAD * np.median(np.abs(fine.reshape(-1)[_sampled(where)])))


def _sampled(where: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the flat positions of about _SAMPLED pixels spread evenly over a mask."""
    inside = np.flatnonzero(where)
    return inside[:: max(1, len(inside) // _SAMPLED)]


def _robust_covariance(noise: Floats) -> NDArray[np.float64]:
    """Return the (3, 3) covariance of noise (N, 3) by medians, outliers clipped."""
    spread = _MAD * np.median(np.abs(noise), axis=0).astype(np.float64)
    clipped = np.clip(noise, -3 * spread, 3 * spread)
    with np.errstate(invalid="ignore"):  # a constant channel
        correlation = np.nan_to_num(np.corrcoef(clipped, rowvar=False))
    covariance: NDArray[np.float64] = spread[:, None] * correlation * spread
    return covariance


def _root(covariance: NDArray[np.float64]) -> Floats:
    """Return a matrix whose product with its transpose is the covariance (3, 3)."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    return root
