"""Scores of a renderer on held-out clips, with their own lips and with those of another time."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.face_crops import posed, window_slices
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import Members, iter_clips
from mytalk_core.data.shards import decode_meta, decode_sample, read_npy
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.lip_fidelity import LipReader
from mytalk_core.evaluation.lip_metrics import correlation, partial_correlation
from mytalk_core.evaluation.picture_metrics import mouth_region, psnr
from mytalk_core.evaluation.redrawing import (
    Pictures,
    RedrawCase,
    as_drawn,
    cross_case,
    reconstruction_case,
    renderer_drawer,
)
from mytalk_core.evaluation.texture_metrics import detail_energy, luma
from mytalk_core.faces.alignment import Points, inter_ocular
from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture, aperture_positions

MaskShape = Callable[[NDArray[np.float32], LandmarkScheme], NDArray[np.float32]]
"""Maps a resting face (P, 3) to the outline of its mask, (O, 3) aligned inter-ocular units."""

# Every second frame of each run of a case is measured: neighbours have nearly equal scores.
_EVERY = 2


@dataclass(frozen=True)
class HeldOutClip:
    """A clip with its own lips, and with its own lips of half its length later."""

    own: RedrawCase
    later: RedrawCase
    outlines: Mapping[MaskShape, Points]  # of every mask, (T, O, 2) crop pixels

    def cases(self, mask: MaskShape, references: int) -> tuple[RedrawCase, RedrawCase]:
        """Return both cases with a mask shape and a number of references."""
        own, later = (
            replace(
                case,
                crops=replace(case.crops, mask_outlines=self.outlines[mask]),
                references=case.serving(references),
            )
            for case in (self.own, self.later)
        )
        return own, later


def held_out_clips(data: Path, split: Split, masks: Sequence[MaskShape]) -> list[HeldOutClip]:
    """Read the clips of a split of curated data."""
    clips = []
    for members in iter_clips(clip_index(data, split)):
        sample = decode_sample(members)
        scheme = SCHEMES[sample.meta.scheme]
        shape = face_motion(sample.landmarks, scheme).shape[:, list(scheme.moving)]
        later = np.roll(shape, len(shape) // 2, axis=0)
        speaker, key, mask = sample.meta.speaker, sample.meta.key, MaskConfig()
        clips.append(
            HeldOutClip(
                _thinned(reconstruction_case(sample, speaker, mask)),
                _thinned(cross_case(sample, speaker, f"{key}, later", later, mask)),
                mask_outlines(members, masks),
            )
        )
    return clips


def mask_outlines(members: Members, masks: Sequence[MaskShape]) -> dict[MaskShape, Points]:
    """Return the mask outlines of a clip in its crops, (T, O, 2) each."""
    scheme = SCHEMES[decode_meta(members["json"]).scheme]
    motion = face_motion(read_npy(members["landmarks.npy"]), scheme)
    boxes = read_npy(members["boxes.npy"])
    resting = resting_shape(motion.shape)
    return {mask: posed(mask(resting, scheme), motion.pose, boxes) for mask in masks}


def redrawing_scores(
    renderer: Renderer,
    clips: Sequence[HeldOutClip],
    mask: MaskShape,
    references: int,
    lpips: Lpips,
    reader: LipReader,
) -> dict[str, float]:
    """Score a renderer on the clips with a mask shape and a number of references.

    Returns:
        psnr, lpips, sharpness: of the mouth with its own lips, means over speakers.
        later_sharpness: with the lips of another time. asked_r: correlation of the opening found
        in these with the target opening. own_r: partial correlation with the opening of the
        original frame given the target opening, the leak through the mask. Both r are over all
        frames together, every clip's mean removed.
    """
    draw = renderer_drawer(renderer)
    by_speaker: dict[str, list[dict[str, float]]] = defaultdict(list)
    openings = []
    for clip in clips:
        own, later = clip.cases(mask, references)
        drawn, drawn_later = as_drawn(draw(own)), as_drawn(draw(later))
        by_speaker[own.speaker].append(
            _nearness(own, drawn, lpips)
            | {
                "sharpness": _sharpness(own, drawn),
                "later_sharpness": _sharpness(later, drawn_later),
            }
        )
        openings.append(_openings(later, reader.find(drawn_later)))
    found, target, own_opening = np.concatenate(openings, axis=1)
    return dict(_means(by_speaker)) | {
        "asked_r": correlation(found, target),
        "own_r": partial_correlation(found, own_opening, target[:, None]),
    }


def _means(by_speaker: Mapping[str, list[dict[str, float]]]) -> Iterator[tuple[str, float]]:
    """Yield means over the clips of a speaker, then over speakers."""
    for name in next(iter(by_speaker.values()))[0]:
        values = [np.mean([clip[name] for clip in clips]) for clips in by_speaker.values()]
        yield name, float(np.mean(values))


def _nearness(case: RedrawCase, drawn: Pictures, lpips: Lpips) -> dict[str, float]:
    """Return PSNR and LPIPS of drawn mouths (N, C, C, 3), means over frames."""
    size = drawn.shape[1]
    lips = case.landmarks[case.frames][:, list(case.scheme.lips)]
    mouths = [mouth_region(each, (size, size)) for each in lips]
    pairs = zip(drawn, case.pictures, mouths, strict=True)
    window = window_slices(size)
    with torch.inference_mode():
        maps = lpips.spatial(*(_tensor(each[:, *window]) for each in (drawn, case.pictures)))
    far = [
        each[mouth[window]].mean() for each, mouth in zip(maps[:, 0].numpy(), mouths, strict=True)
    ]
    return {"psnr": float(np.mean([psnr(*pair) for pair in pairs])), "lpips": float(np.mean(far))}


def _tensor(pictures: Pictures) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def _sharpness(case: RedrawCase, drawn: Pictures) -> float:
    """Return the detail of the drawn mouths, around the target lips, over that of the clip."""
    lips = case.crops.points[case.frames][:, : len(case.scheme.lips)]
    own_lips = case.landmarks[case.frames][:, list(case.scheme.lips)]
    return _detail(case, drawn, lips) / _detail(case, case.pictures, own_lips)


def _detail(case: RedrawCase, pictures: Pictures, lips: Points) -> float:
    size = (pictures.shape[1], pictures.shape[2])
    each = zip(luma(pictures), lips, case.unit, strict=True)
    return float(
        np.mean([detail_energy(one, mouth_region(about, size), unit) for one, about, unit in each])
    )


def _openings(case: RedrawCase, found: Points) -> NDArray[np.float32]:
    """Return openings found, of the target and of the clip, (3, N), minus their means."""
    frames, scheme = case.frames, case.scheme
    upper, lower = aperture_positions(scheme)
    target = case.crops.points[frames]
    gaps = np.linalg.norm(target[:, upper] - target[:, lower], axis=-1).mean(axis=1)
    openings = np.stack(
        [
            aperture(found, scheme) / inter_ocular(found, scheme),
            gaps / case.unit,
            aperture(case.landmarks[frames], scheme) / case.unit,
        ]
    )
    seen = openings[:, np.isfinite(openings[0])]
    return seen - seen.mean(axis=1, keepdims=True)


def _thinned(case: RedrawCase) -> RedrawCase:
    """Reduce each run to every second frame."""
    runs = [
        slice(frame, frame + 1) for run in case.runs for frame in range(run.start, run.stop, _EVERY)
    ]
    return replace(case, runs=tuple(runs))
