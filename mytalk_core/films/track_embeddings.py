"""What identifies the face of each track: embeddings of some of its close-ups."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.close_ups import frontality
from mytalk_core.films.film_faces import FacePicture, FilmFaces
from mytalk_core.films.members import TrackId
from mytalk_core.films.progress import Progress

_EMBEDDED = 3  # close-ups of a track; 0.1 s each on one core


class PictureEmbedder(Protocol):
    """`FaceEmbedder`, without the package that it loads."""

    def embed_aligned(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Embed the face of an aligned picture (150, 150, 3) RGB as (128,)."""


@dataclass(frozen=True)
class TrackEmbeddings:
    """Embeddings of N close-ups of a film."""

    close_ups: tuple[FacePicture, ...]  # by track and frame
    vectors: NDArray[np.float32]  # (N, 128), of each


def embed_tracks(
    faces: FilmFaces, embedder: PictureEmbedder, progress: Progress
) -> TrackEmbeddings:
    """Embed up to three close-ups of every track, those seen best from the front."""
    by_track: defaultdict[TrackId, list[FacePicture]] = defaultdict(list)
    for each in faces.close_ups:
        by_track[each.track].append(each)
    chosen = [each for own in by_track.values() for each in _best(own)]
    pictures = faces.pictures.read()
    vectors = np.zeros((len(chosen), 128), np.float32)
    for number, each in enumerate(chosen):
        vectors[number] = embedder.embed_aligned(np.asarray(pictures[each.row]))
        progress("comparing faces", number + 1, len(chosen))
    return TrackEmbeddings(tuple(chosen), vectors)


def _best(close_ups: list[FacePicture]) -> list[FacePicture]:
    best = sorted(close_ups, key=lambda each: -each.sharpness * frontality(each.yaw))[:_EMBEDDED]
    return sorted(best, key=lambda each: each.frame)
