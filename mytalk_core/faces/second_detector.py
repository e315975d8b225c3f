"""Check of landmarks by a second face detector.

A landmarker always returns a well-formed mesh; on an upside-down face it places the lips over the
eyes. So the detector of the landmarker's bundle runs on the face turned upright by its landmarks.
If it scores higher on the same crop turned by 180 degrees, the landmarks are wrong. The distance
between the eyes and mouths of both is a further check.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.crop import apply_box, cut_crop
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_SIZE = 128  # pixels, input of the network
_EXTENT = 4.0  # width of the crop, inter-ocular units: twice that of a face
_BELOW_EYES = 0.5  # centre of the crop, inter-ocular units
_LEAST_SCORE = 0.1  # lower scores are not reported by the detector
# Score above which the turned crop is not tried. Wrong landmarks score at most 0.85 on the footage
# of tests/benchmarks/face_plausibility.py.
_CERTAIN = 0.88
# Keypoints of the detector: eyes in the picture from left to right, nose tip, mouth.
_LEFT_EYE, _RIGHT_EYE, _MOUTH = 0, 1, 3


@dataclass(frozen=True)
class Agreement:
    """Agreement of detector and landmarks on one face in one frame."""

    # Score, 0..1, of the face turned upright by its landmarks, minus that of the crop turned by a
    # further 180 degrees; negative where the landmarks are upside down.
    upright: float
    # Largest distance between the eyes and mouths of both, inter-ocular units; infinite where the
    # detector finds no face.
    distance: float


class SecondDetector:
    """MediaPipe's face detector on single faces."""

    def __init__(self, landmarker: Path) -> None:
        """Load the detector from the file of the model store's entry `face-landmarker`."""
        from mytalk_core.faces.mediapipe_networks import open_detector

        self._detector = open_detector(landmarker, _LEAST_SCORE)

    def close(self) -> None:
        """Free the native network."""
        self._detector.close()

    def check(
        self, image: NDArray[np.uint8], face: NDArray[np.float32], scheme: LandmarkScheme
    ) -> Agreement:
        """Compare landmarks with the detection.

        Args:
            image: (H, W, 3) RGB.
            face: (P, 3) pixels, finite.
        """
        crop, points, unit = _upright_crop(image, face, scheme)
        score, found = self._detect(crop)
        if found is None:
            return Agreement(-self._detect(_turned(crop))[0], float("inf"))
        other = 0.0 if score >= _CERTAIN else self._detect(_turned(crop))[0]
        distance = np.linalg.norm(found - points, axis=1).max() / unit
        return Agreement(score - other, float(distance))

    def _detect(self, crop: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32] | None]:
        """Return the score of the best face and its eyes and mouth, (3, 2) pixels of the crop."""
        from mytalk_core.faces.mediapipe_networks import mediapipe_image

        found = self._detector.detect(mediapipe_image(crop)).detections
        if not found:
            return 0.0, None
        best = max(found, key=lambda each: each.categories[0].score)
        places = [best.keypoints[name] for name in (_LEFT_EYE, _RIGHT_EYE, _MOUTH)]
        seen = np.array([(place.x, place.y) for place in places], np.float32) * _SIZE
        return float(best.categories[0].score), seen


def _upright_crop(
    image: NDArray[np.uint8], face: NDArray[np.float32], scheme: LandmarkScheme
) -> tuple[NDArray[np.uint8], NDArray[np.float32], float]:
    """Turn a face upright by its landmarks.

    Returns:
        crop (128, 128, 3); eyes and mouth of the landmarks in it, (3, 2); its inter-ocular unit in
        pixels.
    """
    left, right = (face[corner] for corner in scheme.eye_corners)
    # With depth, so that the unit does not depend on the yaw.
    unit = max(float(np.linalg.norm(right - left)), 1.0)
    across = (right - left)[:2] / max(float(np.linalg.norm((right - left)[:2])), 1e-6)
    down = np.array([-across[1], across[0]])
    gain = _SIZE / (_EXTENT * unit)
    turn = gain * np.column_stack([across, down])
    middle = (left + right)[:2] / 2 + _BELOW_EYES * unit * down
    box = np.vstack([turn, _SIZE / 2 - middle @ turn]).astype(np.float32)
    groups = (*scheme.eyes, scheme.mouth_corners)
    points = np.stack([face[list(group)].mean(axis=0) for group in groups])
    return cut_crop(image, box, _SIZE), apply_box(points[None], box[None])[0], gain * unit


def _turned(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn by 180 degrees."""
    return np.ascontiguousarray(crop[::-1, ::-1])
