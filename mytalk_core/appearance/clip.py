"""A clip of a shard as stage 2 learns from it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig, landmark_distance
from mytalk_core.appearance.face_crops import FaceCrops, face_crops
from mytalk_core.appearance.reference_choice import covering_frames
from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import decode_sample
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.steadying import steadied


@dataclass(frozen=True)
class AppearanceClip:
    """A clip ready for training; its landmarks are steadied, as a dub's are."""

    crops: FaceCrops
    opening: NDArray[np.float32]  # (T,) crop pixels
    pose: NDArray[np.float32]  # (T, 9) rotation of the head
    scheme: LandmarkScheme

    def unlikeness(self, frame: int) -> NDArray[np.float32]:
        """How unlike a frame's landmarks are those of each, (T,) crop pixels."""
        lips, anchors = torch.from_numpy(self._lips), torch.from_numpy(self.crops.face_points)
        own = slice(frame, frame + 1)
        return landmark_distance(lips[own], anchors[own], lips, anchors)[0].numpy()

    def covering(self, count: int) -> NDArray[np.int64]:
        """`count` frames as a dub chooses references."""
        return covering_frames(self._lips, self.crops.face_points, count)

    @property
    def _lips(self) -> NDArray[np.float32]:
        return self.crops.points[:, : len(self.scheme.lips)]


def steady_landmarks(found: Points, meta: ClipMeta) -> Points:
    """The landmarks of a sample (T, P, 3) as stage 2 knows them, out of those it holds."""
    return steadied(found, SCHEMES[meta.scheme], float(meta.fps))


def appearance_clip(members: dict[str, bytes], mask: MaskConfig) -> AppearanceClip:
    """The clip of a shard's sample by its members."""
    sample = decode_sample(members)
    scheme = SCHEMES[sample.meta.scheme]
    landmarks = steady_landmarks(sample.landmarks, sample.meta)
    motion = face_motion(landmarks, scheme)
    crops = face_crops(sample.crops, landmarks, sample.boxes, motion, scheme, mask)
    gain = np.linalg.norm(sample.boxes[:, 0], axis=-1)
    opening = aperture(landmarks, scheme) * gain
    return AppearanceClip(crops, opening, motion.pose.rotation.reshape(-1, 9), scheme)
