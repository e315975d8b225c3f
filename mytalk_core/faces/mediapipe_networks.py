"""MediaPipe's landmarker and face detector.

Importing this module takes half a second: modules that a command imports for their types import it
where the networks are opened.
"""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.lean_imports import unused_packages

# MediaPipe imports it for pictures of landmarks.
with unused_packages(("matplotlib", "matplotlib.pyplot")):
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

_DETECTOR = "face_detector.tflite"  # within the landmarker's bundle


def open_landmarker(
    model: Path, faces: int, confidence: float, video: bool
) -> vision.FaceLandmarker:
    """Open the landmarker.

    Args:
        model: file of the model store's entry `face-landmarker`.
        faces: how many are found at most.
        confidence: 0..1, of detection, presence and tracking.
        video: faces are tracked from frame to frame; otherwise each picture stands alone.
    """
    return vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
            num_faces=faces,
            min_face_detection_confidence=confidence,
            min_face_presence_confidence=confidence,
            min_tracking_confidence=confidence,
        )
    )


def open_detector(model: Path, confidence: float) -> vision.FaceDetector:
    """Open the detector in the landmarker's file; faces of less confidence, 0..1, are left out."""
    with zipfile.ZipFile(model) as bundle:
        network = bundle.read(_DETECTOR)
    return vision.FaceDetector.create_from_options(
        vision.FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=network),
            running_mode=vision.RunningMode.IMAGE,
            min_detection_confidence=confidence,
        )
    )


def mediapipe_image(image: NDArray[np.uint8]) -> Image:
    """Return an image (H, W, 3) RGB for the networks; the native code ignores strides."""
    return Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(image))
