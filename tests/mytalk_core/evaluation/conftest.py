"""Clips of real people, without sound, for tests of picture metrics."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.data.schema import ClipSample
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.decode import iter_frames_at
from tests.largest_face import track_largest_face
from tests.synthetic_face import speaking_clip


@pytest.fixture(scope="package")
def film_clip(
    sample_clips: dict[str, SampleClip], landmarker_model: Path
) -> Iterator[Callable[[str, int], ClipSample]]:
    """Read the first frames of a sample film by its name, cropped as in preprocessing."""
    with MeshLandmarker(landmarker_model) as landmarker:

        def read(name: str, frames: int) -> ClipSample:
            film = iter_frames_at(sample_clips[name].path, Fraction(25))
            pictures = [frame.image for frame in islice(film, frames)]
            landmarks = np.stack(list(track_largest_face(pictures, landmarker)))
            boxes = crop_boxes(face_motion(landmarks, MESH478).pose, CropConfig(), 25.0)
            drawn = speaking_clip(name, 0, frames)
            crops = [cut_crop(*pair, 192) for pair in zip(pictures, boxes, strict=True)]
            return replace(
                drawn,
                meta=replace(drawn.meta, speaker="jwp", crop_size=192),
                landmarks=landmarks,
                boxes=boxes,
                crops=np.stack(crops),
            )

        yield read
