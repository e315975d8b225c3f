"""Recall and false alarms of occlusion detection.

    python tests/benchmarks/occlusion.py [clips] [seed]

Uses clips of all speakers of the GRID corpus, demo films and the sample footage: unmodified, where
every flagged frame is a false alarm, and with pasted hands, fingers, microphones and cups in the
person's own skin, of several sizes and from several sides, sliding in and out. Some clips also get
changing light. Prints a table by kind, and every clip with a false alarm or a miss.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mytalk_core.appearance.conditioning import face_outlines
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.faces.alignment import Pose, head_turn, inter_ocular, to_pixels
from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.occlusion import OcclusionConfig, occluded
from mytalk_core.faces.occlusion_sample import occlusion_sample
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_video
from tests.largest_face import track_largest_face
from tests.occluders import KINDS, Visit, draw_sprite, skin_of, with_visit

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data"
CONFIG = OcclusionConfig()
LARGEST_TURN = 35.0
_MOST_FRAMES = 300  # of a film
# A frame counts as covered above this share of the mask or that of the mouth.
_MASK, _MOUTH = 0.12, 0.4
_TOUCHED = 0.04  # share of the mask below which a frame is ignored
_LIGHTS = ("dimmer", "warmer", "from the side")

Images = list[NDArray[np.uint8]]


@dataclass
class Count:
    """Counts of one kind of occluder."""

    events: int = 0
    detected: int = 0
    covered: int = 0  # frames
    flagged: int = 0  # of the covered frames


def clips(count: int, random: np.random.Generator) -> list[Path]:
    """Return about `count` clips of the corpus, evenly over its speakers, then films."""
    chosen: list[Path] = []
    speakers = sorted(folder for folder in (DATA / "grid").iterdir() if folder.is_dir())
    for speaker in speakers:
        own = sorted(path for path in speaker.iterdir() if path.suffix in {".mpg", ".mp4", ".webm"})
        number = min(len(own), -(-count // len(speakers)))
        chosen += [own[place] for place in sorted(random.choice(len(own), number, replace=False))]
    films = [DATA / f"films_source/demo{number}_video.mp4" for number in (1, 3)]
    large = sorted((DATA / "grid_hq720").rglob("*.mpg"))[::12]
    return chosen + large + films + [clip.path for clip in sample_footage()]


def face_of(path: Path, landmarker: MeshLandmarker) -> tuple[Images, NDArray[np.float32], Fraction]:
    """Return the region around a clip's face in every frame, its landmarks, and the frame rate."""
    fps = probe_video(path).fps
    images = []
    for frame in iter_frames(path):
        if frame.index == _MOST_FRAMES:
            break
        images.append(frame.image)
    faces = np.stack(list(track_largest_face(iter(images), landmarker)))
    unit = float(np.median(inter_ocular(faces, MESH478)))
    middles = faces[:, :, :2].mean(axis=1)
    left, top = np.floor(middles.min(axis=0) - 1.8 * unit).astype(int).clip(min=0)
    right, bottom = np.ceil(middles.max(axis=0) + 2 * unit).astype(int)
    around = [np.ascontiguousarray(image[top:bottom, left:right]) for image in images]
    return around, faces - np.array([left, top, 0], np.float32), fps


def some_visits(frames: int, random: np.random.Generator, kinds: Iterator[str]) -> list[Visit]:
    """Draw one visit for a short clip, several for a film; up to two fifths of the frames."""
    visits = []
    first = int(random.integers(8, 16))
    while first + 16 < frames - 8:
        longest = min(50, frames * 2 // 5, frames - 8 - first)
        end = first + int(random.integers(min(16, longest), longest + 1))
        visits.append(
            Visit(
                next(kinds),
                first,
                end,
                slide=int(random.integers(3, 9)),
                size=float(random.uniform(0.75, 1.3)),
                angle=float(random.choice([1.0, 1.0, 2.2]) * random.uniform(-1.1, 1.1)),
                aside=float(random.uniform(-0.15, 0.15)),
                down=float(random.uniform(-0.08, 0.2)),
                seed=int(random.integers(1_000_000)),
            )
        )
        first = end + max(40, end - visits[-1].first)
    return visits


def visited(
    images: Images, faces: NDArray[np.float32], visits: list[Visit]
) -> tuple[Images, NDArray[np.float64], NDArray[np.float64]]:
    """Return the frames with occluders, and the covered shares of mask and mouth in each."""
    motion = face_motion(faces, MESH478)
    outline = face_outlines(resting_shape(motion.shape), MaskConfig(), MESH478).mask
    masks = _placed(outline, motion.pose)
    unit = float(np.median(inter_ocular(faces, MESH478)))
    skin = skin_of(images[0], faces[0], MESH478)
    sprites = [draw_sprite(visit, unit, skin) for visit in visits]
    shown, of_mask, of_mouth = [], [], []
    for frame, (image, face) in enumerate(zip(images, faces, strict=True)):
        covers = np.zeros(image.shape[:2], np.bool_)
        for visit, sprite in zip(visits, sprites, strict=True):
            if visit.first <= frame < visit.end:
                image, more = with_visit(image, face, visit, frame, sprite, MESH478)
                covers |= more
        shown.append(image)
        of_mask.append(_covered(covers, masks[frame]))
        of_mouth.append(_covered(covers, face[list(MESH478.outer_lips), :2]))
    return shown, np.array(of_mask), np.array(of_mouth)


def _placed(outline: NDArray[np.float32], pose: Pose) -> NDArray[np.float32]:
    every = np.broadcast_to(outline, (len(pose.scale), *outline.shape))
    return to_pixels(every, pose)[..., :2]


def _covered(covers: NDArray[np.bool_], outline: NDArray[np.float32]) -> float:
    inside = np.zeros(covers.shape, np.uint8)
    cv2.fillPoly(inside, [outline.round().astype(np.int32)], [1])
    return float((covers & (inside > 0)).sum() / max(int(inside.sum()), 1))


def lit(images: Images, light: str) -> Images:
    """Return the frames in changing light."""
    across = np.linspace(-1, 1, images[0].shape[1])[None, :, None]
    result = []
    for frame, image in enumerate(images):
        swing = np.sin(frame / 12)
        gain = {
            "dimmer": 0.75 + 0.25 * swing,
            "warmer": 1 + np.array([0.2, 0, -0.25]) * swing,
            "from the side": 1 + 0.45 * swing * across,
        }[light]
        result.append((image * gain).clip(0, 255).astype(np.uint8))
    return result


def flags_of(images: Images, faces: NDArray[np.float32], fps: Fraction) -> NDArray[np.bool_]:
    """Flag frames as a dub does."""
    samples = np.stack(
        [occlusion_sample(image, face, MESH478) for image, face in zip(images, faces, strict=True)]
    )
    yaw = head_turn(face_motion(faces, MESH478).pose)
    return occluded(samples, yaw, np.abs(yaw) <= LARGEST_TURN, float(fps), MESH478, CONFIG)


def main() -> None:
    """Measure and print."""
    count, seed = (int(given) for given in (sys.argv[1:] + ["60", "0"][len(sys.argv) - 1 :]))
    random = np.random.default_rng(seed)
    cv2.setNumThreads(1)
    console = Console()
    kinds = iter(np.resize(random.permutation(KINDS), 10_000).tolist())
    by_kind: dict[str, Count] = defaultdict(Count)
    alarms: dict[str, list[int]] = {name: [0, 0] for name in ("unmodified", "apart", *_LIGHTS)}
    with MeshLandmarker(pull("face-landmarker")) as landmarker:
        for number, path in enumerate(clips(count, random)):
            name = f"{path.parent.name}/{path.name}"
            images, faces, fps = face_of(path, landmarker)
            lights = [_LIGHTS[number // 4 % 3]] if number % 4 == 0 else []
            for light in ["unmodified", *lights]:
                shown = images if light == "unmodified" else lit(images, light)
                flags = flags_of(shown, faces, fps)
                alarms[light][0] += int(flags.sum())
                alarms[light][1] += len(flags)
                if flags.any():
                    console.print(f"{name}: false alarm, {light}, {np.flatnonzero(flags).tolist()}")
            visits = some_visits(len(images), random, kinds)
            shown, of_mask, of_mouth = visited(images, faces, visits)
            found = np.stack(list(track_largest_face(iter(shown), landmarker)))
            flags = flags_of(shown, found, fps)
            apart = np.ones(len(flags), np.bool_)
            for visit in visits:
                during = np.zeros(len(flags), np.bool_)
                during[visit.first : visit.end] = True
                apart[max(visit.first - 4, 0) : visit.end + 4] = False
                hidden = during & ((of_mask > _MASK) | (of_mouth > _MOUTH))
                touched = during & (of_mask > _TOUCHED)
                if not touched.any():
                    continue
                detected = bool(flags[touched].mean() > 0.5)
                kind = by_kind[visit.kind]
                kind.events += 1
                kind.detected += detected
                kind.covered += int(hidden.sum())
                kind.flagged += int(flags[hidden].sum())
                if not detected:
                    console.print(f"{name}: missed {visit}, mask {of_mask[during].max():.2f}")
            alarms["apart"][0] += int(flags[apart].sum())
            alarms["apart"][1] += int(apart.sum())
    table = Table("occluder", "events detected", "covered frames flagged")
    for name in KINDS:
        kind = by_kind[name]
        share = kind.flagged / max(kind.covered, 1)
        table.add_row(name, f"{kind.detected} of {kind.events}", f"{share:.3f} of {kind.covered}")
    false = Table("false alarms", "share of frames", "frames")
    for name, (flagged, frames) in alarms.items():
        label = "clips with occluders, other frames" if name == "apart" else f"clips, {name}"
        false.add_row(label, f"{flagged / max(frames, 1):.4f}", str(frames))
    console.print(table, false)


if __name__ == "__main__":
    main()
