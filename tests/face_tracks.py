"""Face tracks made from landmarks, for tests of what a dub does with a track."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.dubbing.geometry import track_crop
from mytalk_core.dubbing.left_alone import DrawingPlan
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.person import study_person
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.stored_array import StoredArray, store_array

Array = NDArray[np.float32]


def stored(folder: Path, array: NDArray[np.generic]) -> StoredArray:
    """The array in a file of its own."""
    return store_array(folder / f"array-{len(list(folder.iterdir()))}", [array])


def face_track(folder: Path, landmarks: Array, fps: Fraction, first: int = 0) -> FaceTrack:
    """A face that is seen in every frame of a film from `first` on.

    Args:
        landmarks: (T, 478, 3), both as detected and as steadied.
    """
    array = stored(folder, landmarks.astype(np.float32))
    return FaceTrack(
        shot=0,
        number=0,
        first=first,
        starts=tuple(frame / fps for frame in range(first, first + len(landmarks))),
        seen=np.ones(len(landmarks), np.bool_),
        fps=fps,
        pixel_aspect=Fraction(1),
        scheme=MESH478,
        detected=array,
        steadied=array,
        sampled=stored(folder, np.zeros((len(landmarks), 1, 4), np.uint8)),
    )


def planned_track(
    track: FaceTrack,
    strength: NDArray[np.floating] | None = None,
    crop: CropConfig | None = None,
    mask: MaskConfig | None = None,
) -> PlannedTrack:
    """A track that is drawn with this strength, by default wholly.

    Args:
        crop: by default as large as the face.
    """
    person = study_person(track, mask or MaskConfig())
    if strength is None:
        strength = np.ones(len(track))
    reasons = tuple(None if each > 0 else LeftAlone.COVERED for each in strength.tolist())
    drawing = DrawingPlan(strength.astype(np.float32), reasons)
    return PlannedTrack(track, person, drawing, crop or track_crop(track, person, CropConfig()))


def track_motion(folder: Path, displacements: Array, first: int = 0) -> TrackMotion:
    """A motion with these displacements, (T, M, 3), from a motion frame on."""
    return TrackMotion(first, stored(folder, displacements.astype(np.float32)))
