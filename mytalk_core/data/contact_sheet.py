"""Contact sheet of clips: crops with landmarks, and mouth opening over loudness."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.page import page_template
from mytalk_core.data.schema import ClipSample
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.media.audio import from_pcm16
from mytalk_core.media.output import atomic_path
from mytalk_core.speech.loudness import loudness_dbfs

_FRAMES = 6  # per clip
_PICTURE = 224  # pixels, width and height
_JPEG_QUALITY = 82
_SUBPIXELS = 4  # bits of a drawn coordinate's fraction

_POINT = (255, 255, 255)
_LIPS = (255, 209, 71)
_JAW = (94, 214, 255)

CURVE_WIDTH, CURVE_HEIGHT = 600.0, 96.0  # SVG units
_QUIETEST_DBFS = -60.0  # loudness at the bottom of the plot; 0 dBFS is at its top
_LEAST_TOP = 0.2  # inter-ocular units at the top of the plot; more for wider mouth openings


@dataclass(frozen=True)
class Curve:
    """SVG path data of one clip."""

    opening: str
    loudness: str  # a closed area
    top: float  # mouth opening at the top edge, inter-ocular units
    marks: tuple[float, ...]  # x of the frames shown, SVG units


@dataclass(frozen=True)
class Strip:
    """A clip on the sheet."""

    sample: ClipSample
    pictures: tuple[str, ...]  # data URIs
    times: tuple[float, ...]  # of the pictures, seconds
    curve: Curve


def strip(sample: ClipSample) -> Strip:
    """Return one strip of the sheet; the clip must have at least one frame."""
    scheme = SCHEMES[sample.meta.scheme]
    count = sample.meta.frame_count
    frames = np.unique(np.linspace(0, count - 1, _FRAMES).round().astype(int))
    points = apply_box(sample.landmarks[frames], sample.boxes[frames])
    pictures = [
        _jpeg(_drawn(sample.crops[frame], face, scheme))
        for frame, face in zip(frames, points, strict=True)
    ]
    times = tuple(float(frame / sample.meta.fps) for frame in frames.tolist())
    return Strip(sample, tuple(pictures), times, _curve(sample, scheme, frames))


def write_contact_sheet(path: Path, title: str, samples: Iterable[ClipSample]) -> None:
    """Write the sheet atomically as one self-contained HTML file.

    Raises:
        OutputError: the file cannot be written.
        BadInputError: as the iteration of `samples`.
    """
    template = page_template("mytalk_core.data", "contact_sheet.html.j2")
    with atomic_path(path) as temporary:
        # Streamed, so that only one strip is in memory.
        template.stream(
            title=title,
            strips=map(strip, samples),
            width=CURVE_WIDTH,
            height=CURVE_HEIGHT,
            quietest=_QUIETEST_DBFS,
        ).dump(str(temporary), encoding="utf-8")


def _drawn(
    crop: NDArray[np.uint8], points: NDArray[np.float32], scheme: LandmarkScheme
) -> NDArray[np.uint8]:
    """Return a crop (S, S, 3), resized, with its landmarks (P, 2) drawn on it."""
    scale = _PICTURE / len(crop)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(crop, (_PICTURE, _PICTURE), interpolation=interpolation)
    # Pixel centres: x_large = (x + 0.5) * scale - 0.5.
    fixed = np.rint(((points + 0.5) * scale - 0.5) * 2**_SUBPIXELS).astype(np.int32)
    overlay = picture.copy()
    for point in fixed.tolist():
        cv2.circle(overlay, point, 2**_SUBPIXELS * 3 // 4, _POINT, -1, cv2.LINE_AA, _SUBPIXELS)
    picture = cv2.addWeighted(overlay, 0.45, picture, 0.55, 0)
    for group, closed, colour in (
        (scheme.outer_lips, True, _LIPS),
        (scheme.inner_lips, True, _LIPS),
        (scheme.jaw, False, _JAW),
    ):
        cv2.polylines(picture, [fixed[list(group)]], closed, colour, 1, cv2.LINE_AA, _SUBPIXELS)
    return picture.astype(np.uint8, copy=False)


def _curve(sample: ClipSample, scheme: LandmarkScheme, frames: NDArray[np.int64]) -> Curve:
    count, fps = sample.meta.frame_count, float(sample.meta.fps)
    opening = aperture(face_motion(sample.landmarks, scheme).shape, scheme)
    starts = np.arange(count) / fps
    loudness = loudness_dbfs(from_pcm16(sample.audio), starts, 1 / fps)
    top = max(float(opening.max()) * 1.1, _LEAST_TOP)
    x = (np.arange(count) + 0.5) / count * CURVE_WIDTH
    share = 1 - np.clip(loudness, _QUIETEST_DBFS, 0) / _QUIETEST_DBFS
    area = "".join(f"L{a:.1f} {b:.1f}" for a, b in zip(x, CURVE_HEIGHT * (1 - share), strict=True))
    line = [f"{a:.1f} {b:.1f}" for a, b in zip(x, CURVE_HEIGHT * (1 - opening / top), strict=True)]
    return Curve(
        opening="M" + "L".join(line),
        loudness=f"M{x[0]:.1f} {CURVE_HEIGHT}{area}L{x[-1]:.1f} {CURVE_HEIGHT}Z",
        top=top,
        marks=tuple(x[frames].tolist()),
    )


def _jpeg(picture: NDArray[np.uint8]) -> str:
    bgr = np.ascontiguousarray(picture[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
