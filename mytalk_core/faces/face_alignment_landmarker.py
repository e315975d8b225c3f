"""The 68 landmarks of the face-alignment package, where its weights are at hand."""

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
    """Looks at every frame for itself: slow (over half a second a frame on one core), but of the
    points that most of the field uses.

    Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?",
    ICCV 2017; faces by S3FD. Downloads nothing.
    """

    scheme: LandmarkScheme = IBUG68

    def __init__(self, weights: Path, config: LandmarkerConfig | None = None) -> None:
        """Load the networks.

        Args:
            weights: the folder that `weights_folder` gives, or another one laid out like it.
            config: its `search_every` does not matter here.

        Raises:
            ModelError: as `weights_folder` does.
        """
        from face_alignment import FaceAlignment, LandmarksType  # compiles code when imported

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
        """Nothing: no frame knows of another."""

    def close(self) -> None:
        """Nothing: the networks go with the object."""

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The largest faces of the next frame, (68, 3) pixels, as `Landmarker` says."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no face
            found = self._networks.get_landmarks_from_image(image) or []
        faces = [self._facing_away(np.asarray(face, np.float32)) for face in found]
        faces.sort(key=lambda face: -float(face_height(face[None], self.scheme)[0]))
        return faces[: self._config.max_faces]

    def _facing_away(self, face: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth around zero and growing away from the camera: the nose is before the cheeks."""
        depth = face[:, 2] - face[:, 2].mean()
        nose, cheeks = depth[self.scheme.nose_base], depth[list(self.scheme.cheeks)].mean()
        return np.column_stack([face[:, :2], depth if nose < cheeks else -depth])


def weights_folder() -> Path:
    """Torch's hub cache, in whose folder `checkpoints` the weights are.

    Raises:
        ModelError: MODEL_MISSING or MODEL_CORRUPT where a file is not there or not whole.
    """
    folder = Path(torch.hub.get_dir())
    _check_weights(folder)
    return folder


def _check_weights(folder: Path) -> None:
    """Raise unless all files are there with the content that their names promise.

    As everywhere in torch's hub a name ends in the first digits of the content's SHA-256. The
    package would download what is missing, and unpickles what is there.
    """
    from face_alignment.api import models_urls
    from face_alignment.detection.sfd.sfd_detector import models_urls as detector_urls

    for url in (detector_urls["s3fd"], models_urls["3DFAN-4"], models_urls["depth"]):
        path = folder / "checkpoints" / Path(urlparse(url).path).name
        remedy = f"Download {url} to this place, or use the landmarker of 478 points."
        if not path.is_file():
            raise ModelError(
                "the weights of face-alignment are not here.",
                reason=Reason.MODEL_MISSING,
                where=str(path),
                remedy=remedy,
            )
        promised = path.name.split(".")[0].rpartition("-")[2]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(promised):
            raise ModelError(
                f"the file's SHA-256 does not begin with {promised}.",
                reason=Reason.MODEL_CORRUPT,
                where=str(path),
                remedy=remedy,
            )
