"""Whether the lips that are seen in a drawn picture are those that were asked for."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.evaluation.lip_metrics import correlation, partial_correlation, unexplained
from mytalk_core.evaluation.redrawing import Pictures, RedrawCase
from mytalk_core.faces.alignment import Points, fit_similarity
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import Landmarker
from mytalk_core.faces.shape import aperture

_SMALLEST = 384  # pixels, a crop's side as the landmarker sees it at least


class LipReader:
    """Finds the lips in drawn pictures again."""

    def __init__(self, landmarker: Landmarker) -> None:
        self._landmarker = landmarker

    @property
    def scheme(self) -> LandmarkScheme:
        """What its points are."""
        return self._landmarker.scheme

    def find(self, pictures: Pictures) -> Points:
        """Landmarks of N pictures, (N, P, 2) crop pixels, NaN where none are found."""
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
    """How near the lips found are to those asked for.

    Faces are aligned by the similarity that fits the rigid upper face; unit inter-ocular.

    Args:
        found: (N, P, 2) of `LipReader.find`.

    Returns:
        asked_lmd: mean distance of the lip points; asked_r: Pearson's r of opening found and asked
        for; asked_r_pooled the same, and asked_r_pooled_weight, how much the opening moves, for a
        mean over clips that is nearly the r of all clips as one series, each clip's mean taken off:
        clips in which it hardly moves tell little; found: share of frames in which a face was
        found, and nothing else where it is none. NaN where too few frames tell.
    """
    seen = _face_found(found)
    scores = {"found": float(seen.mean())}
    if not seen.any():
        return scores
    own, unit = case.landmarks[case.frames][seen], case.unit[seen]
    aligned, wanted = _aligned(found[seen], own, case.scheme), _wanted(case)[seen]
    lips = list(case.scheme.lips)
    distance = np.linalg.norm(aligned[:, lips] - wanted[:, lips], axis=-1).mean(axis=1) / unit
    opening, asked = (aperture(each, case.scheme) / unit for each in (aligned, wanted))
    r = correlation(opening, asked)
    return scores | {
        "asked_lmd": float(distance.mean()),
        "asked_r": r,
        "asked_r_pooled": r,
        "asked_r_pooled_weight": _together(opening, asked),
    }


def leak_scores(case: RedrawCase, found: Points, blind: Points) -> dict[str, float]:
    """How much of the original's mouth is seen in a cross, beside what was asked for.

    Args:
        found: (N, P, 2) of `LipReader.find`.
        blind: likewise, in what was drawn without knowing the frames' own mouths.

    Returns:
        own_r: the correlation of the opening found with that of the original frames, after what the
        lips asked for explain by their opening and width, and own_r_weight, how much is left then,
        for a mean over clips; own_share: of what they leave unexplained of the original's opening,
        how much is seen in the opening found (the slope of a line through both), and
        own_share_weight, with which a mean over clips is the slope of all; leak_r, leak_share and
        their weights: the same, after what the opening found in `blind` explains, too. Left out
        where no frame shows the faces they need, NaN where too few do.
    """
    own, wanted, scheme, unit = case.landmarks[case.frames], _wanted(case), case.scheme, case.unit
    original, asked = (aperture(each, scheme) / unit for each in (own, wanted))
    left_corner, right_corner = (wanted[:, corner] for corner in scheme.mouth_corners)
    told = np.column_stack([asked, np.linalg.norm(left_corner - right_corner, axis=-1) / unit])
    opening, unknowing = (_openings(case, faces) for faces in (found, blind))
    seen = np.isfinite(opening)
    both = seen & np.isfinite(unknowing)
    scores: dict[str, float] = {}
    if seen.any():
        scores |= _in_common("own", opening[seen], original[seen], told[seen])
    if both.any():
        known = np.column_stack([told, unknowing])[both]
        scores |= _in_common("leak", opening[both], original[both], known)
    return scores


def _openings(case: RedrawCase, faces: Points) -> NDArray[np.float64]:
    """How far the mouths of faces found (N, P, 2) are open, (N,); NaN where there is none."""
    seen = _face_found(faces)
    openings = np.full(len(faces), np.nan)
    if seen.any():
        own = case.landmarks[case.frames][seen]
        openings[seen] = aperture(_aligned(faces[seen], own, case.scheme), case.scheme)
    return openings / case.unit


def _face_found(found: Points) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(found).all(axis=(1, 2)))


def _wanted(case: RedrawCase) -> Points:
    """The frames' landmarks (N, P, 2) with the lips asked for."""
    wanted = case.landmarks[case.frames].copy()
    lips = list(case.scheme.lips)
    wanted[:, lips] = case.crops.points[case.frames][:, : len(lips)]
    return wanted


def _in_common(
    name: str,
    opening: NDArray[np.floating],
    original: NDArray[np.floating],
    told: NDArray[np.floating],
) -> dict[str, float]:
    """Correlation of two openings (T,) after what `told` (T, G) explains, and the slope."""
    r = partial_correlation(opening, original, told)
    left, original_left = (unexplained(series, told) for series in (opening, original))
    return {
        f"{name}_r": r,
        f"{name}_r_weight": _together(left, original_left),
        # Where lips do as they are asked to, little is left to correlate, and any share of it looks
        # large; this says how much of the original's motion an audience could see.
        f"{name}_share": r * float(np.std(left) / np.std(original_left)),
        f"{name}_share_weight": float(np.sum(original_left**2)),
    }


def _aligned(found: Points, own: Points, scheme: LandmarkScheme) -> Points:
    """Faces found (N, P, 2) laid on the frames' own by the rigid upper face."""
    rigid = list(scheme.rigid)
    return np.stack(
        [_carried(face, face[rigid], true[rigid]) for face, true in zip(found, own, strict=True)]
    )


def _together(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """What a clip's correlation of two series weighs among those of other clips."""
    return float(np.std(one) * np.std(other) * len(one))


def _carried(points: Points, source: Points, target: Points) -> Points:
    """`points` (P, 2) by the similarity from `source` (R, 2) onto `target` (R, 2)."""
    rotation, scale, shift = fit_similarity(source, target[None])
    carried: Points = scale[0] * points @ rotation[0].T + shift[0]
    return carried
