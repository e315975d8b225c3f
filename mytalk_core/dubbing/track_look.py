"""What the person of a track looks like: reference crops for any mouth, and the film's grain.

References are chosen without the dub: they cover the mouths that the track shows. All languages
share them, and a changed line changes none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.album import UpperFaces, upper_faces
from mytalk_core.appearance.conditioning import fill_regions
from mytalk_core.appearance.face_crops import (
    FaceCrops,
    Pictures,
    joined_crops,
    posed,
    resized_crops,
)
from mytalk_core.appearance.grain import Grain, measure_grain
from mytalk_core.appearance.reference_choice import (
    Mouths,
    Timestamps,
    covering_frames,
    joined_mouths,
    mouths_at,
    spread,
)
from mytalk_core.dubbing.film_crop import film_crop
from mytalk_core.dubbing.film_source import FilmSource, planes_of
from mytalk_core.dubbing.geometry import posed_boxes, track_extent
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.stored_array import StoredArray, store_array
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.prefetch import prefetched

# Frames in a row from which the grain is measured.
_GRAIN_FRAMES = 9
# Frames of a track among which references are chosen; more change nothing.
_STUDIED = 400
# References of a short track, at least, and for each of its seconds: neighbours in time show nearly
# the same mouth, and the references of an hour of close-ups would not fit on a disk.
_FEWEST = 24
_PER_SECOND = 8
_BLOCK = 500  # frames whose mouths are measured together
_DECODED_AHEAD = 4

Frames = NDArray[np.int64]


@dataclass(frozen=True)
class LookRequest:
    """A track whose references are chosen."""

    film: FilmSource
    planned: PlannedTrack  # its drawing says which frames show the mouth well
    count: int  # references at most


@dataclass(frozen=True)
class TrackLook:
    """K reference crops of a track, the most typical first, and its grain."""

    # (K, C, C, 3) RGB 0..255: uint8, or float16, which has eleven bits, of films with more than 8
    pictures: StoredArray
    points: NDArray[np.float32]  # (K, M, 2) moving points, crop pixels
    mask_outlines: NDArray[np.float32]  # (K, O, 2)
    face_points: NDArray[np.float32]  # (K, Q, 2)
    timestamps: Timestamps  # (K,) seconds
    faces: UpperFaces
    grain: Grain

    @property
    def crops(self) -> FaceCrops:
        """The crops with their pictures, mapped from disk."""
        points = self.points
        return FaceCrops(
            self.pictures.read(), points, points, points, self.mask_outlines, self.face_points
        )


def look_at_track(request: LookRequest, context: StageContext) -> TrackLook:
    """Choose the reference frames of a track, and cut their crops out of the film.

    Raises:
        BadInputError: as `planes_of`.
    """
    planned, track = request.planned, request.planned.track
    chosen = reference_frames(planned, _count(track, request.count))
    grain = _grain_frames(len(track), int(chosen[0]))
    referred = set(chosen.tolist())
    low, high = min(referred | set(grain)), max(referred | set(grain)) + 1
    crops: dict[int, FaceCrops] = {}
    grainy: list[FaceCrops] = []
    shown = planes_of(request.film, track.first + low, track.starts[low:high])
    for frame in prefetched(shown, _DECODED_AHEAD):
        at = frame.index - track.first
        if at in referred or at in grain:
            crop = _reference(frame, planned)
            if at in grain:
                grainy.append(crop)
            if at in referred:
                kept = _stored(crop.pictures, frame.planes.layout.bits)
                crops[at] = replace(crop, pictures=kept)
        context.progress("collecting reference frames", at - low + 1, high - low)
    references = joined_crops([crops[at] for at in chosen.tolist()])
    stored = store_array(context.folder / "references", [references.pictures])
    return TrackLook(
        stored,
        references.points,
        references.mask_outlines,
        references.face_points,
        np.array([float(track.starts[at]) for at in chosen]),
        upper_faces(references),
        _grain(grainy, planned),
    )


def _stored(pictures: Pictures, bits: int) -> NDArray[np.uint8] | NDArray[np.float16]:
    """Pictures as they are kept of a film with so many bits a sample."""
    return (
        pictures.astype(np.float16) if bits > 8 else np.rint(pictures).clip(0, 255).astype(np.uint8)
    )


def _count(track: FaceTrack, most: int) -> int:
    seconds = len(track) / float(track.fps)
    return min(most, max(_FEWEST, round(_PER_SECOND * seconds)))


def reference_frames(planned: PlannedTrack, count: int) -> Frames:
    """Frames of a track that cover its mouths best, (K,), the most typical first.

    Frames that show the mouth well; all frames, where there is none.
    """
    usable = planned.drawing.usable
    among = np.flatnonzero(usable if usable.any() else ~usable)
    known = among[spread(len(among), _STUDIED)]
    mouths = own_mouths(planned, known)
    return known[covering_frames(mouths.lips, mouths.anchors, count)]


def own_mouths(planned: PlannedTrack, frames: Frames) -> Mouths:
    """The mouths of some frames of a track, rising, as the film shows them."""
    track, size = planned.track, planned.crop.size
    parts: list[Mouths] = []
    for first in range(0, len(track), _BLOCK):
        end = min(first + _BLOCK, len(track))
        here = frames[(frames >= first) & (frames < end)]
        if not len(here):
            continue
        pose, boxes = posed_boxes(track, (first, end), planned.person, planned.crop)
        at = here - first
        moving = np.asarray(track.landmarks[here])[:, list(track.scheme.moving)]
        parts.append(
            mouths_at(
                apply_box(moving, boxes[at]),
                posed(planned.person.outlines.face, pose, boxes)[at],
                np.array([float(track.starts[frame]) for frame in here]),
                size,
                track.scheme,
            )
        )
    return joined_mouths(parts)


def _grain_frames(frames: int, middle: int) -> range:
    """Consecutive frames around a reference, which shows the face unobstructed."""
    first = min(max(middle - _GRAIN_FRAMES // 2, 0), max(frames - _GRAIN_FRAMES, 0))
    return range(first, min(first + _GRAIN_FRAMES, frames))


def _reference(frame: PlaneFrame, planned: PlannedTrack) -> FaceCrops:
    track, outlines, size = planned.track, planned.person.outlines, planned.crop.size
    at = frame.index - track.first
    pose, box = posed_boxes(track, (at, at + 1), planned.person, planned.crop)
    own = apply_box(np.asarray(track.landmarks[at : at + 1, list(track.scheme.moving)]), box)
    return FaceCrops(
        pictures=film_crop(frame.planes, stored_boxes(box[0], track.pixel_aspect), size)[None],
        points=own,
        before=own,
        after=own,
        mask_outlines=posed(outlines.mask, pose, box),
        face_points=posed(outlines.face, pose, box),
    )


def _grain(parts: Sequence[FaceCrops], planned: PlannedTrack) -> Grain:
    """Measure the grain at the film's own scale, also where crops enlarge a small face."""
    size = min(planned.crop.size, track_extent(planned.track, planned.person, planned.crop))
    crops = resized_crops(joined_crops(parts), size)
    skins = [
        fill_regions(outline, face, size)[1]
        for outline, face in zip(crops.mask_outlines, crops.face_points, strict=True)
    ]
    return measure_grain(crops.pictures.astype(np.float32, copy=False), np.stack(skins))


LOOK = Stage("look", 3, LookRequest, TrackLook, look_at_track)
