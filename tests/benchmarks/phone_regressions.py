"""Regressions of lip motion on speech and phones for `motion_synthetic_phones`."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from openfacefx.alignment import PhonemeSegment
from openfacefx.coarticulation import build_viseme_curves
from openfacefx.phonemes import ARPABET, SILENCE
from scipy.linalg import solve

from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.model import windows
from mytalk_core.speech.phones import Phone

Rows = NDArray[np.float32]

SHARES = (0.03, 0.1, 0.3, 1.0)  # weight of all synthetic speech; all real speech weighs 1
RIDGE = 0.8  # of the regression on speech, as in training
CURVE_RIDGE = 0.001
CURVE_CONTEXT, PHONE_CONTEXT = 2, 4  # frames on either side
PHONES = sorted(ARPABET)


def mouth_curves(phones: Sequence[Phone], frames: int) -> Rows:
    """Return windows of openfacefx' 15 viseme curves minus their mean, (T, C)."""
    segments, end = [], Fraction(0)
    for phone in phones:
        if phone.start > end:
            segments.append(PhonemeSegment(SILENCE, float(end), float(phone.start)))
        segments.append(PhonemeSegment(phone.name, float(phone.start), float(phone.end)))
        end = phone.end
    last = Fraction(frames) / MOTION_FPS
    if last > end:
        segments.append(PhonemeSegment(SILENCE, float(end), float(last)))
    _, curves = build_viseme_curves(segments, fps=float(MOTION_FPS))
    return _centred(curves[np.minimum(np.arange(frames), len(curves) - 1)], CURVE_CONTEXT)


def phone_indicators(phones: Sequence[Phone], frames: int) -> Rows:
    """Return windows of the share of each phone in each frame minus their mean, (T, C)."""
    shares = np.zeros((frames, len(PHONES)))
    for phone in phones:
        first, last = (float(time * MOTION_FPS) for time in (phone.start, phone.end))
        overlap = np.minimum(last, np.arange(frames) + 1) - np.maximum(first, np.arange(frames))
        shares[:, PHONES.index(phone.name)] += overlap.clip(min=0)
    return _centred(shares, PHONE_CONTEXT)


def _centred(rows: NDArray[np.float64], context: int) -> Rows:
    rows = rows - rows.mean(axis=0)
    return windows(torch.from_numpy(rows).float()[None], context)[0].numpy()


@dataclass(frozen=True)
class Moments:
    """Weighted second moments of frames, the sufficient statistics of both regressions."""

    speech: NDArray[np.float64]  # (D, D)
    motion: NDArray[np.float64]  # (D, K) speech by motion
    curves: NDArray[np.float64]  # (D, C) speech by curves
    curve: NDArray[np.float64]  # (C, C)
    curve_motion: NDArray[np.float64]  # (C, K)
    weight: float

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(*(a + b for a, b in zip(_parts(self), _parts(other), strict=True)))

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(*(a - b for a, b in zip(_parts(self), _parts(other), strict=True)))


def _parts(moments: Moments) -> tuple[NDArray[np.float64], ...]:
    return tuple(vars(moments).values())


def total(moments: Sequence[Moments]) -> Moments:
    result = moments[0]
    for each in moments[1:]:
        result = result + each
    return result


def ridge(
    normal: NDArray[np.float64], target: NDArray[np.float64], penalty: float = RIDGE
) -> NDArray[np.float64]:
    found: NDArray[np.float64] = solve(
        normal + penalty * np.eye(len(normal)), target, assume_a="pos"
    )
    return found


def curve_map(real: Moments) -> NDArray[np.float64]:
    """Fit the map from mouth curves to motion, (C, K)."""
    return ridge(real.curve / real.weight, real.curve_motion / real.weight, CURVE_RIDGE)


@dataclass(frozen=True)
class Synthetic:
    """Moments of synthetic speech with its own curves, with displaced ones and with none."""

    own: Moments
    displaced: Moments
    still: Moments


def real_map(real: Moments, penalty: float = RIDGE) -> NDArray[np.float64]:
    """Fit the map from speech to motion, (D, K), on real speech."""
    return ridge(real.speech / real.weight, real.motion / real.weight, penalty)


def speech_maps(real: Moments, synthetic: Synthetic) -> dict[str, NDArray[np.float64]]:
    """Fit maps from speech to motion, (D, K): first on real speech, then with synthetic speech."""
    curves = curve_map(real)
    normal, target = real.speech / real.weight, real.motion / real.weight

    def mixed(made: Moments, share: float) -> NDArray[np.float64]:
        others = made.curves @ curves / made.weight
        both = normal + share * made.speech / made.weight
        return ridge(both / (1 + share), (target + share * others) / (1 + share))

    made = synthetic.own
    alone = ridge(made.speech / made.weight, made.curves @ curves / made.weight)
    return {
        "real only": real_map(real),
        **{f"synthetic at {share:g}": mixed(made, share) for share in SHARES},
        "at 0.1, phones displaced": mixed(synthetic.displaced, 0.1),
        "at 0.1, lips still": mixed(synthetic.still, 0.1),
        # Pre-training as the centre of the ridge penalty.
        "pre-trained": ridge(normal, target + RIDGE * alone),
        "synthetic only": alone,
        "real only, ridge 2": real_map(real, 2.0),
    }


def moments(
    speech: Sequence[Rows], curves: Sequence[Rows], motion: Sequence[Rows], weight: float
) -> Moments:
    """Compute moments of clips (V, T, D), (T, C) and (T, K); the voices of a clip share a weight.

    The weight of one frame of a clip is `weight`.
    """
    voices = len(speech[0])
    x = np.concatenate([each.reshape(-1, each.shape[-1]) for each in speech])
    c = np.concatenate([np.tile(each, (voices, 1)) for each in curves])
    y = np.concatenate([np.tile(each, (voices, 1)) for each in motion])
    scale = weight / voices
    products = (x.T @ x, x.T @ y, x.T @ c, c.T @ c, c.T @ y)
    return Moments(*(scale * each.astype(np.float64) for each in products), scale * len(x))
