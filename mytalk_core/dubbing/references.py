"""What a run's rendering is shown of its person: reference crops, and the grain of the film."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import fill_regions
from mytalk_core.appearance.face_crops import FaceCrops, joined_crops, posed
from mytalk_core.appearance.grain import Grain, measure_grain
from mytalk_core.appearance.reference_choice import (
    Moments,
    Mouths,
    covering_frames,
    joined_mouths,
    mouths_at,
    serving_frames,
    spread,
    unlikeness,
)
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.geometry import FaceGeometry, posed_boxes
from mytalk_core.dubbing.progress import Progress
from mytalk_core.faces.crop import CropConfig, apply_box, cut_crop, place
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.media.decode import PlaneFrame, iter_planes
from mytalk_core.media.plane_regions import region_rgb
from mytalk_core.media.planes import Planes
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo

# Frames in a row from which the grain is measured.
_GRAIN_FRAMES = 9
# Frames of a run among which references are chosen, and for which; more tell nothing new.
_STUDIED = 1000

Frames = NDArray[np.int64]


@dataclass(frozen=True)
class RunLook:
    """How the person of a run looks; crops of C pixels."""

    references: FaceCrops  # K frames, float pictures; those that serve most first
    moments: Moments  # (K,) of them
    grain: Grain


@dataclass(frozen=True)
class RunMouths:
    """The mouths of a run as they are and as they will be, of frames spread over it."""

    frames: Frames  # (K,) of the film: those that may be shown
    own: Mouths  # (K,) of them
    asked: Mouths  # (T,) that the run is drawn with


def film_crop(planes: Planes, box: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The crop (size, size, 3) of a film's own picture, RGB 0..255, not rounded.

    Its transform is from stored pixels. Grey where the crop lies wholly outside the picture.
    """
    region = place(box, size, planes.width, planes.height)
    if region is None:
        return np.full((size, size, 3), 128, np.float32)
    pixels = region_rgb(planes, region.left, region.top, region.right, region.bottom)
    return cut_crop(pixels, box, size, (region.left, region.top)).astype(np.float32, copy=False)


def study_mouths(
    run: tuple[int, int],
    geometry: Iterable[FaceGeometry],
    starts: Sequence[Fraction],
    usable: NDArray[np.bool_],
    crop: CropConfig,
    scheme: LandmarkScheme,
) -> RunMouths:
    """The mouths of a run.

    Args:
        geometry: of all its frames, in crops of `crop.size`.
        starts: of each of its frames, seconds of the film.
        usable: (T,) which of its frames show the mouth well; all count where none does.
    """
    among = np.flatnonzero(usable if usable.any() else ~usable)
    known = among[spread(len(among), _STUDIED)]
    asked = spread(run[1] - run[0], _STUDIED)
    own_parts: list[Mouths] = []
    asked_parts: list[Mouths] = []
    for block in geometry:
        first, end = block.first - run[0], block.first - run[0] + len(block.boxes)
        for frames, points, parts in (
            (known, block.own, own_parts),
            (asked, block.points, asked_parts),
        ):
            some = frames[(frames >= first) & (frames < end)]
            moments = np.array([float(starts[frame]) for frame in some])
            here = some - first
            parts.append(
                mouths_at(points[here], block.face_points[here], moments, crop.size, scheme)
            )
    return RunMouths(run[0] + known, joined_mouths(own_parts), joined_mouths(asked_parts))


def choose_references(mouths: RunMouths, count: int) -> Frames:
    """Frames of a run that it is best drawn from, (K,), those that serve most first."""
    return mouths.frames[serving_frames(unlikeness(mouths.asked, mouths.own), count)]


def typical_frames(mouths: RunMouths, count: int) -> Frames:
    """Frames of a run that stand for all of it, (K,), the most typical first."""
    return mouths.frames[covering_frames(mouths.own.lips, mouths.own.anchors, count)]


def film_looks(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    chosen: Sequence[Frames],
    crops: Sequence[CropConfig],
    scheme: LandmarkScheme,
    progress: Progress,
) -> Iterator[RunLook]:
    """The look of each run's person in order, in one pass over the film.

    The film is read no farther than the looks that are asked for, and one is in memory at a time.

    Args:
        chosen, crops: of each run, the frames as of `choose_references` or `typical_frames`.
        progress: told until the first run's look is there; for the others nobody waits.
    """
    frames = prefetched(iter_planes(video.path, choice=video.choice, even=video.even), 4)
    for number, (run, person) in enumerate(zip(faces.runs, people, strict=True)):
        shown = set(chosen[number].tolist())
        in_a_row = set(_grain_frames(run, int(chosen[number][0])))
        last = max(shown | in_a_row)
        references: dict[int, FaceCrops] = {}
        grainy: list[FaceCrops] = []
        for frame in frames:
            if number == 0:
                progress("choosing reference frames", frame.index, last)
            if frame.index in shown or frame.index in in_a_row:
                crop = _reference(
                    frame, faces, run, person, scheme, crops[number], float(video.fps)
                )
                if frame.index in shown:
                    references[frame.index] = crop
                if frame.index in in_a_row:
                    grainy.append(crop)
            if frame.index == last:
                break
        order = chosen[number].tolist()
        known = joined_crops([references[frame] for frame in order])
        moments = np.array([float(faces.starts[frame]) for frame in order])
        yield RunLook(known, moments, _grain(joined_crops(grainy)))


def _grain_frames(run: tuple[int, int], middle: int) -> range:
    """Frames in a row about a reference, which shows the face unobstructed."""
    first = min(max(middle - _GRAIN_FRAMES // 2, run[0]), max(run[1] - _GRAIN_FRAMES, run[0]))
    return range(first, min(first + _GRAIN_FRAMES, run[1]))


def _reference(
    frame: PlaneFrame,
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    scheme: LandmarkScheme,
    crop: CropConfig,
    fps: float,
) -> FaceCrops:
    span = (frame.index, frame.index + 1)
    pose, box = posed_boxes(faces, run, span, person, scheme, crop, fps)
    own = apply_box(np.asarray(faces.landmarks[span[0] : span[1], list(scheme.moving)]), box)
    return FaceCrops(
        pictures=film_crop(frame.planes, stored_boxes(box[0], faces.pixel_aspect), crop.size)[None],
        points=own,
        before=own,
        after=own,
        mask_outlines=posed(person.outlines.mask, pose, box),
        face_points=posed(person.outlines.face, pose, box),
    )


def _grain(crops: FaceCrops) -> Grain:
    size = crops.pictures.shape[1]
    skins = [
        fill_regions(outline, face, size)[1]
        for outline, face in zip(crops.mask_outlines, crops.face_points, strict=True)
    ]
    return measure_grain(crops.pictures.astype(np.float32, copy=False), np.stack(skins))
