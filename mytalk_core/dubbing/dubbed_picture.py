"""The picture of a dub on its way into a file, and what its report says of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from mytalk_core.dubbing.film_faces import FilmFaces
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.rendering import DubbedFrame
from mytalk_core.dubbing.report import Check
from mytalk_core.dubbing.report_curve import MouthCurve
from mytalk_core.dubbing.report_pictures import FramePair, TellingFrames, mouth_box
from mytalk_core.errors import MytalkError, Reason
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import squared
from mytalk_core.media.colour import LIMITED
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.plane_regions import as_rgb
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo, probe_video, read_comment
from mytalk_core.media.timestamps import frame_starts
from mytalk_core.speech.loudness import loudness_dbfs

_PAIRS = 6  # frames shown in the report
_AHEAD = 12  # frames rendered before they are encoded


@dataclass(frozen=True)
class Written:
    """What is known of the picture once it is written."""

    openings: list[float]  # asked, of each frame
    outside_change: int
    duration: Fraction  # seconds
    telling: tuple[DubbedFrame, ...]  # some that show best what was changed


def write_picture(
    path: Path,
    info: VideoInfo,
    frames: Iterator[DubbedFrame],
    source: np.ndarray,
    crf: int,
    progress: Progress,
) -> Written:
    """Encode the frames while the next ones are rendered.

    Args:
        source: (F,) mouth opening of the film before, from `source_opening`.
    """
    openings: list[float] = []
    outside = 0
    telling = TellingFrames[DubbedFrame](len(source), _PAIRS)
    with VideoWriter(path, info, crf) as writer:
        for frame in prefetched(frames, _AHEAD):
            writer.write(frame.dubbed)
            change = abs(frame.opening - float(source[len(openings)]))
            telling.offer(len(openings), change, frame)
            openings.append(frame.opening)
            outside = max(outside, frame.outside_change)
            progress("rendering", len(openings), len(source))
    return Written(openings, outside, writer.duration, telling.finish())


def source_opening(faces: FilmFaces, scheme: LandmarkScheme) -> np.ndarray:
    """Mouth opening of the film before, (F,) inter-ocular units; NaN without a face."""
    blocks = []
    for first in range(0, len(faces.landmarks), 1000):
        block = np.asarray(faces.landmarks[first : first + 1000])
        blocks.append(aperture(block, scheme) / inter_ocular(block, scheme))
    return np.concatenate(blocks).astype(np.float64)


def mouth_curve(
    faces: FilmFaces, asked: np.ndarray, source: np.ndarray, audio: np.ndarray, fps: float
) -> MouthCurve:
    """Opening of the mouth, asked and before, over the loudness of the speech."""
    times = np.array([float(start) for start in faces.starts])
    loudness = loudness_dbfs(audio, times, 1 / fps).astype(np.float64)
    return MouthCurve(times, asked, source, loudness)


def frame_pairs(
    telling: Sequence[DubbedFrame], faces: FilmFaces, scheme: LandmarkScheme
) -> tuple[FramePair, ...]:
    """Some frames before and after, as they went into the encoder."""
    lips = list(scheme.lips)
    return tuple(
        FramePair(
            faces.starts[frame.source.index],
            squared(as_rgb(frame.source.planes), faces.pixel_aspect),
            squared(as_rgb(frame.dubbed.planes), faces.pixel_aspect),
            mouth_box(np.asarray(faces.landmarks[frame.source.index, lips])),
        )
        for frame in telling
    )


def checks(
    info: VideoInfo, faces: FilmFaces, film: Path, written: Written, mark: str
) -> dict[str, Check]:
    """What must hold for every dub, read back from the finished film."""
    made, comment = probe_video(film), read_comment(film)
    starts = frame_starts(film)
    expected, frames = len(faces.starts), len(starts)
    return {
        "frame count": Check(frames == expected, f"{frames} frames, the source has {expected}"),
        "timestamps": _timestamps(starts, faces.starts),
        # Where the rate varies it is but a mean, of which each container has its own idea.
        "frame rate": Check(
            made.fps == info.fps or not (made.steady and info.steady),
            f"{made.fps} frames/s, the source {info.fps}"
            + ("" if info.steady else "; it varies, the timestamps count"),
        ),
        "size": Check(
            (made.width, made.height, made.aperture) == (info.width, info.height, info.aperture),
            f"{_size(made)}, the source {_size(info)}",
        ),
        "outside the mask": Check(
            written.outside_change == 0,
            f"largest change of a sample before encoding: {written.outside_change}",
        ),
        # Where chroma lies in its pixels is written, but cannot be read back.
        "colours": Check(
            made.layout.name == info.layout.name and _tags(made) == _tags(info),
            f"{made.layout.name}, tags {_tags(made)}; the source {info.layout.name}, {_tags(info)}",
        ),
        "marked as synthetic": Check(comment == mark, comment),
    }


def _size(info: VideoInfo) -> str:
    shown = info.aperture
    part = f" of which {shown.width} x {shown.height} are shown" if shown else ""
    return f"{info.width} x {info.height}{part}"


def _timestamps(made: Sequence[Fraction], source: Sequence[Fraction]) -> Check:
    """Whether every frame is shown when the source shows it, to the unit of its clock."""
    off = [
        place for place, pair in enumerate(zip(made, source, strict=False)) if len(set(pair)) > 1
    ]
    if not off:
        return Check(len(made) == len(source), f"all {len(source)} are those of the source")
    first = off[0]
    return Check(
        False,
        f"{len(off)} differ, first that of frame {first}: {float(made[first]):.4f} s,"
        f" in the source {float(source[first]):.4f} s",
    )


def failed_checks(found: Mapping[str, Check], film: Path) -> MytalkError | None:
    """The error that a dub ends with where a check failed; None where all hold."""
    failed = [f"{name} ({check.text})" for name, check in found.items() if not check.ok]
    if not failed:
        return None
    return MytalkError(
        f"the dubbed film failed its own checks and was not kept: {'; '.join(failed)}.",
        reason=Reason.CHECK_FAILED,
        where=str(film),
        remedy="This is a bug in mytalk; please report it with what the film is.",
    )


def _tags(info: VideoInfo) -> str:
    """Matrix, primaries, transfer and range by their numbers in ITU-T H.273.

    A range that goes unsaid is the limited one.
    """
    tags = replace(info.colour, range=info.colour.range or LIMITED)
    return "/".join(str(tag) for tag in astuple(tags))
