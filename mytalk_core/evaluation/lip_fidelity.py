"""Lips found again in drawn pictures, compared with the target lips."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.evaluation.lip_metrics import correlation, partial_correlation, unexplained
from mytalk_core.evaluation.redrawing import Pictures, RedrawCase
from mytalk_core.faces.alignment import Points, fit_similarity
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import Landmarker
from mytalk_core.faces.shape import aperture

_SMALLEST = 384  # pixels, the least side of a crop that the landmarker is given


class LipReader:
    """Detects the landmarks of drawn crops."""

    def __init__(self, landmarker: Landmarker) -> None:
        self._landmarker = landmarker

    @property
    def scheme(self) -> LandmarkScheme:
        """The scheme of the landmarks found."""
        return self._landmarker.scheme

    def find(self, pictures: Pictures) -> Points:
        """Return landmarks of N pictures, (N, P, 2) crop pixels; NaN where no face is found."""
        side = max(pictures.shape[1], _SMALLEST)
        gain = side / pictures.shape[1]
        found = np.full((len(pictures), self.scheme.point_count, 2), np.nan, np.float32)
        for place, picture in enumerate(pictures):
            if gain > 1:
                picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
            faces = self._landmarker.detect(picture)
            if faces:
                found[place] = faces[0][:, :2] / gain
        return found


def lip_scores(case: RedrawCase, found: Points) -> dict[str, float]:
    """Compare the lips found with the target lips.

    Faces are aligned by the similarity that fits the rigid upper face. Unit: inter-ocular.

    Args:
        found: (N, P, 2) of `LipReader.find`.

    Returns:
        asked_lmd: mean distance of the lip points. asked_r: Pearson's r of the opening found and
        the target opening. asked_r_pooled: the same value, with the weight asked_r_pooled_weight
        (how much the opening varies), so that a weighted mean over clips approximates the r of all
        clips as one series with each clip's mean removed. found: share of frames in which a face
        was found; the only score where it is 0. NaN where there are too few frames.
    """
    seen = face_found(found)
    scores = {"found": float(seen.mean())}
    if not seen.any():
        return scores
    own, unit = case.landmarks[case.frames][seen], case.unit[seen]
    aligned, target = aligned_faces(found[seen], own, case.scheme), target_landmarks(case)[seen]
    lips = list(case.scheme.lips)
    distance = np.linalg.norm(aligned[:, lips] - target[:, lips], axis=-1).mean(axis=1) / unit
    opening, target_opening = (aperture(each, case.scheme) / unit for each in (aligned, target))
    r = correlation(opening, target_opening)
    return scores | {
        "asked_lmd": float(distance.mean()),
        "asked_r": r,
        "asked_r_pooled": r,
        "asked_r_pooled_weight": _covariation(opening, target_opening),
    }


def leak_scores(case: RedrawCase, found: Points, blind: Points) -> dict[str, float]:
    """Measure how much of the original's mouth motion is visible in a cross.

    Args:
        found: (N, P, 2) of `LipReader.find`.
        blind: likewise, in pictures drawn without the frames' own mouths.

    Returns:
        own_r: partial correlation of the opening found and the opening of the original frames,
        given the opening and width of the target lips; own_r_weight: the variation that remains,
        for a mean over clips. own_share: slope of the opening found over the original's opening,
        both after the same regression; own_share_weight makes a weighted mean over clips the slope
        of all. leak_r, leak_share and their weights: the same, given also the opening found in
        `blind`. Absent where no frame shows the faces needed, NaN where too few do.
    """
    own, target = case.landmarks[case.frames], target_landmarks(case)
    scheme, unit = case.scheme, case.unit
    original, target_opening = (aperture(each, scheme) / unit for each in (own, target))
    left_corner, right_corner = (target[:, corner] for corner in scheme.mouth_corners)
    width = np.linalg.norm(left_corner - right_corner, axis=-1) / unit
    given = np.column_stack([target_opening, width])
    opening, blind_opening = (_openings(case, faces) for faces in (found, blind))
    seen = np.isfinite(opening)
    both = seen & np.isfinite(blind_opening)
    scores: dict[str, float] = {}
    if seen.any():
        scores |= _in_common("own", opening[seen], original[seen], given[seen])
    if both.any():
        given_blind = np.column_stack([given, blind_opening])[both]
        scores |= _in_common("leak", opening[both], original[both], given_blind)
    return scores


def face_found(found: Points) -> NDArray[np.bool_]:
    """Return (N,) whether a face was found, of (N, P, 2) landmarks with NaN where none was."""
    return np.asarray(np.isfinite(found).all(axis=(1, 2)))


def target_landmarks(case: RedrawCase) -> Points:
    """Return the landmarks of the frames drawn, (N, P, 2) crop pixels, with the target lips."""
    target = case.landmarks[case.frames].copy()
    lips = list(case.scheme.lips)
    target[:, lips] = case.crops.points[case.frames][:, : len(lips)]
    return target


def aligned_faces(found: Points, own: Points, scheme: LandmarkScheme) -> Points:
    """Align faces found (N, P, 2) with the frames' own by the rigid upper face."""
    rigid = list(scheme.rigid)
    return np.stack(
        [_carried(face, face[rigid], true[rigid]) for face, true in zip(found, own, strict=True)]
    )


def _openings(case: RedrawCase, faces: Points) -> NDArray[np.float64]:
    """Return mouth openings (N,), inter-ocular units; NaN where no face was found."""
    seen = face_found(faces)
    openings = np.full(len(faces), np.nan)
    if seen.any():
        own = case.landmarks[case.frames][seen]
        openings[seen] = aperture(aligned_faces(faces[seen], own, case.scheme), case.scheme)
    return openings / case.unit


def _in_common(
    name: str,
    opening: NDArray[np.floating],
    original: NDArray[np.floating],
    given: NDArray[np.floating],
) -> dict[str, float]:
    """Return partial correlation and slope of two openings (T,) given the series (T, G)."""
    r = partial_correlation(opening, original, given)
    left, original_left = (unexplained(series, given) for series in (opening, original))
    return {
        f"{name}_r": r,
        f"{name}_r_weight": _covariation(left, original_left),
        # Where lips match the target, little remains to correlate and r may be large for an
        # invisible residue. The slope says how much of the original's motion is visible.
        f"{name}_share": r * float(np.std(left) / np.std(original_left)),
        f"{name}_share_weight": float(np.sum(original_left**2)),
    }


def _covariation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return the weight of a clip's correlation of two series in a mean over clips."""
    return float(np.std(one) * np.std(other) * len(one))


def _carried(points: Points, source: Points, target: Points) -> Points:
    """Map `points` (P, 2) by the similarity from `source` (R, 2) onto `target` (R, 2)."""
    rotation, scale, shift = fit_similarity(source, target[None])
    carried: Points = scale[0] * points @ rotation[0].T + shift[0]
    return carried
