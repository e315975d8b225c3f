"""Cost of face analysis in milliseconds of one core.

    python tests/benchmarks/face_speed.py

Prints tables for the sample footage: costs per frame (shots, tracks, landmarks of one face and of
up to four, alone and side by side) and costs per clip (measurements, hashes, the embedding).
Measures processor time, which depends little on the load of the machine.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.faces.alignment import canonical_rigid, fit_pose
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.embedding import FaceEmbedder, clip_embedding
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.faces.picture_hash import picture_hash
from mytalk_core.faces.picture_quality import landmark_jitter, sharpness
from mytalk_core.faces.shots import ShotConfig, ShotDetector
from mytalk_core.faces.tracks import FacesInMemory, FrameFaces, TrackBuilder, TrackConfig
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.speech.fingerprint import audio_hash

FPS = Fraction(25)


def milliseconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    clip = sample_footage()[0]
    images = [frame.image for frame in iter_frames(clip.path)]
    both = [np.concatenate([image, image[:, ::-1]], axis=1) for image in images]
    model = pull("face-landmarker")
    found = []

    def shots() -> None:
        detector = ShotDetector(ShotConfig(), FPS)
        for index, image in enumerate(images):
            detector.observe(index, image)
        detector.finish()

    def landmarks(film: list[np.ndarray], most: int) -> None:
        found.clear()
        with MeshLandmarker(model, LandmarkerConfig(max_faces=most)) as landmarker:
            found.extend(landmarker.detect(image) for image in film)

    def tracks() -> None:
        kept = FacesInMemory()
        builder = TrackBuilder(MESH478, TrackConfig(), FPS, kept)
        for index, faces in enumerate(found):
            builder.observe(FrameFaces(index, faces, [kept.add(face) for face in faces]), 0)
        builder.finish()

    each = len(images)
    table = Table("every frame", "ms", title=f"{clip.name}: {each} frames of {images[0].shape}")
    table.add_row("shots", f"{milliseconds(shots) / each:.2f}")
    for name, film, most in [
        ("landmarks, two faces of up to four", both, 4),
        ("landmarks, one face of up to four", images, 4),
        ("landmarks, one face of one", images, 1),
    ]:
        table.add_row(name, f"{milliseconds(lambda f=film, m=most: landmarks(f, m)) / each:.2f}")
    table.add_row("tracks", f"{milliseconds(tracks) / each:.2f}")

    faces = np.stack([frame[0] for frame in found])
    crop = CropConfig()
    boxes = crop_boxes(fit_pose(faces, canonical_rigid(faces, MESH478), MESH478), crop, float(FPS))
    crops = np.stack([cut_crop(*pair, crop.size) for pair in zip(images, boxes, strict=True)])
    sound = read_audio(clip.path)
    embedder = FaceEmbedder(pull("face-embedding"), MESH478)
    clips = Table("every clip", "ms")
    for name, work in [
        ("sharpness", lambda: sharpness(crops)),
        ("jitter", lambda: landmark_jitter(faces, MESH478)),
        ("picture hash", lambda: picture_hash(crops)),
        ("sound hash", lambda: audio_hash(sound)),
        ("embedding", lambda: clip_embedding(embedder, crops, faces, boxes)),
    ]:
        clips.add_row(name, f"{milliseconds(work):.1f}")
    console = Console()
    console.print(table, clips)
    console.print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
