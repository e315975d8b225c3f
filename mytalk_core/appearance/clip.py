"""A clip of a shard as an example of stage 2."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.face_crops import FaceCrops, face_crops
from mytalk_core.appearance.reference_choice import Mouths, mouth_distances, mouths_of
from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import decode_sample
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.steadying import steadied


@dataclass(frozen=True)
class AppearanceClip:
    """A clip ready for training, with landmarks steadied as in a dub."""

    crops: FaceCrops
    opening: NDArray[np.float32]  # (T,) crop pixels
    pose: NDArray[np.float32]  # (T, 9) rotation of the head
    scheme: LandmarkScheme

    @property
    def mouths(self) -> Mouths:
        """The mouths of its frames, with NaN timestamps."""
        return mouths_of(self.crops, np.full(len(self.opening), np.nan), self.scheme)

    def distances_from(self, frame: int) -> NDArray[np.float32]:
        """Return the landmark distance of every frame to `frame`, (T,) shares of the window."""
        mouths = self.mouths
        distances: NDArray[np.float32] = mouth_distances(mouths.choose(np.array([frame])), mouths)[
            0
        ]
        return distances


def steady_landmarks(found: Points, meta: ClipMeta) -> Points:
    """Steady the landmarks of a sample (T, P, 3) as stage 2 expects them."""
    return steadied(found, SCHEMES[meta.scheme], float(meta.fps))


def appearance_clip(members: dict[str, bytes], mask: MaskConfig) -> AppearanceClip:
    """Decode the clip of a shard's sample from its members."""
    sample = decode_sample(members)
    scheme = SCHEMES[sample.meta.scheme]
    landmarks = steady_landmarks(sample.landmarks, sample.meta)
    motion = face_motion(landmarks, scheme)
    crops = face_crops(sample.crops, landmarks, sample.boxes, motion, scheme, mask)
    gain = np.linalg.norm(sample.boxes[:, 0], axis=-1)
    opening = aperture(landmarks, scheme) * gain
    return AppearanceClip(crops, opening, motion.pose.rotation.reshape(-1, 9), scheme)
