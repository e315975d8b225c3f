"""How well lips follow speech, measured on landmarks alone.

Lips are (T, L, D) in the order of `scheme.lips`, D = 2 or 3; of a model's shapes they are the first
L points. Distances are in the unit of the points: inter-ocular, once faces are aligned.
"""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Points, canonical_rigid, fit_similarity
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture_positions, moving_positions

OPEN_MOUTH_RATIO = 0.25
"""Aspect ratio above which a mouth that should be shut counts as open: KeySync's LipLeak."""


def rigid_reference(landmarks: Points, scheme: LandmarkScheme) -> Points:
    """The frontal face onto which a person's frames are aligned: (R, 2), unit inter-ocular.

    Shapes are comparable where they share it, so take one per speaker.

    Args:
        landmarks: (T, P, 3) pixels, finite.
    """
    return canonical_rigid(landmarks, scheme)[:, :2]


def align_lips(landmarks: Points, reference: Points, scheme: LandmarkScheme) -> Points:
    """Lips without head pose: (T, L, 2) inter-ocular units.

    Every frame is carried by the 2-D similarity that fits its rigid upper face onto `reference`.

    Args:
        landmarks: (T, P, 2 or 3) pixels, finite; depth is not looked at.
        reference: (R, 2) from `rigid_reference`.
    """
    flat = landmarks[..., :2]
    rotation, scale, translation = fit_similarity(reference, flat[:, np.asarray(scheme.rigid)])
    centred = flat[:, np.asarray(scheme.lips)] - translation[:, None]
    lips: Points = np.einsum("tnd,tde->tne", centred, rotation) / scale[:, None, None]
    return lips


def lmd(predicted: Points, true: Points) -> float:
    """Landmark distance: mean over frames and points of |predicted - true|, both (T, L, D)."""
    return float(np.linalg.norm(predicted - true, axis=-1).mean())


def cross_lmd(dubbed: Points, spoken: Points) -> float:
    """`lmd` in the dubbing case, over the frames that both clips have.

    Args:
        dubbed: (T, L, D) lips of clip A dubbed with the sound of clip B of the same speaker.
        spoken: (T', L, D) lips of clip B, aligned to the same reference.
    """
    frames = min(len(dubbed), len(spoken))
    return lmd(dubbed[:frames], spoken[:frames])


def velocity_error(predicted: Points, true: Points) -> float:
    """`lmd` of the frame-to-frame motion, in units per frame: 0 for any constant difference."""
    return lmd(np.diff(predicted, axis=0), np.diff(true, axis=0))


def pairwise_distance(lips: Points) -> float:
    """Mean `lmd` of all pairs among (S, T, L, D): how far S ways to say the same lie apart.

    0 for a single one.
    """
    apart = [lmd(one, other) for one, other in combinations(lips, 2)]
    return float(np.mean(apart)) if apart else 0.0


def variability(lips: Points) -> float:
    """Mean `lmd` of all pairs of frames of (T, L, D): how far a mouth moves at all."""
    return pairwise_distance(lips[:, None])


def aperture(lips: Points, scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Opening of the mouth, (T,): mean distance of the scheme's inner lip pairs."""
    upper, lower = aperture_positions(scheme)
    opening: NDArray[np.float32] = np.linalg.norm(lips[:, upper] - lips[:, lower], axis=-1).mean(1)
    return opening


def aperture_correlation(predicted: Points, true: Points, scheme: LandmarkScheme) -> float:
    """Pearson's r of the two openings over time, -1..1; NaN where one of them never changes."""
    return correlation(aperture(predicted, scheme), aperture(true, scheme))


def correlation(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """Pearson's r of two series (T,), -1..1; NaN where one of them never changes."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.linalg.norm(a) * np.linalg.norm(b))
    # Openings are near 0.1: what is a millionth of that is rounding, not motion.
    return float(a @ b) / spread if spread > 1e-12 * len(a) else float("nan")


def unexplained(
    series: NDArray[np.floating[Any]], given: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """What is left of a series (T,) once it is regressed on others (T, G), with a constant."""
    known = np.column_stack([np.ones(len(given)), given.astype(np.float64)])
    wanted = series.astype(np.float64)
    fit, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    left: NDArray[np.float64] = wanted - known @ fit
    return left


def partial_correlation(
    a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]], given: NDArray[np.floating[Any]]
) -> float:
    """`correlation` of what `given` (T, G) leaves unexplained of `a` and of `b`, both (T,).

    NaN where nothing is left, or T is below G + 3.
    """
    if len(a) < given.shape[1] + 3:
        return float("nan")
    return correlation(unexplained(a, given), unexplained(b, given))


def mouth_aspect_ratio(lips: Points, scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Opening over the distance of the inner mouth corners, (T,); free of any unit."""
    left, right = moving_positions(scheme, scheme.mouth_corners)
    width = np.linalg.norm(lips[:, left] - lips[:, right], axis=-1)
    ratio: NDArray[np.float32] = aperture(lips, scheme) / width
    return ratio


def lip_leak(lips: Points, scheme: LandmarkScheme) -> float:
    """Share of frames, 0..1, with the mouth open: of a clip dubbed with silence it should be 0.

    LipLeak of KeySync (2025). Report the share of the undubbed source beside it.
    """
    return float((mouth_aspect_ratio(lips, scheme) > OPEN_MOUTH_RATIO).mean())


def motion_scores(predicted: Points, true: Points, scheme: LandmarkScheme) -> dict[str, float]:
    """What a landmark sequence is judged by, under the names that tables carry.

    Both (T, L, D) aligned to the same reference; names: lmd, aperture_r, velocity_error.
    """
    return {
        "lmd": lmd(predicted, true),
        "aperture_r": aperture_correlation(predicted, true, scheme),
        "velocity_error": velocity_error(predicted, true),
    }
