"""Detection of objects in front of a mouth: hands, microphones, cups.

The appearance of the unoccluded lower face is learned from the run itself, as colours and
roughness at sample places relative to the upper face in the same light, with the principal
patterns in which they vary as the face speaks, smiles and turns. A frame whose lower face deviates
over an area is occluded. This requires that less than half of the run is occluded. Burnt-in
letters may be present in all frames; they are detected by roughness, which exceeds that of skin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter1d, median_filter

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.occlusion_sample import SamplePlaces, sample_places

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

_BLOCK = 1000  # frames processed together
_MAD = 1.4826  # standard deviation of normal noise per median absolute deviation
# Lower bounds of the standard deviations of log luma, red over green, blue over green, and of
# roughness: the noise of compression and landmarks on the same skin.
_LEAST = np.array([0.07, 0.035, 0.035, 0.12], np.float32)
_DARK = 12.0  # of 255, added before logarithms; colours below it are noise
_SMOOTH = 8.0  # the same for roughness
_LETTERS = 100  # least roughness of letters, of 255; a beard has up to 60
_FARTHEST = 6.0  # standard deviations at which deviations saturate


@dataclass(frozen=True)
class OcclusionConfig:
    """Thresholds of occlusion."""

    # Deviating share of the chin's area, 0..1, and of the whole lower face, in which the chin
    # weighs four times as much as the mouth, whose appearance changes with every word.
    chin: float = 0.11
    lower_face: float = 0.36
    # Share of the skin around the mouth, 0..1, with the roughness of letters. Faces have at most
    # 0.09, subtitles of several kinds at least 0.5.
    written: float = 0.3
    # Share of these thresholds above which adjacent frames belong to an occlusion.
    fading: float = 0.32
    # Shortest occlusion, seconds; shorter ones are errors of landmarks.
    shortest: float = 0.1
    # Longest gap that is closed, seconds.
    bridge: float = 0.2
    # Margin before and after, seconds: the mask is wider than the sampled places.
    margin: float = 0.08
    # Mean squared deviations at which a place starts to deviate and fully deviates.
    like: float = 1.5
    unlike: float = 4.5
    # Frames from which the appearance is learned, at even distances.
    studied: int = 600
    # Number of principal patterns, and the share of the studied frames, those nearest to the
    # median, from which the patterns are learned.
    patterns: int = 6
    trusted: float = 0.55


def occluded(
    samples: NDArray[np.uint8],
    yaw: NDArray[np.float32],
    facing: Flags,
    fps: float,
    scheme: LandmarkScheme,
    config: OcclusionConfig,
) -> Flags:
    """Return the frames (T,) of a run in which the mouth is occluded.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; may be memory-mapped.
        yaw: (T,) degrees, from `head_turn`.
        facing: (T,) frames that show the face well enough; other frames are never flagged.
        fps: frames per second.
    """
    cover = coverage(samples, yaw, facing, scheme, config)
    return _occlusions(cover, facing, fps, config)


def coverage(
    samples: NDArray[np.uint8],
    yaw: NDArray[np.float32],
    facing: Flags,
    scheme: LandmarkScheme,
    config: OcclusionConfig,
) -> Floats:
    """Return the deviation of the lower face over its threshold, (T,): occluded from 1 on.

    Arguments as in `occluded`. In a run too short to learn the appearance only letters count.
    """
    places = sample_places(scheme)
    result = np.where(facing, written_share(samples, scheme) / np.float32(config.written), 0)
    known = np.flatnonzero(facing)
    steps = np.linspace(0, len(known) - 1, min(config.studied, len(known)))
    studied = known[steps.round().astype(int)]
    if len(studied) < 4 * config.patterns:
        return result
    appearance = _learn(_logarithms(samples[studied], places), places, config)
    for first in range(0, len(known), _BLOCK):
        frames = known[first : first + _BLOCK]
        residual = appearance.residual(_logarithms(samples[frames], places))
        unlike = _deviating_area(residual, yaw[frames], places, config)
        result[frames] = np.maximum(result[frames], unlike)
    return result


def written_share(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> Floats:
    """Return the share of the skin around the mouth with the roughness of letters, (T,), 0..1.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; may be memory-mapped.
    """
    places = sample_places(scheme)
    rough = samples[..., 3] >= _LETTERS
    skin = (places.chin, places.chin | places.upper_lip)
    share: Floats = np.max([rough[:, where].mean(axis=1) for where in skin], axis=0)
    return share.astype(np.float32)


def _logarithms(samples: NDArray[np.uint8], places: SamplePlaces) -> Floats:
    """Return logarithms of luma, red over green, blue over green, and roughness, (T, N, 4).

    All but roughness are relative to the upper face of the same frame.
    """
    values = samples.astype(np.float32)
    red, green, blue = np.moveaxis(np.log(values[..., :3] + _DARK), -1, 0)
    rough = 0.5 * np.log(values[..., 3] + _SMOOTH)
    kinds = np.stack([green, red - green, blue - green, rough], axis=-1)
    kinds[..., :3] -= np.median(kinds[:, places.upper_face, :3], axis=1, keepdims=True)
    return kinds


@dataclass(frozen=True)
class _Appearance:
    """The appearance of an unoccluded face; F = 4 N features."""

    middle: Floats  # (N, 4) medians
    spread: Floats  # (N, 4) standard deviations
    mean: Floats  # (F,) of the trusted frames, in standard deviations
    patterns: Floats  # (K, F) orthonormal
    least: Floats  # (K,) smallest amount of each pattern in the trusted frames
    most: Floats  # (K,) largest amount
    light: Floats  # (N, L) smooth functions that model changes of light

    def residual(self, kinds: Floats) -> Floats:
        """Return the mean squared unexplained deviation of `_logarithms`, (T, N)."""
        apart = _without_light(kinds - self.middle, self.spread, self.light) / self.spread
        flat = apart.reshape(len(apart), -1) - self.mean
        rest = flat - self._explained(np.clip(flat, -_FARTHEST, _FARTHEST))
        squares = np.minimum(np.square(rest.reshape(apart.shape)), _FARTHEST**2)
        residual: Floats = squares.mean(axis=-1)
        return residual

    def _explained(self, flat: Floats) -> Floats:
        """Fit the patterns robustly, with amounts limited to those of the trusted frames."""
        amounts: Floats = flat @ self.patterns.T
        for _ in range(3):
            weight = _cauchy(flat - amounts @ self.patterns, 2.5)
            amounts = _weighted_fit(flat, weight, self.patterns.T, 0.5)
        explained: Floats = np.clip(amounts, self.least, self.most) @ self.patterns
        return explained


def _learn(kinds: Floats, places: SamplePlaces, config: OcclusionConfig) -> _Appearance:
    """Learn the appearance from frames (S, N, 4), of which less than half are occluded."""
    x, y = places.resting[:, 0], places.resting[:, 1] - 0.5
    light = np.stack([np.ones_like(x), x, y, np.square(x) - 0.1], axis=1).astype(np.float32)
    middle = np.median(kinds, axis=0)
    apart = kinds - middle
    for _ in range(2):
        apart = _without_light(kinds - middle, _spread(apart), light)
        moved = np.median(apart, axis=0)
        middle, apart = middle + moved, apart - moved
    spread = _spread(apart)
    lower = ~places.upper_face
    far = np.minimum(np.square(apart / spread), _FARTHEST**2)[:, lower].mean(axis=(1, 2))
    trusted = far <= np.quantile(far, config.trusted)
    flat = np.clip(apart[trusted] / spread, -4, 4).reshape(int(trusted.sum()), -1)
    mean = flat.mean(axis=0)
    patterns = np.linalg.svd(flat - mean, full_matrices=False)[2][: config.patterns]
    amounts = (flat - mean) @ patterns.T
    least, most = amounts.min(axis=0), amounts.max(axis=0)
    return _Appearance(middle, spread, mean, patterns, least, most, light)


def _spread(apart: Floats) -> Floats:
    """Return robust standard deviations over frames, (S, N, 4) to (N, 4)."""
    off = np.abs(apart - np.median(apart, axis=0))
    spread: Floats = np.maximum(_MAD * np.median(off, axis=0), _LEAST)
    return spread


def _without_light(apart: Floats, spread: Floats, light: Floats) -> Floats:
    """Remove from deviations (T, N, 4) the smooth part, which a change of light explains."""
    result = apart.copy()
    for kind, ways in enumerate((light, light[:, :3], light[:, :3])):
        now = apart[..., kind] / spread[:, kind]
        columns = ways / spread[:, kind, None]
        weight = np.ones_like(now)
        for _ in range(4):
            amounts = _weighted_fit(now, weight, columns, 0.5 / _LEAST[kind] ** 2)
            weight = np.square(_cauchy(now - amounts @ columns.T, 2.0))
        result[..., kind] -= amounts @ ways.T
    return result


def _weighted_fit(values: Floats, weight: Floats, columns: Floats, ridge: float) -> Floats:
    """Fit columns (F, K) to rows (T, F) by weighted ridge regression; return amounts (T, K)."""
    normal = np.einsum("tf,fi,fj->tij", weight, columns, columns, optimize=True)
    normal += ridge * np.eye(columns.shape[1], dtype=np.float32)
    right = (weight * values) @ columns
    amounts: Floats = np.linalg.solve(normal, right[..., None])[..., 0]
    return amounts


def _cauchy(off: Floats, scale: float) -> Floats:
    weight: Floats = 1 / (1 + np.square(off / scale))
    return weight


def _deviating_area(
    residual: Floats, yaw: NDArray[np.float32], places: SamplePlaces, config: OcclusionConfig
) -> Floats:
    """Return the deviating area over its thresholds, (T,): a face is occluded from 1 on."""
    lower = ~places.upper_face
    resting = places.resting[lower]
    apart = np.linalg.norm(resting[:, None] - resting, axis=-1)
    # Dense places represent less area each.
    area = (1 / np.exp(-np.square(apart / 0.11)).sum(axis=1)).astype(np.float32)
    near = np.exp(-np.square(apart / 0.085)).astype(np.float32)
    seen = _visibility(resting[:, 0], yaw)
    smooth = ((residual[:, lower] * seen) @ near) / np.maximum(seen @ near, 0.2 * near.sum(axis=1))
    unlike = np.clip((smooth - config.like) / (config.unlike - config.like), 0, 1)

    def covered_share(where: Flags) -> Floats:
        weight = area[where[lower]] * seen[:, where[lower]]
        least = 0.3 * area[where[lower]].sum()
        covered = (unlike[:, where[lower]] * weight).sum(axis=1)
        share: Floats = covered / np.maximum(weight.sum(axis=1), least)
        return share

    chin, lip, mouth = (
        covered_share(where) for where in (places.chin, places.upper_lip, places.mouth)
    )
    whole = (4 * chin + 2 * lip + mouth) / 7
    over: Floats = np.maximum(chin / config.chin, whole / config.lower_face)
    return over


def _visibility(across: Floats, yaw: NDArray[np.float32]) -> Floats:
    """Return the visibility of places, (T, N), 0..1, with the head as a turning cylinder."""
    angle = np.arcsin(np.clip(across / 0.75, -1, 1)) + np.radians(yaw)[:, None]
    ramp = np.clip((np.cos(angle) - 0.2) / 0.35, 0, 1)
    seen: Floats = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return seen


def _occlusions(cover: Floats, facing: Flags, fps: float, config: OcclusionConfig) -> Flags:
    """Return the frames of all occlusions with their margins."""
    steady = median_filter(cover, 3, mode="nearest")
    fading = steady >= config.fading
    covered = np.zeros(len(cover), np.bool_)
    shortest = max(3, round(config.shortest * fps))
    numbers, _ = label(fading)
    cores, count = label(steady >= 1)
    for core in range(1, count + 1):
        inside = np.flatnonzero(cores == core)
        if len(inside) >= shortest:
            covered |= numbers == numbers[inside[0]]
    return facing & widened(
        without_gaps(covered, round(config.bridge * fps)), round(config.margin * fps)
    )


def without_gaps(flags: Flags, longest: int) -> Flags:
    """Close gaps of at most `longest` frames between flags (T,)."""
    closed = flags.copy()
    gaps, count = label(~flags)
    for gap in range(1, count + 1):
        inside = np.flatnonzero(gaps == gap)
        between = inside[0] > 0 and inside[-1] < len(flags) - 1
        if between and len(inside) <= longest:
            closed[inside] = True
    return closed


def widened(flags: Flags, frames: int) -> Flags:
    """Extend flags (T,) by a number of frames on either side."""
    near: Flags = maximum_filter1d(flags, 2 * frames + 1, mode="constant")
    return near
