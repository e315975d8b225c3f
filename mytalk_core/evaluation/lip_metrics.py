"""Metrics of lip motion on landmarks.

Lips are (T, L, D) in the order of `scheme.lips`, D = 2 or 3; they are the first L points of a
model's shapes. Distances are in the unit of the points: inter-ocular for aligned faces.
"""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Points, canonical_rigid, fit_similarity
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture_positions, moving_positions
from mytalk_core.media.resampling import resampled

OPEN_MOUTH_RATIO = 0.25
"""Aspect ratio above which a mouth that should be closed counts as open (KeySync's LipLeak)."""

LARGEST_LAG = 4
"""Frames by which `in_step_correlation` moves a clip at most."""

_LAG_STEPS = 2  # lags tried in a frame


def rigid_reference(landmarks: Points, scheme: LandmarkScheme) -> Points:
    """Return the frontal face onto which a person's frames are aligned, (R, 2), inter-ocular.

    Shapes are comparable only if they share it, so compute one per speaker.

    Args:
        landmarks: (T, P, 3) pixels, finite.
    """
    return canonical_rigid(landmarks, scheme)[:, :2]


def align_lips(landmarks: Points, reference: Points, scheme: LandmarkScheme) -> Points:
    """Remove the head pose from lips; returns (T, L, 2) inter-ocular units.

    Every frame is mapped by the 2-D similarity that fits its rigid upper face onto `reference`.

    Args:
        landmarks: (T, P, 2 or 3) pixels, finite; depth is ignored.
        reference: (R, 2) from `rigid_reference`.
    """
    flat = landmarks[..., :2]
    rotation, scale, translation = fit_similarity(reference, flat[:, np.asarray(scheme.rigid)])
    centred = flat[:, np.asarray(scheme.lips)] - translation[:, None]
    lips: Points = np.einsum("tnd,tde->tne", centred, rotation) / scale[:, None, None]
    return lips


def lmd(predicted: Points, true: Points) -> float:
    """Return the mean over frames and points of |predicted - true|, both (T, L, D)."""
    return float(np.linalg.norm(predicted - true, axis=-1).mean())


def cross_lmd(dubbed: Points, spoken: Points) -> float:
    """Return `lmd` in the dubbing case, over the frames that both clips have.

    Args:
        dubbed: (T, L, D) lips of clip A dubbed with the sound of clip B of the same speaker.
        spoken: (T', L, D) lips of clip B, aligned to the same reference.
    """
    frames = min(len(dubbed), len(spoken))
    return lmd(dubbed[:frames], spoken[:frames])


def velocity_error(predicted: Points, true: Points) -> float:
    """Return `lmd` of the frame-to-frame motion, units per frame; 0 for a constant difference."""
    return lmd(np.diff(predicted, axis=0), np.diff(true, axis=0))


def pairwise_distance(lips: Points) -> float:
    """Return the mean `lmd` of all pairs of S sequences (S, T, L, D); 0 for a single one."""
    apart = [lmd(one, other) for one, other in combinations(lips, 2)]
    return float(np.mean(apart)) if apart else 0.0


def variability(lips: Points) -> float:
    """Return the mean `lmd` of all pairs of frames of (T, L, D), a measure of mouth motion."""
    return pairwise_distance(lips[:, None])


def aperture(lips: Points, scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the mouth opening, (T,): mean distance of the scheme's inner lip pairs."""
    upper, lower = aperture_positions(scheme)
    opening: NDArray[np.float32] = np.linalg.norm(lips[:, upper] - lips[:, lower], axis=-1).mean(1)
    return opening


def aperture_correlation(predicted: Points, true: Points, scheme: LandmarkScheme) -> float:
    """Return Pearson's r of the two openings over time; NaN as for `correlation`."""
    return correlation(aperture(predicted, scheme), aperture(true, scheme))


def in_step_correlation(predicted: Points, true: Points, scheme: LandmarkScheme) -> float:
    """Return Pearson's r of the two openings at the one lag of the clip that fits best.

    Lags are multiples of half a frame, at most `LARGEST_LAG`; all are compared on the same frames
    of the prediction. Footage whose sound is not in step with its picture lowers `aperture_r` and
    not this value. Choosing among lags adds about 0.02 on clips of ten seconds. NaN as for
    `correlation`, and where the clip has no more than twice `LARGEST_LAG` frames.
    """
    opening, truth = (aperture(each, scheme) for each in (predicted, true))
    inside = np.arange(LARGEST_LAG, len(opening) - LARGEST_LAG, dtype=np.float64)
    if not len(inside):
        return float("nan")
    lags = np.arange(-LARGEST_LAG * _LAG_STEPS, LARGEST_LAG * _LAG_STEPS + 1) / _LAG_STEPS
    fixed = opening[LARGEST_LAG : len(opening) - LARGEST_LAG]
    return max(correlation(fixed, resampled(truth, inside + lag)) for lag in lags)


def opening_gain(predicted: Points, true: Points, scheme: LandmarkScheme) -> float:
    """Return the standard deviation of the predicted opening over that of the true one."""
    spread, true_spread = (float(np.std(aperture(each, scheme))) for each in (predicted, true))
    return spread / true_spread if true_spread else float("nan")


def correlation(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """Return Pearson's r of two series (T,), -1..1; NaN where one of them is constant."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.linalg.norm(a) * np.linalg.norm(b))
    # Openings are near 0.1: a millionth of that is rounding error.
    return float(a @ b) / spread if spread > 1e-12 * len(a) else float("nan")


def unexplained(
    series: NDArray[np.floating[Any]], given: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the residual of a series (T,) regressed on others (T, G) and a constant."""
    regressors = np.column_stack([np.ones(len(given)), given.astype(np.float64)])
    response = series.astype(np.float64)
    fit, *_ = np.linalg.lstsq(regressors, response, rcond=None)
    residual: NDArray[np.float64] = response - regressors @ fit
    return residual


def partial_correlation(
    a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]], given: NDArray[np.floating[Any]]
) -> float:
    """Return the partial correlation of `a` and `b`, both (T,), given the series (T, G).

    NaN where a residual is constant or T is below G + 3.
    """
    if len(a) < given.shape[1] + 3:
        return float("nan")
    return correlation(unexplained(a, given), unexplained(b, given))


def mouth_aspect_ratio(lips: Points, scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the opening over the distance of the inner mouth corners, (T,), without a unit."""
    left, right = moving_positions(scheme, scheme.mouth_corners)
    width = np.linalg.norm(lips[:, left] - lips[:, right], axis=-1)
    ratio: NDArray[np.float32] = aperture(lips, scheme) / width
    return ratio


def lip_leak(lips: Points, scheme: LandmarkScheme) -> float:
    """Return the share of frames with the mouth open, 0..1; ideally 0 for a dub with silence.

    LipLeak of KeySync (2025). Report the share of the undubbed source beside it.
    """
    return float((mouth_aspect_ratio(lips, scheme) > OPEN_MOUTH_RATIO).mean())


def motion_scores(predicted: Points, true: Points, scheme: LandmarkScheme) -> dict[str, float]:
    """Return the metrics of two sequences (T, L, D), aligned alike, by name."""
    return {
        "lmd": lmd(predicted, true),
        "aperture_r": aperture_correlation(predicted, true, scheme),
        "aperture_r_in_step": in_step_correlation(predicted, true, scheme),
        "opening_gain": opening_gain(predicted, true, scheme),
        "velocity_error": velocity_error(predicted, true),
    }
