"""Whether something is in front of a mouth: a hand, a microphone, a cup.

No model of things that come before faces is needed, because a run shows its face without them most
of the time. What the lower face looks like is learnt from the run itself: colours and roughness at
its places, relative to the upper face under the same light, and the few patterns in which they
change together as it speaks, smiles and turns. Where a frame looks otherwise over an area, it is
covered. That holds as long as less than half of a run is. What may be there for all of a run are
letters, as of a burnt-in subtitle: they are rougher than any skin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter1d, median_filter

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.occlusion_sample import SamplePlaces, sample_places

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

_BLOCK = 1000  # frames looked at together
_MAD = 1.4826  # standard deviations in a median absolute deviation, of normal noise
# Deviations of logarithms of luma, red over green, blue over green, and of roughness, below which
# nothing is unlike: what compression and landmarks make of the same skin.
_LEAST = np.array([0.07, 0.035, 0.035, 0.12], np.float32)
_DARK = 12.0  # of 255, added before logarithms: below it colours are noise
_SMOOTH = 8.0  # the same for roughness
_LETTERS = 100  # roughness, of 255, from which a place belongs to letters; a beard has up to 60
_FARTHEST = 6.0  # standard deviations: what is farther off is off all the same


@dataclass(frozen=True)
class OcclusionConfig:
    """When a mouth counts as covered."""

    # Share of the chin's area, 0..1, that must be unlike; and of the whole lower face, where the
    # chin counts four times as much as the mouth, whose look changes with every word.
    chin: float = 0.11
    lower_face: float = 0.36
    # Share of the skin about the mouth, 0..1, that must be as rough as letters are. Faces have 0.09
    # at most, subtitles of several kinds 0.5 and more.
    written: float = 0.3
    # Share of these limits from which on the frames before and after belong to it.
    fading: float = 0.32
    # Shortest time, seconds, that something is in front of a mouth; less is a slip of landmarks.
    shortest: float = 0.1
    # Gaps, seconds, up to which it is the same thing that goes on.
    bridge: float = 0.2
    # Seconds left alone before and after: the mask is wider than the places that are looked at.
    margin: float = 0.08
    # Mean squares of deviations between which a place goes from like to unlike.
    like: float = 1.5
    unlike: float = 4.5
    # Frames that a run's face is learnt from, spread over it.
    studied: int = 600
    # Patterns in which the face may change, and the share of the studied frames, those most like
    # their middle, from which these are learnt.
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
    """Of every frame of a run whether something is in front of the mouth.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; may be mapped from disk.
        yaw: (T,) degrees, as `head_turn` gives it.
        facing: (T,) frames that show the face well enough to judge; the others are never flagged.
        fps: frames a second.

    Returns:
        (T,) True where it is covered.
    """
    cover = coverage(samples, yaw, facing, scheme, config)
    return _stretches(cover, facing, fps, config)


def coverage(
    samples: NDArray[np.uint8],
    yaw: NDArray[np.float32],
    facing: Flags,
    scheme: LandmarkScheme,
    config: OcclusionConfig,
) -> Floats:
    """How much of the lower face looks unlike itself, (T,); 1 and more where it is covered.

    Arguments as of `occluded`. Of a run too short to learn its face only letters count.
    """
    places = sample_places(scheme)
    result = np.where(facing, written_share(samples, scheme) / np.float32(config.written), 0)
    known = np.flatnonzero(facing)
    steps = np.linspace(0, len(known) - 1, min(config.studied, len(known)))
    studied = known[steps.round().astype(int)]
    if len(studied) < 4 * config.patterns:
        return result
    look = _learn(_logarithms(samples[studied], places), places, config)
    for first in range(0, len(known), _BLOCK):
        frames = known[first : first + _BLOCK]
        strange = look.strangeness(_logarithms(samples[frames], places))
        unlike = _unlike_area(strange, yaw[frames], places, config)
        result[frames] = np.maximum(result[frames], unlike)
    return result


def written_share(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> Floats:
    """(T,) how much of the skin about the mouth is as rough as letters, 0..1.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; may be mapped from disk.
    """
    places = sample_places(scheme)
    rough = samples[..., 3] >= _LETTERS
    skin = (places.chin, places.chin | places.upper_lip)
    share: Floats = np.max([rough[:, where].mean(axis=1) for where in skin], axis=0)
    return share.astype(np.float32)


def _logarithms(samples: NDArray[np.uint8], places: SamplePlaces) -> Floats:
    """(T, N, 4) logarithms of luma, red over green, blue over green, and of roughness.

    All but the last relative to the upper face of the same frame.
    """
    values = samples.astype(np.float32)
    red, green, blue = np.moveaxis(np.log(values[..., :3] + _DARK), -1, 0)
    rough = 0.5 * np.log(values[..., 3] + _SMOOTH)
    kinds = np.stack([green, red - green, blue - green, rough], axis=-1)
    kinds[..., :3] -= np.median(kinds[:, places.upper_face, :3], axis=1, keepdims=True)
    return kinds


@dataclass(frozen=True)
class _Look:
    """How a face looks without anything before it; F = 4 N features."""

    middle: Floats  # (N, 4)
    spread: Floats  # (N, 4) standard deviations
    mean: Floats  # (F,) of the trusted frames, in deviations
    patterns: Floats  # (K, F) orthonormal
    least: Floats  # (K,) of each pattern in the trusted frames
    most: Floats  # (K,)
    light: Floats  # (N, L) the ways in which light may lie on the face

    def strangeness(self, kinds: Floats) -> Floats:
        """(T, N) mean square of the deviations that no pattern explains, of `_logarithms`."""
        apart = _without_light(kinds - self.middle, self.spread, self.light) / self.spread
        flat = apart.reshape(len(apart), -1) - self.mean
        rest = flat - self._explained(np.clip(flat, -_FARTHEST, _FARTHEST))
        squares = np.minimum(np.square(rest.reshape(apart.shape)), _FARTHEST**2)
        strangeness: Floats = squares.mean(axis=-1)
        return strangeness

    def _explained(self, flat: Floats) -> Floats:
        """The patterns in it, as strong as they were ever seen, fitted to what they explain."""
        amounts: Floats = flat @ self.patterns.T
        for _ in range(3):
            weight = _cauchy(flat - amounts @ self.patterns, 2.5)
            amounts = _weighted_fit(flat, weight, self.patterns.T, 0.5)
        explained: Floats = np.clip(amounts, self.least, self.most) @ self.patterns
        return explained


def _learn(kinds: Floats, places: SamplePlaces, config: OcclusionConfig) -> _Look:
    """The look of a face from frames (S, N, 4), less than half of them covered."""
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
    return _Look(middle, spread, mean, patterns, amounts.min(axis=0), amounts.max(axis=0), light)


def _spread(apart: Floats) -> Floats:
    """Robust standard deviations over frames (S, N, 4) -> (N, 4)."""
    off = np.abs(apart - np.median(apart, axis=0))
    spread: Floats = np.maximum(_MAD * np.median(off, axis=0), _LEAST)
    return spread


def _without_light(apart: Floats, spread: Floats, light: Floats) -> Floats:
    """Deviations (T, N, 4) without what another light explains: smooth over the whole face."""
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
    """Amounts (T, K) of columns (F, K) in rows (T, F), by weighted least squares with a ridge."""
    normal = np.einsum("tf,fi,fj->tij", weight, columns, columns, optimize=True)
    normal += ridge * np.eye(columns.shape[1], dtype=np.float32)
    right = (weight * values) @ columns
    amounts: Floats = np.linalg.solve(normal, right[..., None])[..., 0]
    return amounts


def _cauchy(off: Floats, scale: float) -> Floats:
    weight: Floats = 1 / (1 + np.square(off / scale))
    return weight


def _unlike_area(
    strange: Floats, yaw: NDArray[np.float32], places: SamplePlaces, config: OcclusionConfig
) -> Floats:
    """(T,) the area that is unlike, over the limits: 1 and more where a face is covered."""
    lower = ~places.upper_face
    resting = places.resting[lower]
    apart = np.linalg.norm(resting[:, None] - resting, axis=-1)
    # Where places are dense, each stands for less of the face.
    area = (1 / np.exp(-np.square(apart / 0.11)).sum(axis=1)).astype(np.float32)
    near = np.exp(-np.square(apart / 0.085)).astype(np.float32)
    seen = _seen(resting[:, 0], yaw)
    smooth = ((strange[:, lower] * seen) @ near) / np.maximum(seen @ near, 0.2 * near.sum(axis=1))
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


def _seen(across: Floats, yaw: NDArray[np.float32]) -> Floats:
    """(T, N) 0..1 how well places are seen, as on a cylinder that turns: its far side is not."""
    angle = np.arcsin(np.clip(across / 0.75, -1, 1)) + np.radians(yaw)[:, None]
    ramp = np.clip((np.cos(angle) - 0.2) / 0.35, 0, 1)
    seen: Floats = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return seen


def _stretches(cover: Floats, facing: Flags, fps: float, config: OcclusionConfig) -> Flags:
    """Frames of the stretches in which a mouth is covered, with their margins."""
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
    """Flags (T,) with gaps of at most `longest` frames between two flagged ones closed."""
    closed = flags.copy()
    gaps, count = label(~flags)
    for gap in range(1, count + 1):
        inside = np.flatnonzero(gaps == gap)
        between = inside[0] > 0 and inside[-1] < len(flags) - 1
        if between and len(inside) <= longest:
            closed[inside] = True
    return closed


def widened(flags: Flags, frames: int) -> Flags:
    """Flags (T,) and as many frames on either side of each flagged one."""
    near: Flags = maximum_filter1d(flags, 2 * frames + 1, mode="constant")
    return near
