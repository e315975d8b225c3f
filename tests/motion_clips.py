"""Clips of synthetic faces whose mouths follow speech features."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.motion.clip import MotionClip
from mytalk_core.motion.closed_mouth import closed_mouth, shut_frames
from mytalk_core.motion.context import upper_face

Array = NDArray[np.float32]
Film = Callable[..., Array]


def itself(tensor: torch.Tensor) -> torch.Tensor:
    """Return the sum over a single process."""
    return tensor


def clip_of(film: Array, speech: Array, speaker: str = "ann") -> MotionClip:
    moving = list(MESH478.moving)
    shape = face_motion(film, MESH478).shape
    rest = resting_shape(shape)
    return MotionClip(
        speaker=speaker,
        displacement=(shape - rest)[:, moving].reshape(len(film), -1),
        rest=rest[moving].reshape(-1),
        closed=(closed_mouth(shape, MESH478) - rest)[moving].reshape(-1),
        shut=shut_frames(shape, MESH478),
        upper_face=upper_face(shape, MESH478, 25.0),
        speech=speech.astype(np.float16)[None],
    )


def clips(talking_face: Film, count: int = 3, frames: int = 120) -> list[MotionClip]:
    """Return clips whose mouth opening follows the first of 512 speech features."""
    made = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        loud = np.convolve(random.uniform(0, 1, frames + 4), np.ones(5) / 5, "valid")
        speech = 0.1 * random.normal(size=(frames, 512))
        speech[:, 0] += 5 * loud
        film = talking_face(0.3 * loud, unit=50 + 10 * seed)
        made.append(clip_of(film, speech.astype(np.float32), speaker=f"speaker {seed}"))
    return made
