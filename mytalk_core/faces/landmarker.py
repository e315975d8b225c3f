"""Face landmarks of video frames: the interface of landmarkers, and MediaPipe's 478 points."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme
from mytalk_core.faces.second_detector import Agreement, SecondDetector
from mytalk_core.faces.small_faces import tiles

if TYPE_CHECKING:
    from mediapipe import Image
    from mediapipe.tasks.python import vision

# Milliseconds between the timestamps given to MediaPipe. It smooths the landmarks of a single face,
# a lag of up to half a frame, but not between timestamps that are hours apart.
_HOURS_APART = 10_000_000


class Landmarker(Protocol):
    """Detect faces in the frames of one video at a time, given in order."""

    @property
    def scheme(self) -> LandmarkScheme:
        """The scheme of the P points."""
        ...

    def restart(self) -> None:
        """Start a new video."""
        ...

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the faces of the next frame in any order, not smoothed over time.

        Args:
            image: (H, W, 3) RGB.

        Returns:
            (P, 3) pixels per face; z is relative to the middle of the face, positive away from the
            camera.
        """
        ...

    def close(self) -> None:
        """Free the networks."""
        ...


@dataclass(frozen=True)
class LandmarkerConfig:
    """Detection of faces."""

    # Largest number of faces per frame.
    max_faces: int = 1
    # Smallest confidence of a detection, 0..1.
    min_confidence: float = 0.5
    # Frames between searches for further faces, where `max_faces` is above 1.
    search_every: int = 5


@dataclass(frozen=True)
class _Search:
    """The networks that search for faces that are not tracked yet."""

    detector: vision.FaceDetector
    landmarker: vision.FaceLandmarker


class MeshLandmarker:
    """MediaPipe's face landmarker with landmarks that do not depend on the number of faces.

    MediaPipe tracks a face between frames, which keeps its landmarks stable, only while it finds
    `num_faces` faces. So `num_faces` is kept at the number of visible faces. Every few frames the
    cheap detector alone searches for more; a second landmarker, which costs more, confirms them.

    All native calls run on one worker thread. A signal raises its exception in the main thread at
    any point; between the steps of a native call it would free memory that is in use.
    """

    scheme: LandmarkScheme = MESH478

    def __init__(self, model: Path, config: LandmarkerConfig | None = None) -> None:
        """Load the file of the model store's entry `face-landmarker`."""
        self._model = model
        self._config = config or LandmarkerConfig()
        self._frames = 0  # of the current video
        self._visible = 0  # faces in its latest frame
        self._second: SecondDetector | None = None  # loaded on first use
        self._thread = ThreadPoolExecutor(1)
        try:
            self._thread.submit(self._load).result()
        except BaseException:
            # After a signal: open networks print errors at exit, and a thread that was started
            # but not yet registered by `submit` would keep the process alive.
            self.close()
            raise

    def _load(self) -> None:
        self._search = self._open_search() if self._config.max_faces > 1 else None
        self._track(1)

    def _open(self, faces: int, video: bool) -> vision.FaceLandmarker:
        from mytalk_core.faces.mediapipe_networks import open_landmarker

        return open_landmarker(self._model, faces, self._config.min_confidence, video)

    def _open_search(self) -> _Search:
        from mytalk_core.faces.mediapipe_networks import open_detector

        return _Search(
            open_detector(self._model, self._config.min_confidence),
            self._open(self._config.max_faces, video=False),
        )

    def _track(self, faces: int) -> None:
        self._landmarker = self._open(faces, video=True)
        self._tracked = faces

    def restart(self) -> None:
        """Start a new video."""
        self._thread.submit(self._restart).result()

    def _restart(self) -> None:
        self._landmarker.close()
        self._track(1)
        self._frames = 0
        self._visible = 0

    def check(self, image: NDArray[np.uint8], face: NDArray[np.float32]) -> Agreement:
        """Compare landmarks (478, 3), pixels, of a face in an image (H, W, 3) with a detector."""
        return self._thread.submit(self._check, image, face).result()

    def _check(self, image: NDArray[np.uint8], face: NDArray[np.float32]) -> Agreement:
        if self._second is None:
            self._second = SecondDetector(self._model)
        return self._second.check(image, face, self.scheme)

    def small_face(self, images: Iterable[NDArray[np.uint8]]) -> float | None:
        """Return the height in pixels of a face too small to be detected in whole images, or None.

        Args:
            images: (H, W, 3) RGB; the search ends at the first image with a face.
        """
        return self._thread.submit(self._small_face, images).result()

    def _small_face(self, images: Iterable[NDArray[np.uint8]]) -> float | None:
        from mytalk_core.faces.mediapipe_networks import mediapipe_image

        landmarker = self._open(1, video=False)
        try:
            for image in images:
                for tile in tiles(image):
                    faces = landmarker.detect(mediapipe_image(tile)).face_landmarks
                    if faces:
                        rows = [point.y for point in faces[0]]
                        return float((max(rows) - min(rows)) * len(tile))
        finally:
            landmarker.close()
        return None

    def close(self) -> None:
        """Free the networks after the current call."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        self._landmarker.close()
        if self._search:
            self._search.detector.close()
            self._search.landmarker.close()
        if self._second:
            self._second.close()

    def __enter__(self) -> MeshLandmarker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the faces of the next frame, (478, 3) pixels, as `Landmarker` does."""
        return self._thread.submit(self._detect, image).result()

    def _detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        from mytalk_core.faces.mediapipe_networks import mediapipe_image

        frame = mediapipe_image(image)
        if self._search and self._frames % self._config.search_every == 0:
            self._count(self._search, frame)
        self._frames += 1
        height, width = image.shape[:2]
        size = np.array([width, height, width], np.float32)
        found = self._landmarker.detect_for_video(frame, self._frames * _HOURS_APART)
        self._visible = len(found.face_landmarks)
        return [
            # From a flat list: four times as fast as from a nested one.
            np.array([xyz for p in face for xyz in (p.x, p.y, p.z)], np.float32).reshape(-1, 3)
            * size
            for face in found.face_landmarks
        ]

    def _count(self, search: _Search, frame: Image) -> None:
        """Set the number of tracked faces to that of the visible ones."""
        visible = max(self._visible, 1)
        if visible == self._config.max_faces:
            return
        if len(search.detector.detect(frame).detections) > visible:
            visible = max(len(search.landmarker.detect(frame).face_landmarks), visible)
        if visible != self._tracked:
            self._landmarker.close()
            self._track(visible)
