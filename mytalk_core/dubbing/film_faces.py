"""The first pass over a film: its shots, where the face to dub is, and the people it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig, Outlines, face_outlines
from mytalk_core.dubbing.disk_array import stack_on_disk
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.progress import Progress
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.face_motion import resting_shape
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import Landmarker, LandmarkerConfig
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.faces.square_pixels import squared
from mytalk_core.faces.steadying import steadied_blocks
from mytalk_core.films.dubbed_face import faces_to_dub, seen_stretches
from mytalk_core.films.face_files import RowFile
from mytalk_core.films.observing import FilmObserver, ObserverConfig, ShotFaces
from mytalk_core.media.decode import Frame, iter_frames
from mytalk_core.media.frame_rate import frame_length
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.known_face import KnownFace, known_face

# Frames of a run from which its person is learnt; more tell nothing new.
_STUDIED = 1000
_SHORTEST_RUN_SECONDS = Fraction(1, 2)
_BLOCK = 1000  # frames at a time, so that a shot of any length fits in memory

# How faces of a film are looked for, whoever dubs it or learns from it.
FILM_LANDMARKER = LandmarkerConfig(max_faces=4)


@dataclass(frozen=True)
class FilmFaces:
    """What the first pass found; F frames in all."""

    landmarks: NDArray[
        np.float32
    ]  # (F, P, 3) square pixels, steadied; NaN where no face is; on disk
    starts: tuple[Fraction, ...]  # seconds, of each frame
    runs: tuple[tuple[int, int], ...]  # (first, end) of the runs to re-render
    left_alone: tuple[LeftAlone | None, ...]  # of each frame outside the runs; None within them
    samples: NDArray[np.uint8]  # (F, N, 4) from `occlusion_sample`; on disk
    found: NDArray[np.float32]  # the landmarks as they were found, which motion learns from
    end: Fraction = Fraction(0)  # seconds, of the last frame
    pixel_aspect: Fraction = Fraction(1)  # of the film, whose landmarks are in square pixels


@dataclass(frozen=True)
class Person:
    """What is known of the face of one run."""

    rigid: NDArray[np.float32]  # (R, 3) from `canonical_rigid`
    rest: NDArray[np.float32]  # (P, 3) mean face, aligned inter-ocular units
    closed: NDArray[np.float32]  # (M, 3) displacement of the moving points when the mouth is shut
    known: KnownFace  # for the motion model
    outlines: Outlines


def observe_film(
    video: VideoInfo, landmarker: Landmarker, work: Path, progress: Progress
) -> FilmFaces:
    """Find the shots of a film and its faces in one pass over it.

    A run ends with its shot. Where several people are seen together, the largest face is the one
    that has runs, see `faces_to_dub`.

    Args:
        landmarker: with `FILM_LANDMARKER` for its configuration.

    Raises:
        BadInputError: as decoding does; NO_FACE where no shot shows one for long enough.
    """
    times = _Times(video)
    runs = _Runs(landmarker.scheme, video.fps)
    places = len(sample_places(landmarker.scheme).weights)
    face = (landmarker.scheme.point_count, 3)
    with (
        RowFile(work / "detected", face, np.float32) as faces,
        RowFile(work / "detected-samples", (places, 4), np.uint8) as face_samples,
        (work / "samples").open("wb") as samples,
    ):

        def dubbed() -> Iterator[NDArray[np.float32]]:
            for shot in _observed(video, landmarker, faces, face_samples, times, progress):
                rows = runs.add(shot)
                for first in range(0, len(rows), _BLOCK):
                    block = rows[first : first + _BLOCK]
                    samples.write(face_samples.filled(block, 0).data)
                    yield faces.filled(block, np.nan)

        found = stack_on_disk(work / "found", dubbed())
    if not runs.kept:
        raise BadInputError(
            "shows no face for long enough to dub it.",
            reason=Reason.NO_FACE,
            where=video.path,
            remedy="Give a film in which a face is seen from the front.",
        )
    steady = _steadied(found, runs.stretches, landmarker.scheme, video.fps)
    return FilmFaces(
        landmarks=stack_on_disk(work / "landmarks", steady),
        starts=tuple(times.starts),
        runs=tuple(runs.kept),
        left_alone=tuple(runs.left_alone),
        samples=np.memmap(work / "samples", np.uint8, "r").reshape(len(found), places, 4),
        found=found,
        end=times.end,
        pixel_aspect=video.pixel_aspect,
    )


class _Times:
    """Collects when frames are shown."""

    def __init__(self, video: VideoInfo) -> None:
        self._video = video
        self.starts: list[Fraction] = []  # seconds
        self.end = Fraction(0)  # seconds, of the last frame

    def add(self, frame: Frame) -> None:
        """Add the next frame."""
        unit = self._video.time_base
        self.starts.append(frame.pts * unit)
        self.end = self.starts[-1] + frame_length(frame.duration * unit, self._video.fps)


def _observed(
    video: VideoInfo,
    landmarker: Landmarker,
    faces: RowFile,
    samples: RowFile,
    times: _Times,
    progress: Progress,
) -> Iterator[ShotFaces]:
    """The shots of a film; adds every face, its sample in the same row, and every frame's start."""
    observer = FilmObserver(landmarker, video.fps, ObserverConfig(), faces)

    def frames() -> Iterator[Frame]:
        # A level of brightness moves no landmark.
        for frame in iter_frames(video.path, exact=False, choice=video.choice):
            image = squared(frame.image, video.pixel_aspect)
            observer.find_shots(frame.index, image)
            yield replace(frame, image=image)

    for frame in prefetched(frames(), 4):
        times.add(frame)
        done = len(times.starts)
        progress("finding the face", done, max(video.frame_estimate, done))
        for face in observer.find_faces(frame.index, frame.image):
            samples.add(occlusion_sample(frame.image, face.landmarks, landmarker.scheme))
        yield from observer.finished_shots()
    yield from observer.finish()


class _Runs:
    """Collects which face is dubbed when, and why a frame is left alone."""

    def __init__(self, scheme: LandmarkScheme, fps: Fraction) -> None:
        self._scheme = scheme
        self._fps = fps
        self.stretches: list[tuple[int, int]] = []  # of one face each, in order
        self.kept: list[tuple[int, int]] = []  # those that are long enough
        self.left_alone: list[LeftAlone | None] = []  # of each frame

    def add(self, shot: ShotFaces) -> NDArray[np.int64]:
        """Add the next shot; of each of its frames the row of the face to dub, or -1."""
        reasons: list[LeftAlone | None] = [LeftAlone.NO_FACE] * (shot.end - shot.first)
        rows = np.full(shot.end - shot.first, -1)
        for track in shot.tracks:
            for frame in track.frames.tolist():
                reasons[frame - shot.first] = LeftAlone.OTHER_FACE
        for track, within in faces_to_dub(shot.tracks, self._scheme, self._fps):
            for first, end in seen_stretches(track, within):
                place = slice(first - shot.first, end - shot.first)
                at = int(np.searchsorted(track.frames, first))
                rows[place] = track.rows[at : at + end - first]
                kept = end - first >= _SHORTEST_RUN_SECONDS * self._fps
                reasons[place] = [None if kept else LeftAlone.TOO_SHORT] * (end - first)
                self.stretches.append((first, end))
                if kept:
                    self.kept.append((first, end))
        self.left_alone += reasons
        return rows


def _steadied(
    found: NDArray[np.float32],
    stretches: Sequence[tuple[int, int]],
    scheme: LandmarkScheme,
    fps: Fraction,
) -> Iterator[NDArray[np.float32]]:
    """The landmarks of each stretch steadied by themselves, block by block over the film."""
    edges = sorted({0, len(found), *chain.from_iterable(stretches)})
    for first, end in pairwise(edges):
        yield from steadied_blocks(found[first:end], scheme, float(fps))


def study_person(
    faces: FilmFaces, run: tuple[int, int], scheme: LandmarkScheme, mask: MaskConfig
) -> Person:
    """Learn the face of a run from frames spread over it."""
    first, end = run
    frames = np.unique(np.linspace(first, end - 1, _STUDIED).round().astype(int))
    landmarks = np.asarray(faces.found[frames])
    rigid = canonical_rigid(landmarks, scheme)
    shape = to_shape(landmarks, fit_pose(landmarks, rigid, scheme))
    rest = resting_shape(shape)
    moving = list(scheme.moving)
    closed = (closed_mouth(shape, scheme) - rest)[moving]
    return Person(
        rigid=rigid,
        rest=rest,
        closed=closed,
        known=known_face(shape[:, moving].reshape(len(shape), -1), closed.reshape(-1)),
        outlines=face_outlines(rest, mask, scheme),
    )
