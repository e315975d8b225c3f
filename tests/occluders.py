"""Synthetic occluders of mouths, pasted on frames: hands, a finger, microphones, cups."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

KINDS = ("hand", "fist", "finger", "microphone", "boom", "cup")
_OVER = 3  # supersampling of sprites per side


@dataclass(frozen=True)
class Visit:
    """The motion of an occluder to a mouth and away again."""

    kind: str  # of `KINDS`
    first: int  # first frame of its approach
    end: int  # first frame after its departure
    slide: int = 8  # frames of approach and of departure
    size: float = 1.0  # factor on its usual size
    angle: float = 0.0  # radians; 0 comes from below, positive from the viewer's right
    aside: float = 0.0  # offset to the right of the mouth's middle, inter-ocular units
    down: float = 0.0  # offset below it
    seed: int = 0  # of its texture

    def nearness(self, frame: int) -> float:
        """Return 0 far away to 1 in front of the mouth."""
        way = min(frame - self.first, self.end - 1 - frame) / max(self.slide, 1)
        held = min(max(way, 0.0), 1.0)
        return held * held * (3 - 2 * held)


def skin_of(image: Image, face: Floats, scheme: LandmarkScheme) -> Image:
    """Cut a patch of skin (S, S, 3) from the forehead of a face (P, 3)."""
    left, right = face[list(scheme.eye_corners), :2]
    upper, lower = face[list(scheme.vertical), :2]
    unit = float(np.linalg.norm(right - left))
    middle = upper + 0.3 * (lower - upper)
    half = max(int(0.16 * unit), 3)
    x, y = (
        int(np.clip(v, half, size - half - 1))
        for v, size in zip(middle, image.shape[1::-1], strict=True)
    )
    return image[y - half : y + half, x - half : x + half]


@dataclass(frozen=True)
class Sprite:
    """The picture of an occluder; its centre covers the mouth, its handle points down."""

    picture: Floats  # (S, S, 4) RGB 0..255 and alpha 0..1
    unit: float  # inter-ocular distance for which it is drawn, pixels


def with_visit(
    image: Image, face: Floats, visit: Visit, frame: int, sprite: Sprite, scheme: LandmarkScheme
) -> tuple[Image, NDArray[np.bool_]]:
    """Paste an occluder on a frame; return the frame and the covered pixels (H, W).

    Args:
        face: (P, 3) landmarks, pixels.
        sprite: from `draw_sprite`, of the same visit.
    """
    left, right = face[list(scheme.eye_corners), :2]
    unit = float(np.linalg.norm(right - left))
    axis = (right - left) / unit
    below = np.array([-axis[1], axis[0]])
    mouth = face[list(scheme.lips), :2].mean(axis=0)
    from_ = axis * np.sin(visit.angle) + below * np.cos(visit.angle)
    away = (1 - visit.nearness(frame)) * 2.2
    sway = 0.02 * np.array([np.sin(frame / 5), np.cos(frame / 7)])
    place = mouth + unit * (
        from_ * away + axis * (visit.aside + sway[0]) + below * (visit.down + sway[1])
    )
    scale = unit / sprite.unit
    turn = scale * np.array([[from_[1], from_[0]], [-from_[0], from_[1]]])
    middle = np.full(2, len(sprite.picture) / 2)
    matrix = np.concatenate([turn, (place - turn @ middle)[:, None]], axis=1)
    height, width = image.shape[:2]
    laid = cv2.warpAffine(sprite.picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    share = laid[..., 3:]
    mixed = image * (1 - share) + laid[..., :3] * share
    return np.rint(mixed.clip(0, 255)).astype(np.uint8), share[..., 0] > 0.5


def draw_sprite(visit: Visit, unit: float, skin: Image) -> Sprite:
    """Draw the occluder for a face whose inter-ocular distance is `unit` pixels.

    Args:
        skin: from `skin_of`, of the same person.
    """
    side = int(5.6 * unit * visit.size)
    size = side * _OVER
    shape = np.zeros((size, size), np.uint8)
    shade = np.ones((size, size), np.float32)
    middle, step = size / 2, unit * visit.size * _OVER

    def capsule(x0: float, y0: float, x1: float, y1: float, width: float, dark: float) -> None:
        ends = [(int(middle + x * step), int(middle + y * step)) for x, y in ((x0, y0), (x1, y1))]
        line = np.zeros_like(shape)
        cv2.line(line, *ends, 255, max(int(width * step), 1), cv2.LINE_AA)
        depth = cv2.distanceTransform((line > 127).astype(np.uint8), cv2.DIST_L2, 3)
        round_ = np.clip(depth / (0.5 * width * step), 0, 1)
        inside = line > 127
        # Shade as a round body, darker at its edges.
        shade[inside] = ((1 - dark) + dark * np.sqrt(round_ * (2 - round_)))[inside]
        shape[:] = np.maximum(shape, line)

    if visit.kind == "hand":
        capsule(0, 0.55, 0, 2.6, 0.62, 0.3)
        capsule(0, 0.25, 0, 0.5, 0.85, 0.25)
        for x in (-0.3, -0.1, 0.1, 0.3):
            capsule(x, 0.2, 1.15 * x, -0.45 + 0.5 * abs(x), 0.19, 0.4)
    elif visit.kind == "fist":
        capsule(0, 0.5, 0, 2.6, 0.5, 0.3)
        capsule(-0.12, 0, 0.12, 0, 0.62, 0.3)
        for x in (-0.27, -0.09, 0.09, 0.27):
            capsule(x, -0.18, x, 0.06, 0.17, 0.45)
    elif visit.kind == "finger":
        capsule(0, -0.3, 0, 0.7, 0.2, 0.4)
        capsule(0, 0.8, 0, 2.6, 0.6, 0.3)
    elif visit.kind == "microphone":
        capsule(0, 0.1, 0, 2.6, 0.2, 0.5)
        capsule(0, 0, 0, 0.02, 0.5, 0.6)
    elif visit.kind == "boom":
        capsule(0, -0.2, 0, 2.6, 0.14, 0.5)
    else:
        capsule(0, 0, 0, 0.4, 0.75, 0.35)
    random = np.random.default_rng(visit.seed)
    picture = np.empty((size, size, 3), np.float32)
    if visit.kind in ("hand", "fist", "finger"):
        tile = cv2.resize(skin, None, fx=_OVER, fy=_OVER, interpolation=cv2.INTER_LINEAR)
        turned = np.concatenate([tile, tile[:, ::-1]], axis=1)
        block = np.concatenate([turned, turned[::-1]], axis=0)
        repeats = [-(-size // length) for length in block.shape[:2]]
        picture[:] = np.tile(block, (*repeats, 1))[:size, :size]
        picture *= random.uniform(0.88, 1.06)
    elif visit.kind == "cup":
        picture[:] = random.uniform([60, 40, 40], [250, 250, 250])
    else:
        picture[:] = random.uniform(20, 60)
        picture[:: 3 * _OVER] *= 1.5
        picture[:, :: 3 * _OVER] *= 1.5
    picture *= shade[..., None]
    drawn = np.dstack([picture, shape.astype(np.float32) / 255])
    small = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)
    return Sprite(small.astype(np.float32, copy=False), unit)
