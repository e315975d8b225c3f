"""The second look at a film: every frame with its new lips, as a stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.composite import composite, feathered
from mytalk_core.appearance.face_crops import CropTensors, FaceCrops, crop_tensors
from mytalk_core.appearance.renderer import References, Renderer
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.speech_motion import RunMotion
from mytalk_core.faces.alignment import Pose, fit_pose, to_pixels
from mytalk_core.faces.crop import CropConfig, apply_box, crop_boxes, cut_crop, invert_box
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.media.decode import Frame, iter_frames
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo
from mytalk_core.training.precision import autocast

# Frames of a run whose geometry is worked out together, and those that overlap for smoothing.
_BLOCK, _OVERLAP = 1000, 50
# Frames rendered together.
_BATCH = 8


@dataclass(frozen=True)
class FaceGeometry:
    """Where the face of some frames is and where its lips shall be; T frames, crop pixels."""

    first: int  # frame of the film
    boxes: NDArray[np.float32]  # (T, 3, 2)
    points: NDArray[np.float32]  # (T, M, 2) moving points asked for
    mask_outlines: NDArray[np.float32]  # (T, O, 2)
    face_points: NDArray[np.float32]  # (T, Q, 2)
    opening: NDArray[np.float32]  # (T,) asked mouth opening, inter-ocular units


@dataclass(frozen=True)
class DubbedFrame:
    """A frame of the dubbed film beside its source."""

    source: Frame
    dubbed: Frame  # the same object where nothing was re-rendered
    opening: float  # asked mouth opening, inter-ocular units; NaN where not re-rendered
    outside_change: int  # largest change outside the mask before encoding, 0..255


def posed_boxes(
    faces: FilmFaces,
    run: tuple[int, int],
    frames: tuple[int, int],
    person: Person,
    scheme: LandmarkScheme,
    crop: CropConfig,
    fps: float,
) -> tuple[Pose, NDArray[np.float32]]:
    """Pose and crop boxes of frames (first, end) of a run, smoothed over their neighbours too."""
    low, high = max(frames[0] - _OVERLAP, run[0]), min(frames[1] + _OVERLAP, run[1])
    pose = fit_pose(np.asarray(faces.landmarks[low:high]), person.rigid, scheme)
    inside = slice(frames[0] - low, frames[1] - low)
    return pose[inside], crop_boxes(pose, crop, fps)[inside]


def run_geometry(
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    motion: RunMotion,
    scheme: LandmarkScheme,
    crop: CropConfig,
    fps: Fraction,
) -> Iterator[FaceGeometry]:
    """The geometry of a run, block after block; the blocks do not show in it."""
    moving = list(scheme.moving)
    for first in range(run[0], run[1], _BLOCK):
        end = min(first + _BLOCK, run[1])
        pose, boxes = posed_boxes(faces, run, (first, end), person, scheme, crop, float(fps))
        middles = [start + 1 / (2 * fps) for start in faces.starts[first:end]]
        shapes = np.repeat(person.rest[None], end - first, axis=0)
        shapes[:, moving] += motion.at(middles)
        yield FaceGeometry(
            first=first,
            boxes=boxes,
            points=_placed(shapes[:, moving], pose, boxes),
            mask_outlines=_placed(person.outlines.mask, pose, boxes),
            face_points=_placed(person.outlines.face, pose, boxes),
            opening=aperture(shapes, scheme),
        )


def _placed(
    shape: NDArray[np.float32], pose: Pose, boxes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Aligned points (N, 3), or (T, N, 3), to crop pixels (T, N, 2)."""
    every = np.broadcast_to(shape, (len(boxes), *shape.shape[-2:]))
    return apply_box(to_pixels(every, pose), boxes)


def collect_references(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    scheme: LandmarkScheme,
    crop: CropConfig,
    progress: Progress,
) -> list[CropTensors]:
    """The reference crops of each run's person, in one pass over the film."""
    run_of = {
        frame: number
        for number, person in enumerate(people)
        for frame in person.references.tolist()
    }
    last = max(run_of)
    found: list[list[FaceCrops]] = [[] for _ in people]
    for frame in prefetched(iter_frames(video.path), 4):
        progress("choosing reference frames", frame.index, last)
        if (number := run_of.get(frame.index)) is not None:
            person, span = people[number], (frame.index, frame.index + 1)
            pose, box = posed_boxes(
                faces, faces.runs[number], span, person, scheme, crop, float(video.fps)
            )
            own = np.asarray(faces.landmarks[span[0] : span[1], list(scheme.moving)])
            found[number].append(
                FaceCrops(
                    cut_crop(frame.image, box[0], crop.size)[None],
                    apply_box(own, box),
                    _placed(person.outlines.mask, pose, box),
                    _placed(person.outlines.face, pose, box),
                )
            )
        if frame.index == last:
            break
    return [crop_tensors(_together(crops), scheme) for crops in found]


def _together(crops: list[FaceCrops]) -> FaceCrops:
    return FaceCrops(
        np.concatenate([crop.pictures for crop in crops]),
        np.concatenate([crop.points for crop in crops]),
        np.concatenate([crop.mask_outlines for crop in crops]),
        np.concatenate([crop.face_points for crop in crops]),
    )


@torch.inference_mode()
def render_film(
    video: VideoInfo,
    geometry: Iterator[FaceGeometry],
    references: Iterator[tuple[int, CropTensors]],
    renderer: Renderer,
    scheme: LandmarkScheme,
) -> Iterator[DubbedFrame]:
    """Every frame of the film in order, with new lips where there is geometry for it.

    Args:
        geometry: of all runs, in order.
        references: (end frame, reference crops) of every run, in order.
    """
    block = next(geometry, None)
    run_end, shown = next(references)
    encoded = _encoded(renderer, shown)
    waiting: list[tuple[Frame, FaceGeometry, int]] = []
    for frame in prefetched(iter_frames(video.path), 2 * _BATCH):
        while block is not None and frame.index >= block.first + len(block.boxes):
            block = next(geometry, None)
        inside = block is not None and frame.index >= block.first
        # A batch holds frames of one run only, because they share its references.
        if waiting and (not inside or frame.index >= run_end or len(waiting) == _BATCH):
            yield from _rendered(waiting, renderer, encoded, scheme)
            waiting = []
        if block is None or not inside:
            yield DubbedFrame(frame, frame, float("nan"), 0)
            continue
        while frame.index >= run_end:
            run_end, shown = next(references)
            encoded = _encoded(renderer, shown)
        waiting.append((frame, block, frame.index - block.first))
    if waiting:
        yield from _rendered(waiting, renderer, encoded, scheme)


def _encoded(renderer: Renderer, shown: CropTensors) -> References:
    device = next(renderer.parameters()).device
    with autocast(device, True):
        return renderer.encode_references(*(part[None] for part in shown.to(device).parts()))


def _rendered(
    waiting: list[tuple[Frame, FaceGeometry, int]],
    renderer: Renderer,
    encoded: References,
    scheme: LandmarkScheme,
) -> Iterator[DubbedFrame]:
    device = next(renderer.parameters()).device
    size = renderer.config.size
    crops = FaceCrops(
        np.stack([cut_crop(frame.image, block.boxes[at], size) for frame, block, at in waiting]),
        np.stack([block.points[at] for _, block, at in waiting]),
        np.stack([block.mask_outlines[at] for _, block, at in waiting]),
        np.stack([block.face_points[at] for _, block, at in waiting]),
    )
    tensors = crop_tensors(crops, scheme)
    with autocast(device, True):
        picture = renderer(*tensors.to(device).parts(), encoded.repeat(len(waiting))).picture
    drawn = (picture.float().clamp(0, 1) * 255).permute(0, 2, 3, 1).cpu().numpy()
    masks = tensors.masks[:, 0].numpy().astype(np.uint8)
    for (frame, block, at), crop, mask in zip(waiting, drawn, masks, strict=True):
        image = composite(frame.image, np.ascontiguousarray(crop), feathered(mask), block.boxes[at])
        yield DubbedFrame(
            frame,
            replace(frame, image=image),
            float(block.opening[at]),
            _outside_change(frame.image, image, block.mask_outlines[at], block.boxes[at]),
        )


def _outside_change(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    outline: NDArray[np.float32],
    box: NDArray[np.float32],
) -> int:
    """Largest change of a sample outside the mask's outline, drawn anew in the film's pixels."""
    inverse = invert_box(box)
    placed = np.rint(outline @ inverse[:2] + inverse[2:]).astype(np.int32)
    inside = np.zeros(before.shape[:2], np.uint8)
    cv2.fillPoly(inside, [placed], color=[1])
    change = cv2.absdiff(before, after).max(axis=2)
    change[inside > 0] = 0
    return int(change.max())
