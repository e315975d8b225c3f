"""A second landmarker for evaluation: the 68 landmarks of face-alignment.

The landmarks of the training data, the target landmarks and the first judge all come from
MediaPipe, so the first judge cannot see MediaPipe's own errors. face-alignment was trained
independently of it.
"""

from dataclasses import dataclass

import numpy as np

from mytalk_core.errors import ModelError, Reason
from mytalk_core.evaluation.lip_fidelity import (
    LipReader,
    aligned_faces,
    face_found,
    target_landmarks,
)
from mytalk_core.evaluation.lip_metrics import correlation
from mytalk_core.evaluation.redrawing import RedrawCase
from mytalk_core.evaluation.tables import Metric
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.face_alignment_landmarker import FaceAlignmentLandmarker, weights_folder
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture

JUDGE = "judge: face-alignment 68 landmarks"

LIP_METRICS = (
    Metric("fa68_r", f"opening r ({JUDGE})", "higher"),
    Metric("fa68_found", f"faces found ({JUDGE})", "higher", 2),
)
TRUE_LIP_METRICS = (Metric("fa68_lmd", f"lips from true ({JUDGE})", "lower", 4), *LIP_METRICS)
"""Columns of reconstruction, where the true pictures are known."""


@dataclass(frozen=True)
class IndependentJudge:
    """face-alignment, or why it does not judge."""

    reader: LipReader | None
    statement: str  # for the report and the terminal: which landmarkers judge


def independent_judge() -> IndependentJudge:
    """Load face-alignment where its weights are installed; nothing is downloaded."""
    try:
        landmarker = FaceAlignmentLandmarker(weights_folder())
    except ModelError as error:
        state = "not installed" if error.reason is Reason.MODEL_MISSING else "damaged"
        return IndependentJudge(
            None,
            f"face-alignment's weights are {state}: the only judge of the lips in drawn pictures"
            " is MediaPipe's landmarker.",
        )
    return IndependentJudge(
        LipReader(landmarker),
        f"Columns with '{JUDGE}' come from face-alignment's landmarker, which was trained"
        " independently of MediaPipe's. It takes over half a second a picture, so it judges only"
        " ours, the nearest of four references pasted, and the clip's own frames. Opening r:"
        " correlation of the opening it finds with the target opening. Lips from true: mean"
        " distance of its lip points in the drawn picture from its lip points in the clip's own"
        " frame, aligned on the rigid upper face, outer eye corners 1 apart; 0 for the truth by"
        " definition.",
    )


def independent_lip_scores(
    case: RedrawCase, found: Points, own: Points, scheme: LandmarkScheme
) -> dict[str, float]:
    """Compare the lips that the independent judge finds with the target lips.

    Args:
        found: (N, P, 2) of `LipReader.find` in the drawn pictures, crop pixels.
        own: (N, P, 2) likewise in the clip's own frames.
        scheme: of both; it may differ from the case's.

    Returns:
        fa68_found: share of frames in which a face was found. fa68_r: Pearson's r of the opening
        found and the target opening. fa68_lmd: mean lip distance from `own`, inter-ocular units,
        in reconstruction only. The last two are absent where no frame has both faces.
    """
    scores = {"fa68_found": float(face_found(found).mean())}
    both = face_found(found) & face_found(own)
    if not both.any():
        return scores
    unit = case.unit[both]
    aligned = aligned_faces(found[both], own[both], scheme)
    target = aperture(target_landmarks(case)[both], case.scheme) / unit
    scores["fa68_r"] = correlation(aperture(aligned, scheme) / unit, target)
    if case.is_reconstruction:
        lips = list(scheme.lips)
        distance = np.linalg.norm(aligned[:, lips] - own[both][:, lips], axis=-1).mean(axis=1)
        scores["fa68_lmd"] = float((distance / unit).mean())
    return scores
