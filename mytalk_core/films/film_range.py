"""Observe a range of a film's file, with everything it finds on disk."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.faces.plausibility import FaceChecker
from mytalk_core.faces.square_pixels import squared
from mytalk_core.films.close_ups import PICTURE_SHAPE, CloseUp, CloseUpConfig, CloseUpKeeper
from mytalk_core.films.joining import FilmObservation, JoinedRows, join_ranges
from mytalk_core.films.observing import (
    WHOLE_FILM,
    ObserverConfig,
    RangeObservation,
    RangeObserver,
    RangeScanner,
    SeenFrame,
    Span,
)
from mytalk_core.films.progress import Progress
from mytalk_core.films.stored_array import RowWriter, StoredArray
from mytalk_core.media.damage import DamagedStretch, DamageLog
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.frame_rate import frame_length
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo

# How faces of a film are detected. The one face that most films show is searched in every frame;
# further ones need not be found at once. The detector finds faces of a tenth of the width of a
# picture, hardly more than eight side by side; the limit costs nothing where there are fewer.
FILM_LANDMARKER = LandmarkerConfig(max_faces=8, search_every=10)

# Seconds from one comparison with the second detector to the next: at least one in a run.
_CHECK_SECONDS = Fraction(2, 5)
# Seconds before a range from which it is decoded, for the shot detector and the landmarker.
_RUN_UP = Fraction(2)


@dataclass(frozen=True)
class StoredRange:
    """A range of a film as it was observed: R faces in N frames."""

    observation: RangeObservation
    landmarks: StoredArray  # (R, P, 3) float32, square pixels
    samples: StoredArray  # (R, S, 4) uint8 from `occlusion_sample`
    close_ups: tuple[CloseUp, ...]  # C of them
    pictures: StoredArray  # (C, 150, 150, 3) uint8 RGB, of each close-up
    damage: tuple[DamagedStretch, ...]


class StoredRows:
    """Rows of an array on disk, read as they are needed."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """As `FaceRows` says."""
        return np.asarray(self._array.read()[rows])


def observe_range(
    video: VideoInfo,
    landmarker: MeshLandmarker,
    folder: Path,
    progress: Progress,
    span: Span = WHOLE_FILM,
    strict: bool = False,
) -> StoredRange:
    """Find the changes of picture and all faces of a range of a film, in one pass over it.

    Args:
        landmarker: with `FILM_LANDMARKER` for its configuration.
        folder: for the files of this range; it exists.
        span: see `observing`.
        strict: whether damage is an error.

    Raises:
        BadInputError: as decoding does.
        OSError: where the disk is full.
    """
    config, scheme = ObserverConfig(), landmarker.scheme
    log = DamageLog(strict)
    scanner = RangeScanner(config, video.fps)
    places = len(sample_places(scheme).weights)
    checker = FaceChecker(landmarker.check, int(_CHECK_SECONDS * video.fps), scheme)
    with (
        RowWriter(folder / "landmarks", (scheme.point_count, 3), np.float32) as faces,
        RowWriter(folder / "samples", (places, 4), np.uint8) as samples,
        RowWriter(folder / "close-ups", PICTURE_SHAPE, np.uint8) as pictures,
    ):
        observer = RangeObserver(landmarker, config, faces, checker, span)
        keeper = CloseUpKeeper(CloseUpConfig(), video.fps, scheme, pictures)
        with closing(prefetched(scanner.scan(_seen_frames(video, span, log)), 4)) as frames:
            for scanned in frames:
                done = scanned.index + 1
                progress("finding the face", done, max(video.frame_estimate, done))
                found = observer.observe(scanned)
                for face in found:
                    samples.add(occlusion_sample(scanned.frame.image, face.landmarks, scheme))
                keeper.observe(observer.piece_frame, scanned.frame.image, found)
                if observer.complete:
                    break
        return StoredRange(
            observer.finish(scanner),
            faces.finish(),
            samples.finish(),
            keeper.finish(),
            pictures.finish(),
            tuple(each for each in log.stretches if each.start >= span.start),
        )


def _seen_frames(video: VideoInfo, span: Span, log: DamageLog) -> Iterator[SeenFrame]:
    frames = iter_frames(
        video.path,
        exact=False,
        choice=video.choice,
        damage=log,
        even=video.even,
        begin=max(span.start - _RUN_UP, Fraction(0)),
    )
    unit = video.time_base
    for frame in frames:
        start = frame.pts * unit
        yield SeenFrame(
            start,
            start + frame_length(frame.duration * unit, video.fps),
            squared(frame.image, video.pixel_aspect),
        )


def join_stored(
    ranges: list[StoredRange], scheme: LandmarkScheme, fps: Fraction
) -> tuple[FilmObservation, JoinedRows]:
    """`join_ranges` of stored ranges, and the occlusion samples by row of the joined tracks.

    Args:
        fps: frames a second of the film.
    """
    observations = [each.observation for each in ranges]
    faces = [StoredRows(each.landmarks) for each in ranges]
    film = join_ranges(observations, faces, scheme, ObserverConfig(), fps)
    samples = JoinedRows(
        [StoredRows(each.samples) for each in ranges], [len(each.frames) for each in observations]
    )
    return film, samples
