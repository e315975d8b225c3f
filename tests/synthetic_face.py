"""A drawn talking face: clip samples with matching landmarks, pictures and sound."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from mytalk_core.data.curated import IndexRow, write_index
from mytalk_core.data.schema import ClipMeta, ClipSample, clip_key
from mytalk_core.data.shards import encode_sample, write_shard
from mytalk_core.data.storage import open_store
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.speech.features import FEATURES, FEATURES_ENTRY

SIZE = 96  # pixels, of source and crop: the input size of the smallest renderer
_CROP = CropConfig()


def speaking_clip(speaker: str, number: int, frames: int = 40, size: int = SIZE) -> ClipSample:
    """Return a clip whose mouth opening follows the level of the sound and the first feature.

    The speaker determines the face, the number determines the sentence. Source and crops are
    `size` pixels wide.
    """
    random = np.random.default_rng([*speaker.encode(), number])
    drive = np.convolve(random.random(frames + 4), np.ones(5) / 5, "valid") ** 2
    landmarks = np.stack([_landmarks(speaker, 0.3 * opening, size) for opening in drive])
    # Small motion of the head.
    landmarks[..., :2] += random.normal(0, 0.002 * size, (frames, 1, 2))
    speech = np.zeros((2 * frames, 512), np.float16)
    speech[:, 0] = np.repeat(drive, 2)
    loudness = np.repeat(drive, 640) * 8000
    return ClipSample(
        meta=ClipMeta(
            key=clip_key(f"{speaker}_{number}", 0, 0, 0),
            source="drawn",
            source_id=f"{speaker}_{number}",
            speaker=speaker,
            first_frame=0,
            frame_count=frames,
            fps=Fraction(25),
            scheme=MESH478.name,
            crop_size=size,
            sync_offset=0.0,
            sync_confidence=1.0,
            versions={FEATURES_ENTRY: FEATURES},
        ),
        audio=(loudness * np.sin(np.arange(frames * 640) / 7)).astype(np.int16),
        landmarks=landmarks.astype(np.float32),
        boxes=np.repeat(np.array([[[1, 0], [0, 1], [0, 0]]], np.float32), frames, axis=0),
        crops=np.stack([_picture(speaker, points, size) for points in landmarks]),
        speech=speech,
    )


def write_curated(
    folder: Path,
    speakers: dict[str, list[str]],
    clips: int = 2,
    frames: int = 40,
    size: int = SIZE,
) -> Path:
    """Write a curated folder with its index: `clips` clips of each speaker of each split."""
    rows = []
    for split, names in speakers.items():
        samples = [
            speaking_clip(name, number, frames, size) for name in names for number in range(clips)
        ]
        shard = f"{split}/shard-00000.tar"
        (folder / split).mkdir(parents=True)
        ranges = write_shard(
            folder / shard, [(sample.meta.key, encode_sample(sample)) for sample in samples]
        )
        rows += [
            IndexRow(sample.meta.key, split, shard, sample.meta.speaker, place.offset, place.size)
            for sample, place in zip(samples, ranges, strict=True)
        ]
    write_index(open_store(folder), rows)
    return folder


def _landmarks(speaker: str, opening: float, size: int) -> np.ndarray:
    """Return (478, 3) pixels of a frontal face with this mouth opening in inter-ocular units."""
    random = np.random.default_rng([*speaker.encode()])
    points = random.uniform((-0.7, -0.6, -0.1), (0.7, 0.3, 0.1), (478, 3))
    points[list(MESH478.eye_corners)] = [[-0.5, 0, 0], [0.5, 0, 0]]
    points[list(MESH478.vertical)] = [[0, -0.6, 0], [0, 0.25, 0]]
    points[list(MESH478.cheeks)] = [[-0.75, 0.1, 0.2], [0.75, 0.1, 0.2]]
    points[MESH478.nose_base] = [0, 0.45, -0.1]
    width = random.uniform(0.28, 0.36)
    for contour, half, lift in ((MESH478.outer_lips, width, 0.06), (MESH478.inner_lips, width, 0)):
        # From the left corner along the lower lip and back along the upper lip.
        angle = np.pi - 2 * np.pi * np.arange(len(contour)) / len(contour)
        points[list(contour), 0] = half * np.cos(angle)
        points[list(contour), 1] = 0.75 + (lift + opening / 2) * np.sin(angle)
        points[list(contour), 2] = 0
    angle = np.linspace(np.pi, 0, len(MESH478.jaw))
    points[list(MESH478.jaw), 0] = 0.7 * np.cos(angle)
    points[list(MESH478.jaw), 1] = 0.4 + (0.75 + opening / 2) * np.sin(angle)
    points[list(MESH478.jaw), 2] = 0
    unit = size / _CROP.extent
    return points * unit + [size / 2, size / 2 - _CROP.below_eyes * unit, 0]


def _picture(speaker: str, landmarks: np.ndarray, size: int) -> np.ndarray:
    """Draw skin, eyes, lips and the inner mouth, (size, size, 3)."""
    skin = np.random.default_rng([*speaker.encode()]).integers(90, 220)
    picture = np.full((size, size, 3), (skin, skin * 0.8, skin * 0.7), np.uint8)
    flat = landmarks[:, :2]
    for corner in MESH478.eye_corners:
        cv2.circle(picture, flat[corner].round().astype(int).tolist(), size // 32, (30, 30, 40), -1)
    for contour, colour in ((MESH478.outer_lips, (170, 60, 60)), (MESH478.inner_lips, (40, 5, 5))):
        cv2.fillPoly(picture, [flat[list(contour)].round().astype(np.int32)], colour, cv2.LINE_AA)
    return picture
