"""What the renderer is given of the person of a track: reference crops, and the film's grain."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import fill_regions
from mytalk_core.appearance.face_crops import FaceCrops, joined_crops, posed
from mytalk_core.appearance.grain import Grain, measure_grain
from mytalk_core.appearance.reference_choice import (
    Mouths,
    Timestamps,
    covering_frames,
    joined_mouths,
    mouth_distances,
    mouths_at,
    serving_frames,
    spread,
)
from mytalk_core.dubbing.geometry import FaceGeometry, posed_boxes
from mytalk_core.dubbing.title_plan import PlannedTrack
from mytalk_core.faces.crop import apply_box, cut_crop, place
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.films.progress import Progress
from mytalk_core.media.decode import PlaneFrame, iter_planes
from mytalk_core.media.plane_regions import region_rgb
from mytalk_core.media.planes import Planes
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo

# Frames in a row from which the grain is measured.
_GRAIN_FRAMES = 9
# Frames of a track among which references are chosen, and for which; more change nothing.
_STUDIED = 1000

Frames = NDArray[np.int64]


@dataclass(frozen=True)
class TrackAppearance:
    """What the person of a track looks like; crops of C pixels."""

    references: FaceCrops  # K frames, float pictures; the most useful first
    timestamps: Timestamps  # (K,) of them
    grain: Grain


@dataclass(frozen=True)
class TrackMouths:
    """The mouths of a track in the film and as they are to be drawn, in frames spread over it."""

    frames: Frames  # (K,) of the track: those that may be references
    own: Mouths  # (K,) of them
    target: Mouths  # (T,) that the track is drawn with


def film_crop(planes: Planes, box: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The crop (size, size, 3) of a film's own picture, RGB 0..255, not rounded.

    Its transform is from stored pixels. Grey where the crop lies wholly outside the picture.
    """
    region = place(box, size, planes.width, planes.height)
    if region is None:
        return np.full((size, size, 3), 128, np.float32)
    pixels = region_rgb(planes, region.left, region.top, region.right, region.bottom)
    return cut_crop(pixels, box, size, (region.left, region.top)).astype(np.float32, copy=False)


def study_mouths(planned: PlannedTrack, geometry: Iterable[FaceGeometry]) -> TrackMouths:
    """Measure the mouths of a track.

    Frames that show the mouth well may be references; all frames, where there is none.

    Args:
        geometry: of all its frames.
    """
    track, usable = planned.track, planned.drawing.usable
    among = np.flatnonzero(usable if usable.any() else ~usable)
    known = among[spread(len(among), _STUDIED)]
    targets = spread(len(track), _STUDIED)
    own_parts: list[Mouths] = []
    target_parts: list[Mouths] = []
    for block in geometry:
        for frames, points, parts in (
            (known, block.own, own_parts),
            (targets, block.points, target_parts),
        ):
            here = frames[(frames >= block.first) & (frames < block.first + len(block.boxes))]
            at = here - block.first
            timestamps = np.array([float(track.starts[frame]) for frame in here])
            parts.append(
                mouths_at(
                    points[at], block.face_points[at], timestamps, planned.crop.size, track.scheme
                )
            )
    return TrackMouths(known, joined_mouths(own_parts), joined_mouths(target_parts))


def choose_references(mouths: TrackMouths, count: int) -> Frames:
    """Frames of a track that serve best as references, (K,), the most useful first."""
    return mouths.frames[serving_frames(mouth_distances(mouths.target, mouths.own), count)]


def typical_frames(mouths: TrackMouths, count: int) -> Frames:
    """Frames that represent a whole track, (K,), the most typical first."""
    return mouths.frames[covering_frames(mouths.own.lips, mouths.own.anchors, count)]


def film_appearances(
    video: VideoInfo,
    tracks: Sequence[PlannedTrack],
    chosen: Sequence[Frames],
    progress: Progress,
) -> Iterator[TrackAppearance]:
    """The appearance of each track in order, in one pass over the film.

    The film is read no further than the appearances that are taken. In memory are those of the
    next track and of tracks at the same time.

    Args:
        tracks: by first frame.
        chosen: of each track, frames from `choose_references` or `typical_frames`.
        progress: called until the first appearance is complete; the others are read ahead.
    """
    waiting = [_Collected(planned, own) for planned, own in zip(tracks, chosen, strict=True)]
    films = prefetched(iter_planes(video.path, choice=video.choice, even=video.even), 4)
    first = waiting[0] if waiting else None
    while waiting:
        while not waiting[0].complete:
            frame = next(films)
            if waiting[0] is first:
                progress("choosing reference frames", frame.index, first.last)
            for each in waiting:
                if each.planned.track.first > frame.index:
                    break
                each.offer(frame)
        yield waiting.pop(0).appearance()


class _Collected:
    """The crops of a track that were collected so far."""

    def __init__(self, planned: PlannedTrack, chosen: Frames) -> None:
        """Args: `chosen`: reference frames of the track."""
        self.planned = planned
        track = planned.track
        self._chosen = (track.first + chosen).tolist()
        self._grain = list(_grain_frames(track.first, track.end, self._chosen[0]))
        self._crops: dict[int, FaceCrops] = {}
        self._wanted = {*self._chosen, *self._grain}
        self.last = max(self._wanted)  # frame of the film
        self.complete = False

    def offer(self, frame: PlaneFrame) -> None:
        """Take what is wanted of the next frame of the film."""
        if frame.index in self._wanted:
            self._crops[frame.index] = _reference(frame, self.planned)
        self.complete = self.complete or frame.index >= self.last

    def appearance(self) -> TrackAppearance:
        """Put together what was collected."""
        track = self.planned.track
        return TrackAppearance(
            joined_crops([self._crops[frame] for frame in self._chosen]),
            np.array([float(track.starts[frame - track.first]) for frame in self._chosen]),
            _grain(joined_crops([self._crops[frame] for frame in self._grain])),
        )


def _grain_frames(first: int, end: int, middle: int) -> range:
    """Consecutive frames around a reference, which shows the face unobstructed."""
    first = min(max(middle - _GRAIN_FRAMES // 2, first), max(end - _GRAIN_FRAMES, first))
    return range(first, min(first + _GRAIN_FRAMES, end))


def _reference(frame: PlaneFrame, planned: PlannedTrack) -> FaceCrops:
    track, outlines, size = planned.track, planned.person.outlines, planned.crop.size
    place = frame.index - track.first
    pose, box = posed_boxes(track, (place, place + 1), planned.person, planned.crop)
    own = apply_box(np.asarray(track.landmarks[place : place + 1, list(track.scheme.moving)]), box)
    return FaceCrops(
        pictures=film_crop(frame.planes, stored_boxes(box[0], track.pixel_aspect), size)[None],
        points=own,
        before=own,
        after=own,
        mask_outlines=posed(outlines.mask, pose, box),
        face_points=posed(outlines.face, pose, box),
    )


def _grain(crops: FaceCrops) -> Grain:
    size = crops.pictures.shape[1]
    skins = [
        fill_regions(outline, face, size)[1]
        for outline, face in zip(crops.mask_outlines, crops.face_points, strict=True)
    ]
    return measure_grain(crops.pictures.astype(np.float32, copy=False), np.stack(skins))
