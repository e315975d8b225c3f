"""Face landmarks of video frames: what every landmarker does, and the one of 478 points."""

import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme
from mytalk_core.faces.second_detector import Agreement, SecondDetector
from mytalk_core.faces.small_faces import tiles

# Milliseconds between two frames as MediaPipe is told. It smooths the only face of a video as it
# comes in, so that its landmarks follow the picture by up to half a frame; between moments that lie
# hours apart it lets everything move as it does.
_HOURS_APART = 10_000_000


class Landmarker(Protocol):
    """Finds the faces in the frames of one video at a time, shown in order."""

    @property
    def scheme(self) -> LandmarkScheme:
        """What its P points are."""
        ...

    def restart(self) -> None:
        """Forget the current video."""
        ...

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Faces of the next frame, in no particular order, as they stand in it: not smoothed.

        Args:
            image: (H, W, 3) RGB.

        Returns:
            For every face (P, 3) pixels; z is relative to the face's middle, in pixels,
            positive away from the camera.
        """
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


_DETECTOR = "face_detector.tflite"  # within the landmarker's bundle


@dataclass(frozen=True)
class LandmarkerConfig:
    """How faces are found."""

    # Most faces found in a frame.
    max_faces: int = 1
    # Confidence, 0..1, below which a detection is no face.
    min_confidence: float = 0.5
    # Frames between two looks for further faces, where more than one is wanted.
    search_every: int = 5


@dataclass(frozen=True)
class _Search:
    """What looks for faces that are not followed yet."""

    detector: vision.FaceDetector
    landmarker: vision.FaceLandmarker


class MeshLandmarker:
    """MediaPipe's face landmarker, made to give a face the same landmarks in any company.

    MediaPipe follows a face from frame to frame, which keeps its landmarks steady, only while it
    sees as many faces as it was told to look for. So it is told the number of faces that are there.
    Every few frames its detector alone, which costs little, looks for more; what it finds is
    believed where a second landmarker, which costs more, finds it too.

    All of it runs on one thread of its own. The exception of a signal comes up in the main thread,
    wherever that is; raised between the halves of a native call it would free what the call still
    reads, or free it twice.
    """

    scheme: LandmarkScheme = MESH478

    def __init__(self, model: Path, config: LandmarkerConfig | None = None) -> None:
        """Load the file of the model store's entry `face-landmarker`."""
        self._model = model
        self._config = config or LandmarkerConfig()
        self._frames = 0  # of the current video
        self._shown = 0  # faces in its latest frame
        self._second: SecondDetector | None = None  # loaded when it is first needed
        self._thread = ThreadPoolExecutor(1)
        loading = self._thread.submit(self._load)
        try:
            loading.result()
        except BaseException:
            # A signal while networks load: left open they print errors as the process ends.
            self.close()
            raise

    def _load(self) -> None:
        self._search = self._open_search() if self._config.max_faces > 1 else None
        self._follow(1)

    def _open(self, faces: int, mode: vision.RunningMode) -> vision.FaceLandmarker:
        return vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(self._model)),
                running_mode=mode,
                num_faces=faces,
                min_face_detection_confidence=self._config.min_confidence,
                min_face_presence_confidence=self._config.min_confidence,
                min_tracking_confidence=self._config.min_confidence,
            )
        )

    def _open_search(self) -> _Search:
        with zipfile.ZipFile(self._model) as bundle:
            detector = bundle.read(_DETECTOR)
        return _Search(
            vision.FaceDetector.create_from_options(
                vision.FaceDetectorOptions(
                    base_options=BaseOptions(model_asset_buffer=detector),
                    running_mode=vision.RunningMode.IMAGE,
                    min_detection_confidence=self._config.min_confidence,
                )
            ),
            self._open(self._config.max_faces, vision.RunningMode.IMAGE),
        )

    def _follow(self, faces: int) -> None:
        self._landmarker = self._open(faces, vision.RunningMode.VIDEO)
        self._followed = faces

    def restart(self) -> None:
        """Forget the current video."""
        self._thread.submit(self._restart).result()

    def _restart(self) -> None:
        self._landmarker.close()
        self._follow(1)
        self._frames = 0
        self._shown = 0

    def check(self, image: NDArray[np.uint8], face: NDArray[np.float32]) -> Agreement:
        """Compare landmarks (478, 3), pixels, of a face in an image (H, W, 3) with a detector."""
        return self._thread.submit(self._check, image, face).result()

    def _check(self, image: NDArray[np.uint8], face: NDArray[np.float32]) -> Agreement:
        if self._second is None:
            self._second = SecondDetector(self._model)
        return self._second.check(image, face, self.scheme)

    def small_face(self, images: Iterable[NDArray[np.uint8]]) -> float | None:
        """Height, pixels, of a face that is too small to be found in whole images.

        Args:
            images: (H, W, 3) RGB; the search ends with the first one that shows a face.
        """
        return self._thread.submit(self._small_face, images).result()

    def _small_face(self, images: Iterable[NDArray[np.uint8]]) -> float | None:
        landmarker = self._open(1, vision.RunningMode.IMAGE)
        try:
            for image in images:
                for tile in tiles(image):
                    faces = landmarker.detect(_media_pipe_image(tile)).face_landmarks
                    if faces:
                        rows = [point.y for point in faces[0]]
                        return float((max(rows) - min(rows)) * len(tile))
        finally:
            landmarker.close()
        return None

    def close(self) -> None:
        """Free the native networks, after what they are at."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        self._landmarker.close()
        if self._search:
            self._search.detector.close()
            self._search.landmarker.close()
        if self._second:
            self._second.close()

    def __enter__(self) -> "MeshLandmarker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Faces of the next frame, (478, 3) pixels, as `Landmarker` says."""
        return self._thread.submit(self._detect, image).result()

    def _detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        frame = _media_pipe_image(image)
        if self._search and self._frames % self._config.search_every == 0:
            self._count(self._search, frame)
        self._frames += 1
        height, width = image.shape[:2]
        size = np.array([width, height, width], np.float32)
        found = self._landmarker.detect_for_video(frame, self._frames * _HOURS_APART)
        self._shown = len(found.face_landmarks)
        return [
            # One flat list: numpy takes a nested one four times as long.
            np.array([xyz for p in face for xyz in (p.x, p.y, p.z)], np.float32).reshape(-1, 3)
            * size
            for face in found.face_landmarks
        ]

    def _count(self, search: _Search, frame: mediapipe.Image) -> None:
        """Follow as many faces as the frame shows, or more where more are followed already."""
        there = max(self._shown, 1)
        if there == self._config.max_faces:
            return
        if len(search.detector.detect(frame).detections) > there:
            there = max(len(search.landmarker.detect(frame).face_landmarks), there)
        if there != self._followed:
            self._landmarker.close()
            self._follow(there)


def _media_pipe_image(image: NDArray[np.uint8]) -> mediapipe.Image:
    # The native code reads rows back to back whatever the strides say.
    return mediapipe.Image(
        image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
    )


def track_largest_face(
    images: Iterable[NDArray[np.uint8]], landmarker: Landmarker
) -> Iterator[NDArray[np.float32]]:
    """One face per frame, (P, 3) pixels, NaN where the frame shows none.

    Args:
        images: frames (H, W, 3) RGB of one video.

    The face nearest to the one before goes on; a new one starts with the largest.
    """
    landmarker.restart()
    missing = np.full((landmarker.scheme.point_count, 3), np.nan, np.float32)
    last: NDArray[np.float32] | None = None
    for image in images:
        faces = landmarker.detect(image)
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
