"""Frames of a film from which its actor is learnt: pairs spread over it, as crops."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.batches import RUN
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import FaceCrops, posed
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.geometry import posed_boxes
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.references import film_crop
from mytalk_core.faces.alignment import Pose
from mytalk_core.faces.crop import CropConfig, apply_box
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo

# Frames that are decoded before they are cut.
_DECODED_AHEAD = 4

Frames = NDArray[np.int64]


def spread_pairs(
    runs: Sequence[tuple[int, int]], usable: Sequence[NDArray[np.bool_]], count: int
) -> list[Frames]:
    """At most `count` pairs of consecutive frames, evenly over all that may be used.

    Args:
        runs: (first frame, end frame), in order of time.
        usable: of each run whether its frames show the whole lower face, (end - first,).

    Returns:
        Of each run its frames (N,), rising; N is even and may be 0.
    """
    starts = [
        first + _apart(np.flatnonzero(good[:-1] & good[1:]))
        for (first, _), good in zip(runs, usable, strict=True)
    ]
    every = np.concatenate(starts)
    places = np.unique(np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int))
    kept = every[places]
    return [
        (part[:, None] + np.arange(RUN)).reshape(-1)
        for part in (kept[(kept >= first) & (kept < end)] for first, end in runs)
    ]


def _apart(starts: Frames) -> Frames:
    """Of rising frame numbers every other one of each unbroken stretch."""
    place = np.arange(len(starts))
    begins = np.diff(starts, prepend=-2) > 1
    since = place - np.maximum.accumulate(np.where(begins, place, 0))
    apart: Frames = starts[since % RUN == 0]
    return apart


def collect_takes(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    chosen: Sequence[Frames],
    crop: CropConfig,
    scheme: LandmarkScheme,
    progress: Progress,
    stage: str,
) -> list[Take]:
    """A take of each run that has chosen frames, in one pass over the film.

    Memory holds the crops, 110 kB each at 192 pixels, and a few pictures of the film.

    Args:
        people, chosen: of each run; the frames as `spread_pairs` gives them.
        crop: of all runs.
    """
    fps = float(video.fps)
    poses, boxes, pictures = [], [], []
    place_of: dict[int, tuple[int, int]] = {}
    for number, frames in enumerate(chosen):
        place_of |= {frame: (number, place) for place, frame in enumerate(frames.tolist())}
        found = [
            posed_boxes(
                faces, faces.runs[number], (first, first + RUN), people[number], scheme, crop, fps
            )
            for first in frames[::RUN].tolist()
        ]
        poses.append([pose for pose, _ in found])
        boxes.append(np.concatenate([np.empty((0, 3, 2), np.float32), *(box for _, box in found)]))
        pictures.append(np.empty((len(frames), crop.size, crop.size, 3), np.uint8))
    if not place_of:
        return []
    last = max(place_of)
    for frame in prefetched(
        iter_planes(video.path, choice=video.choice, even=video.even), _DECODED_AHEAD
    ):
        progress(stage, frame.index, last)
        if (where := place_of.get(frame.index)) is not None:
            number, place = where
            box = stored_boxes(boxes[number][place], faces.pixel_aspect)
            cut = film_crop(frame.planes, box, crop.size)
            pictures[number][place] = np.rint(cut)
        if frame.index == last:
            break
    return [
        _take(faces, run, person, frames, _joined(pose), box, shown, scheme, fps)
        for run, person, frames, pose, box, shown in zip(
            faces.runs, people, chosen, poses, boxes, pictures, strict=True
        )
        if len(frames)
    ]


def _joined(poses: Sequence[Pose]) -> Pose:
    return Pose(
        np.concatenate([pose.rotation for pose in poses]),
        np.concatenate([pose.scale for pose in poses]),
        np.concatenate([pose.translation for pose in poses]),
    )


def _take(
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    frames: Frames,
    pose: Pose,
    boxes: NDArray[np.float32],
    pictures: NDArray[np.uint8],
    scheme: LandmarkScheme,
    fps: float,
) -> Take:
    moving = list(scheme.moving)

    def points(at: Frames) -> NDArray[np.float32]:
        inside = np.clip(at, run[0], run[1] - 1)
        return apply_box(np.asarray(faces.landmarks[inside])[:, moving], boxes)

    landmarks = np.asarray(faces.landmarks[frames])
    crops = FaceCrops(
        pictures=pictures,
        points=points(frames),
        before=points(frames - 1),
        after=points(frames + 1),
        mask_outlines=posed(person.outlines.mask, pose, boxes),
        face_points=posed(person.outlines.face, pose, boxes),
    )
    opening = aperture(landmarks, scheme) * np.linalg.norm(boxes[:, 0], axis=-1)
    return Take(AppearanceClip(crops, opening, pose.rotation.reshape(-1, 9), scheme), frames, fps)
