"""Frames of a film from which its actor is learned: pairs spread over it, as crops."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.batches import RUN
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import FaceCrops, posed
from mytalk_core.dubbing.film_crop import film_crop
from mytalk_core.dubbing.geometry import joined_poses, posed_boxes
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.faces.alignment import Pose
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.films.progress import Progress
from mytalk_core.media.decode import PlaneFrame, iter_planes
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo

# Frames decoded ahead of the cropping.
_DECODED_AHEAD = 4

Frames = NDArray[np.int64]


def spread_pairs(usable: Sequence[NDArray[np.bool_]], count: int) -> list[Frames]:
    """Choose at most `count` pairs of consecutive frames, spread evenly over all usable frames.

    Args:
        usable: of each track, by first frame, whether its frames show the whole lower face, (T,).

    Returns:
        The frames (N,) of each track, rising; N is even and may be 0.
    """
    starts = [_apart(np.flatnonzero(good[:-1] & good[1:])) for good in usable]
    total = sum(map(len, starts))
    kept = np.zeros(total, np.bool_)
    kept[np.linspace(0, total - 1, min(count, total)).round().astype(int)] = True
    edges = np.cumsum([len(each) for each in starts])[:-1]
    return [
        (each[chosen][:, None] + np.arange(RUN)).reshape(-1)
        for each, chosen in zip(starts, np.split(kept, edges), strict=True)
    ]


def _apart(starts: Frames) -> Frames:
    """Every other one of rising frame numbers, counted within each run of consecutive numbers."""
    place = np.arange(len(starts))
    begins = np.diff(starts, prepend=-2) > 1
    since = place - np.maximum.accumulate(np.where(begins, place, 0))
    apart: Frames = starts[since % RUN == 0]
    return apart


def collect_takes(
    video: VideoInfo,
    tracks: Sequence[PlannedTrack],
    chosen: Sequence[Frames],
    size: int,
    progress: Progress,
    stage: str,
) -> list[Take]:
    """A take of each track that has chosen frames, in one pass over the film.

    Memory holds the crops, 110 kB each at 192 pixels, and a few pictures of the film.

    Args:
        chosen: of each track, frames from `spread_pairs`.
        size: of the crops, pixels.
    """
    takes = [
        _TakeFrames(replace(planned, crop=replace(planned.crop, size=size)), frames)
        for planned, frames in zip(tracks, chosen, strict=True)
        if len(frames)
    ]
    if not takes:
        return []
    last = max(take.last for take in takes)
    for frame in prefetched(
        iter_planes(video.path, choice=video.choice, even=video.even), _DECODED_AHEAD
    ):
        progress(stage, frame.index, last)
        for take in takes:
            take.offer(frame)
        if frame.index == last:
            break
    return [take.finish() for take in takes]


class _TakeFrames:
    """The chosen frames of one track, and their crops as the film is read."""

    def __init__(self, planned: PlannedTrack, frames: Frames) -> None:
        self._planned = planned
        self._frames = frames
        track, crop = planned.track, planned.crop
        found = [
            posed_boxes(track, (first, first + RUN), planned.person, crop)
            for first in frames[::RUN].tolist()
        ]
        self._pose: Pose = joined_poses([pose for pose, _ in found])
        self._boxes = np.concatenate([boxes for _, boxes in found])
        self._pictures = np.empty((len(frames), crop.size, crop.size, 3), np.uint8)
        self._place = {frame: place for place, frame in enumerate((track.first + frames).tolist())}
        self.last = max(self._place)  # frame of the film

    def offer(self, frame: PlaneFrame) -> None:
        """Cut the crop of the next frame of the film, if it was chosen."""
        if (place := self._place.get(frame.index)) is not None:
            box = stored_boxes(self._boxes[place], self._planned.track.pixel_aspect)
            cut = film_crop(frame.planes, box, self._planned.crop.size)
            self._pictures[place] = np.rint(cut)

    def finish(self) -> Take:
        """The take, once all frames were offered."""
        track, outlines = self._planned.track, self._planned.person.outlines
        moving = list(track.scheme.moving)

        def points(at: Frames) -> NDArray[np.float32]:
            inside = np.clip(at, 0, len(track) - 1)
            return apply_box(np.asarray(track.landmarks[inside])[:, moving], self._boxes)

        crops = FaceCrops(
            pictures=self._pictures,
            points=points(self._frames),
            before=points(self._frames - 1),
            after=points(self._frames + 1),
            mask_outlines=posed(outlines.mask, self._pose, self._boxes),
            face_points=posed(outlines.face, self._pose, self._boxes),
        )
        landmarks = np.asarray(track.landmarks[self._frames])
        opening = aperture(landmarks, track.scheme) * np.linalg.norm(self._boxes[:, 0], axis=-1)
        clip = AppearanceClip(crops, opening, self._pose.rotation.reshape(-1, 9), track.scheme)
        return Take(clip, track.first + self._frames, float(track.fps))
