"""The first look at a film: where its face is in every frame, and the people it shows."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

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
from mytalk_core.faces.landmarker import MeshLandmarker, track_largest_face
from mytalk_core.faces.occlusion_sample import occlusion_sample
from mytalk_core.faces.steadying import steadied_blocks
from mytalk_core.faces.tracks import face_runs
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.known_face import KnownFace, known_face

# Frames of a run from which its person is learnt; more tell nothing new.
_STUDIED = 1000
_SHORTEST_RUN_SECONDS = Fraction(1, 2)


@dataclass(frozen=True)
class FilmFaces:
    """What the first look found; F frames in all."""

    landmarks: NDArray[np.float32]  # (F, P, 3) pixels, steadied; NaN where no face is; on disk
    starts: tuple[Fraction, ...]  # seconds, of each frame
    runs: tuple[tuple[int, int], ...]  # (first, end) of the runs to re-render
    left_alone: tuple[LeftAlone | None, ...]  # of each frame outside the runs; None within them
    samples: NDArray[np.uint8]  # (F, N, 4) from `occlusion_sample`; on disk
    found: NDArray[np.float32]  # the landmarks as they were found, which motion learns from


@dataclass(frozen=True)
class Person:
    """What is known of the face of one run."""

    rigid: NDArray[np.float32]  # (R, 3) from `canonical_rigid`
    rest: NDArray[np.float32]  # (P, 3) mean face, aligned inter-ocular units
    closed: NDArray[np.float32]  # (M, 3) displacement of the moving points when the mouth is shut
    known: KnownFace  # for the motion model
    outlines: Outlines


def observe_film(
    video: VideoInfo, landmarker: MeshLandmarker, work: Path, progress: Progress
) -> FilmFaces:
    """Look at every frame once.

    Raises:
        BadInputError: as decoding does; NO_FACE where no frame shows one.
    """
    starts: list[Fraction] = []
    shown: deque[NDArray[np.uint8]] = deque()  # frames whose landmarks are not known yet

    def images() -> Iterator[NDArray[np.uint8]]:
        # A level of brightness moves no landmark.
        for frame in prefetched(iter_frames(video.path, exact=False, choice=video.choice), 4):
            starts.append(frame.pts * video.time_base)
            progress("finding the face", len(starts), max(video.frame_estimate, len(starts)))
            shown.append(frame.image)
            yield frame.image

    def sampled(file: IO[bytes]) -> Iterator[NDArray[np.float32]]:
        for points in track_largest_face(images(), landmarker):
            file.write(occlusion_sample(shown.popleft(), points, landmarker.scheme).data)
            yield points[None]

    with (work / "samples").open("wb") as file:
        found = stack_on_disk(work / "found", sampled(file))
    landmarks = stack_on_disk(
        work / "landmarks", steadied_blocks(found, landmarker.scheme, float(video.fps))
    )
    samples = np.memmap(work / "samples", np.uint8, "r").reshape(len(landmarks), -1, 4)
    left_alone: list[LeftAlone | None] = [LeftAlone.NO_FACE] * len(starts)
    runs = []
    shortest = _SHORTEST_RUN_SECONDS * video.fps
    for first, end in face_runs(landmarks, landmarker.scheme):
        kept = end - first >= shortest
        left_alone[first:end] = [None if kept else LeftAlone.TOO_SHORT] * (end - first)
        if kept:
            runs.append((first, end))
    if not runs:
        raise BadInputError(
            "shows no face for long enough to dub it.",
            reason=Reason.NO_FACE,
            where=video.path,
            remedy="Give a film in which a face is seen from the front.",
        )
    return FilmFaces(landmarks, tuple(starts), tuple(runs), tuple(left_alone), samples, found)


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
