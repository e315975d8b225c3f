"""Inputs of stage 1: the low-passed upper face, and the speech features of a sample."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import read_npy
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.speech.features import FEATURES, FEATURES_ENTRY

# The mesh moves cheeks and nose with the lips, so unfiltered points would leak the original mouth.
# A Gaussian of this deviation leaves pose and person.
_UPPER_FACE_SECONDS = 0.5


def upper_face(
    shape: NDArray[np.float32], scheme: LandmarkScheme, fps: float
) -> NDArray[np.float32]:
    """Return the C points of the upper face low-passed over time, (T, 3 C)."""
    points = shape[:, list(scheme.pose_context)].reshape(len(shape), -1)
    slow: NDArray[np.float32] = gaussian_filter1d(
        points, _UPPER_FACE_SECONDS * fps, axis=0, mode="nearest"
    ).astype(np.float32)
    return slow


def sample_speech(members: Mapping[str, bytes], meta: ClipMeta) -> NDArray[np.float16]:
    """Return the speech features of a shard's sample, (M, F) at 50 Hz.

    Raises:
        BadInputError: they are not of the kind that the models of this version use.
    """
    features = meta.versions.get(FEATURES_ENTRY)
    if features != FEATURES:
        raise BadInputError(
            f"this sample has speech features {features or 'of an older version'}, and the models"
            f" of this version use {FEATURES}.",
            reason=Reason.BAD_CONFIGURATION,
            where=meta.key,
            remedy="Preprocess the footage again.",
        )
    return read_npy(members["speech.npy"])
