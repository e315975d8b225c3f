"""Landmarks of one face through a film, for tests and benchmarks."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmarker import Landmarker


def track_largest_face(
    images: Iterable[NDArray[np.uint8]], landmarker: Landmarker
) -> Iterator[NDArray[np.float32]]:
    """One face per frame, (P, 3) pixels, NaN where the frame shows none.

    The nearest face to the previous one is followed; the first is the largest.

    Args:
        images: frames (H, W, 3) RGB of one video.
    """
    landmarker.restart()
    missing = np.full((landmarker.scheme.point_count, 3), np.nan, np.float32)
    last: NDArray[np.float32] | None = None
    for image in images:
        faces = landmarker.detect(image)
        if not faces:
            yield missing
        elif last is None:
            last = max(faces, key=lambda face: float(np.ptp(face[:, 1])))
            yield last
        else:
            centre = last.mean(axis=0)
            distances = [float(np.linalg.norm(face.mean(axis=0) - centre)) for face in faces]
            last = faces[int(np.argmin(distances))]
            yield last
