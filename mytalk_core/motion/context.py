"""What stage 1 is told of a frame: the slow upper face, and speech on the motion clock."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import read_npy
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.speech.features import FEATURES, FEATURES_ENTRY

# The mesh moves cheeks and nose a little with the lips, so upper-face points would tell the model
# the original mouth; averaged over this long they tell pose and person only.
_UPPER_FACE_SECONDS = 0.5


def upper_face(
    shape: NDArray[np.float32], scheme: LandmarkScheme, fps: float
) -> NDArray[np.float32]:
    """What the denoiser sees of the upper face, (T, 3 C): slow, so that no lips show in it."""
    points = shape[:, list(scheme.pose_context)].reshape(len(shape), -1)
    slow: NDArray[np.float32] = gaussian_filter1d(
        points, _UPPER_FACE_SECONDS * fps, axis=0, mode="nearest"
    ).astype(np.float32)
    return slow


def sample_speech(members: Mapping[str, bytes], meta: ClipMeta) -> NDArray[np.float16]:
    """The features of a shard's sample, (M, F) at 50 Hz.

    Raises:
        BadInputError: where they are others than the models of this version know.
    """
    features = meta.versions.get(FEATURES_ENTRY)
    if features != FEATURES:
        raise BadInputError(
            f"this sample has other speech features ({features or 'older ones'}) than"
            f" {FEATURES}, which the models of this version know.",
            reason=Reason.BAD_CONFIGURATION,
            where=meta.key,
            remedy="Preprocess the footage again.",
        )
    return read_npy(members["speech.npy"])
