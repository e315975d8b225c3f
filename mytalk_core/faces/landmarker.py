"""Dense face landmarks of video frames, 478 points a face."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme


@dataclass(frozen=True)
class LandmarkerConfig:
    """How faces are found."""

    # Faces looked for in a frame; more cost time only where they are there.
    max_faces: int = 1
    # Confidence, 0..1, below which a detection is no face.
    min_confidence: float = 0.5


class MeshLandmarker:
    """Tracks faces through the frames of one video at a time, in order.

    It keeps the last frame's faces to find the next ones, so a new video needs `restart`.
    """

    scheme: LandmarkScheme = MESH478

    def __init__(self, model: Path, config: LandmarkerConfig | None = None) -> None:
        self._model = model
        self._config = config or LandmarkerConfig()
        self._landmarker = self._open()

    def _open(self) -> vision.FaceLandmarker:
        return vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(self._model)),
                running_mode=vision.RunningMode.VIDEO,
                num_faces=self._config.max_faces,
                min_face_detection_confidence=self._config.min_confidence,
                min_face_presence_confidence=self._config.min_confidence,
                min_tracking_confidence=self._config.min_confidence,
            )
        )

    def restart(self) -> None:
        """Forget the current video."""
        self._landmarker.close()
        self._landmarker = self._open()

    def close(self) -> None:
        """Free the native networks."""
        self._landmarker.close()

    def __enter__(self) -> "MeshLandmarker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def detect(self, image: NDArray[np.uint8], time_ms: int) -> list[NDArray[np.float32]]:
        """Faces of one frame.

        Args:
            image: (H, W, 3) RGB.
            time_ms: milliseconds since the start of the video, larger at every call.

        Returns:
            For every face (478, 3) pixels; z is relative to the face's middle, in pixels,
            positive away from the camera.
        """
        # The native code reads rows back to back whatever the strides say.
        frame = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        height, width = image.shape[:2]
        result = self._landmarker.detect_for_video(frame, time_ms)
        size = np.array([width, height, width], np.float32)
        return [
            np.array([[point.x, point.y, point.z] for point in face], np.float32) * size
            for face in result.face_landmarks
        ]


def track_largest_face(
    images: Iterable[NDArray[np.uint8]], landmarker: MeshLandmarker, fps: Fraction
) -> Iterator[NDArray[np.float32]]:
    """One face per frame, (478, 3) pixels, NaN where the frame shows none.

    Args:
        images: frames (H, W, 3) RGB of one video, `fps` a second.

    The face nearest to the one before goes on; a new one starts with the largest.
    """
    landmarker.restart()
    missing = np.full((landmarker.scheme.point_count, 3), np.nan, np.float32)
    last: NDArray[np.float32] | None = None
    for index, image in enumerate(images):
        faces = landmarker.detect(image, int(index * 1000 / fps))
        if not faces:
            yield missing
            continue
        last = _next_of_track(faces, last)
        yield last


def _next_of_track(
    faces: list[NDArray[np.float32]], last: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    if last is None:
        return max(faces, key=lambda face: float(np.ptp(face[:, 1])))
    centre = last.mean(axis=0)
    return min(faces, key=lambda face: float(np.linalg.norm(face.mean(axis=0) - centre)))
