"""Pictures of the sample title, built from the sample clips and cards."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import ffmpeg
import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.sample_story import FPS, HEIGHT, WIDTH, StoryShot, View
from mytalk_core.media.ffmpeg_program import local_input, run

_DIVIDER = 4  # pixels between two people
_DARK, _LIGHT = (40, 36, 32), (225, 225, 225)  # BGR
_FONT, _FONT_SCALE, _LINE_HEIGHT = cv2.FONT_HERSHEY_DUPLEX, 0.7, 34


def write_film(
    shots: Sequence[StoryShot], clips: Mapping[str, Path], sound: Path, folder: Path, film: Path
) -> None:
    """Encode shots and a sound as an MP4 file, which is overwritten. Equal input, equal bytes.

    Args:
        clips: sample clips by name.
        folder: for the pictures of cards.

    Raises:
        OSError, FfmpegFailed: as `ffmpeg_program.run`.
    """
    parts = []
    for number, shot in enumerate(shots):
        if shot.card:
            path = folder / f"card{number}.png"
            path.write_bytes(cv2.imencode(".png", card(shot.card))[1].tobytes())
            part = ffmpeg.input(str(path), framerate=str(FPS))
        else:
            part = _side_by_side([_viewed(view, clips[view.clip]) for view in shot.views])
        parts.append(_counted(part, shot.frames))
    picture = ffmpeg.concat(*parts, v=1, a=0)
    output = ffmpeg.output(
        picture,
        ffmpeg.input(str(sound)).audio,
        str(film),
        vcodec="libx264",
        preset="veryfast",
        crf=16,
        g=60,
        threads=2,  # the bytes depend on it
        acodec="aac",
        audio_bitrate="160k",
        movflags="+faststart",
        color_range="tv",
        fflags="+bitexact",
        flags="+bitexact",
        **{"metadata:s:a:0": "language=eng"},
    )
    run(ffmpeg.get_args(output))


def card(lines: Sequence[str]) -> NDArray[np.uint8]:
    """A picture with lines of text in its middle, (HEIGHT, WIDTH, 3) BGR."""
    picture = np.full((HEIGHT, WIDTH, 3), _DARK, np.uint8)
    top = (HEIGHT - _LINE_HEIGHT * len(lines)) // 2
    for number, line in enumerate(lines, start=1):
        (width, _), _ = cv2.getTextSize(line, _FONT, _FONT_SCALE, 1)
        place = ((WIDTH - width) // 2, top + _LINE_HEIGHT * number - _LINE_HEIGHT // 3)
        cv2.putText(picture, line, place, _FONT, _FONT_SCALE, _LIGHT, 1, cv2.LINE_AA)
    return picture


def _viewed(view: View, clip: Path) -> Any:
    """A view at the rate and height of the film, from its first frame on."""
    width, height, left, top = view.crop
    picture = (
        local_input(clip)
        .video.filter("trim", start=_seconds(view.start))
        .filter("setpts", "PTS-STARTPTS")
        .filter("fps", str(FPS))
        .filter("crop", width, height, left, top)
        .filter(
            "scale",
            HEIGHT * width // height,
            HEIGHT,
            flags="lanczos+accurate_rnd",
            out_range="tv",
        )
        .filter("setsar", 1)
        # One clip states no range: without it, the program converts one of two views.
        .filter("format", "yuv420p")
        .filter("setparams", range="tv", colorspace="smpte170m")
    )
    if view.rocking is None:
        return picture
    halves = picture.filter("trim", end_frame=view.rocking).filter_multi_output("split")
    both = ffmpeg.concat(halves[0], halves[1].filter("reverse"), v=1, a=0)
    return both.filter("loop", loop=-1, size=2 * view.rocking).filter("setpts", f"N/({FPS}*TB)")


def _side_by_side(views: Sequence[Any]) -> Any:
    if len(views) == 1:
        return views[0]
    joined = ffmpeg.filter(views, "hstack", inputs=len(views))
    return joined.drawbox((WIDTH - _DIVIDER) // 2, 0, _DIVIDER, HEIGHT, "0x202428", t="fill")


def _counted(picture: Any, frames: int) -> Any:
    """Exactly so many frames of a picture; the last one is repeated where it is too short."""
    return (
        picture.filter("tpad", stop_mode="clone", stop=frames)
        .filter("trim", end_frame=frames)
        .filter("setpts", f"N/({FPS}*TB)")
        .filter("format", "yuv420p")
    )


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6f}"
