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
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons, counts_text
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.run_choice import RunChoice
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.face_motion import resting_shape
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.faces.plausibility import CheckedFaces
from mytalk_core.faces.square_pixels import squared
from mytalk_core.faces.steadying import steadied_blocks
from mytalk_core.films.face_files import RowFile
from mytalk_core.films.observing import FilmObserver, ObserverConfig, ShotFaces
from mytalk_core.media.damage import DamageLog
from mytalk_core.media.decode import Frame, iter_frames
from mytalk_core.media.frame_rate import frame_length
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.known_face import KnownFace, known_face

# Frames of a run from which its person is learnt; more tell nothing new.
_STUDIED = 1000
# Seconds from one comparison with the second detector to the next: at least one in a run.
_CHECK_SECONDS = Fraction(2, 5)
_BLOCK = 1000  # frames at a time, so that a shot of any length fits in memory

# How faces of a film are looked for, in dubbing and where an actor is learnt. The one face that
# most films show is found in every frame; further ones need not be found at once.
FILM_LANDMARKER = LandmarkerConfig(max_faces=4, search_every=10)


@dataclass(frozen=True)
class FilmFaces:
    """What the first pass found; F frames in all."""

    landmarks: NDArray[
        np.float32
    ]  # (F, P, 3) square pixels, steadied; NaN where no face is; on disk
    starts: tuple[Fraction, ...]  # seconds, of each frame
    runs: tuple[tuple[int, int], ...]  # (first, end) of the runs to re-render, maybe none
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
    video: VideoInfo,
    landmarker: MeshLandmarker,
    work: Path,
    progress: Progress,
    damage: DamageLog | None = None,
) -> FilmFaces:
    """Find the shots of a film and its faces in one pass over it.

    A run ends with its shot. Where several people are seen together, the largest face is the one
    that has runs, see `faces_to_dub`.

    Args:
        landmarker: with `FILM_LANDMARKER` for its configuration.
        damage: collects what of the film is damaged.

    Raises:
        BadInputError: as decoding does; NO_FACE where no shot shows one for long enough,
            FACE_TOO_SMALL where all are too small.
    """
    times = _Times(video, damage)
    every = int(_CHECK_SECONDS * video.fps)
    checked = CheckedFaces(landmarker.check, every, landmarker.scheme)
    places = len(sample_places(landmarker.scheme).weights)
    face = (landmarker.scheme.point_count, 3)
    with (
        RowFile(work / "detected", face, np.float32) as faces,
        RowFile(work / "detected-samples", (places, 4), np.uint8) as face_samples,
        (work / "samples").open("wb") as samples,
    ):
        runs = RunChoice(video, landmarker.scheme, face_samples, checked)
        observer = FilmObserver(landmarker, video.fps, ObserverConfig(), faces)
        observed = _observed(video, observer, checked, face_samples, times, progress)

        def dubbed() -> Iterator[NDArray[np.float32]]:
            for shot in observed:
                rows = runs.add(shot)
                for first in range(0, len(rows), _BLOCK):
                    block = rows[first : first + _BLOCK]
                    samples.write(face_samples.filled(block, 0).data)
                    yield faces.filled(block, np.nan)

        found = stack_on_disk(work / "found", dubbed())
    runs.check(landmarker)
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
    """Collects when frames are shown, and which of them are damaged."""

    def __init__(self, video: VideoInfo, damage: DamageLog | None) -> None:
        self._video = video
        self.damage = damage
        self.starts: list[Fraction] = []  # seconds
        self.end = Fraction(0)  # seconds, of the last frame

    def add(self, frame: Frame) -> None:
        """Add the next frame."""
        unit = self._video.time_base
        self.starts.append(frame.pts * unit)
        self.end = self.starts[-1] + frame_length(frame.duration * unit, self._video.fps)


def _observed(
    video: VideoInfo,
    observer: FilmObserver,
    checked: CheckedFaces,
    samples: RowFile,
    times: _Times,
    progress: Progress,
) -> Iterator[ShotFaces]:
    """The shots of a film; adds every face, its sample in the same row, and every frame's start."""

    def frames() -> Iterator[Frame]:
        # A level of brightness moves no landmark.
        for frame in iter_frames(
            video.path,
            exact=False,
            choice=video.choice,
            damage=times.damage,
            even=video.even,
        ):
            image = squared(frame.image, video.pixel_aspect)
            observer.find_shots(frame.index, image)
            yield replace(frame, image=image)

    for frame in prefetched(frames(), 4):
        times.add(frame)
        done = len(times.starts)
        progress("finding the face", done, max(video.frame_estimate, done))
        faces = observer.find_faces(frame.index, frame.image)
        for face in faces:
            samples.add(occlusion_sample(frame.image, face.landmarks, observer.scheme))
        checked.observe(frame.index, frame.image, {each.row: each.landmarks for each in faces})
        yield from observer.finished_shots()
    yield from observer.finish()


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


def require_runs(faces: FilmFaces, path: str | Path) -> None:
    """Refuse a film from which nothing can be learnt.

    Raises:
        BadInputError: where it has no run; the reason is the most frequent one.
    """
    if faces.runs:
        return
    counts = count_reasons(faces.left_alone)
    faults = [each for each in counts if each in (LeftAlone.IMPLAUSIBLE, LeftAlone.STILL)]
    raise BadInputError(
        f"shows no face to learn from ({counts_text(counts)}).",
        reason=Reason(faults[0].value) if faults else Reason.NO_FACE,
        where=str(path),
        remedy="Give a film in which a face is seen upright and speaks.",
    )


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
