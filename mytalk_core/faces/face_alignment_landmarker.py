"""The 68 landmarks of the face-alignment package."""

import hashlib
import warnings
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.errors import ModelError, Reason
from mytalk_core.faces.landmark_scheme import IBUG68, LandmarkScheme
from mytalk_core.faces.landmarker import LandmarkerConfig
from mytalk_core.faces.shape import face_height


class FaceAlignmentLandmarker:
    """Landmarks of iBUG 68 from each frame independently, in over 0.5 s per frame on one core.

    Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?",
    ICCV 2017; faces by S3FD. Downloads nothing.
    """

    scheme: LandmarkScheme = IBUG68

    def __init__(self, weights: Path, config: LandmarkerConfig | None = None) -> None:
        """Load the networks.

        Args:
            weights: the folder from `weights_folder`, or one of the same layout.
            config: `search_every` is not used.

        Raises:
            ModelError: MODEL_MISSING or MODEL_CORRUPT.
        """
        from face_alignment import FaceAlignment, LandmarksType  # compiles code on import

        _check_weights(weights)
        self._config = config or LandmarkerConfig()
        before = torch.hub.get_dir()
        torch.hub.set_dir(str(weights))
        try:
            self._networks = FaceAlignment(
                LandmarksType.THREE_D,
                device="cpu",
                compile=False,
                face_detector_kwargs={"filter_threshold": self._config.min_confidence},
            )
        finally:
            torch.hub.set_dir(before)

    def restart(self) -> None:
        """Do nothing: there is no state between frames."""

    def close(self) -> None:
        """Do nothing: the networks are freed with the object."""

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the largest faces of the next frame, (68, 3) pixels, as `Landmarker` does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package warns of frames without a face
            found = self._networks.get_landmarks_from_image(image) or []
        faces = [self._facing_away(np.asarray(face, np.float32)) for face in found]
        faces.sort(key=lambda face: -float(face_height(face[None], self.scheme)[0]))
        return faces[: self._config.max_faces]

    def _facing_away(self, face: NDArray[np.float32]) -> NDArray[np.float32]:
        """Centre depth, and orient it away from the camera: the nose is nearer than the cheeks."""
        depth = face[:, 2] - face[:, 2].mean()
        nose, cheeks = depth[self.scheme.nose_base], depth[list(self.scheme.cheeks)].mean()
        return np.column_stack([face[:, :2], depth if nose < cheeks else -depth])


def weights_folder() -> Path:
    """Return torch's hub cache, whose folder `checkpoints` holds the weights.

    Raises:
        ModelError: MODEL_MISSING or MODEL_CORRUPT.
    """
    folder = Path(torch.hub.get_dir())
    _check_weights(folder)
    return folder


def _check_weights(folder: Path) -> None:
    """Raise `ModelError` unless all files exist with the content that their names state.

    By the convention of torch's hub a name ends in the first digits of the content's SHA-256. The
    package would download missing files, and it unpickles existing ones.
    """
    from face_alignment.api import models_urls
    from face_alignment.detection.sfd.sfd_detector import models_urls as detector_urls

    for url in (detector_urls["s3fd"], models_urls["3DFAN-4"], models_urls["depth"]):
        path = folder / "checkpoints" / Path(urlparse(url).path).name
        remedy = f"Download {url} to this path, or use the landmarker of 478 points."
        if not path.is_file():
            raise ModelError(
                "the weights of face-alignment are missing.",
                reason=Reason.MODEL_MISSING,
                where=str(path),
                remedy=remedy,
            )
        expected = path.name.split(".")[0].rpartition("-")[2]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(expected):
            raise ModelError(
                f"the SHA-256 of the file does not start with {expected}.",
                reason=Reason.MODEL_CORRUPT,
                where=str(path),
                remedy=remedy,
            )
