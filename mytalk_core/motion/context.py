"""What stage 1 is told of a frame: the slow upper face, and speech on the motion clock."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import read_npy
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.media.clock import MOTION_FPS, SPEECH_FEATURE_FPS
from mytalk_core.speech.features import FEATURES, FEATURES_ENTRY

_ROWS_PER_FRAME = int(SPEECH_FEATURE_FPS / MOTION_FPS)
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


def speech_per_frame(speech: NDArray[np.float16], frames: int) -> NDArray[np.float32]:
    """Features (M, F) at 50 Hz as their means under each of `frames` motion frames, (T, F).

    What lies past the end of the speech repeats its last row.
    """
    if not len(speech):
        return np.zeros((frames, speech.shape[1]), np.float32)
    rows = np.clip(np.arange(frames * _ROWS_PER_FRAME), 0, len(speech) - 1)
    grouped = speech[rows].astype(np.float32).reshape(frames, _ROWS_PER_FRAME, -1)
    mean: NDArray[np.float32] = grouped.mean(axis=1)
    return mean


def speech_frames(blocks: Iterable[NDArray[np.float16]]) -> Iterator[NDArray[np.float16]]:
    """Features on the motion clock, (t, F) per block, of a stream of features (m, F) at 50 Hz.

    Every block but the last ends with a motion frame, as those of `SpeechEncoder.encode_blocks` do.
    """
    for block in blocks:
        frames = -(-len(block) // _ROWS_PER_FRAME)
        yield speech_per_frame(block, frames).astype(np.float16)
