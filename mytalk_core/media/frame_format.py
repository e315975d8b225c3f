"""The picture format that the frames of a film share, and the error where it changes."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.colour import LIMITED, UNSPECIFIED, ColourTags, scaler_matrix, tags_of
from mytalk_core.media.orientation import Orientation, orientation_of

_DEINTERLACE = (
    "Deinterlace the film first, for example with ffmpeg -vf bwdif=mode=send_field; if both fields"
    " of a frame show the same instant (PsF), mark it as progressive with ffmpeg -vf setfield=prog."
)


@dataclass(frozen=True)
class FrameFormat:
    """The storage format of a film's frames."""

    width: int  # pixels, before rotation
    height: int  # pixels
    pixel_format: str  # FFmpeg's name
    pixel_aspect: Fraction  # width of a pixel over its height
    orientation: Orientation
    colour: ColourTags
    interlaced: bool  # by the frame's own flag


def format_of(frame: av.VideoFrame, stream: VideoStream) -> FrameFormat:
    """Return the format of a frame just decoded from the stream."""
    return FrameFormat(
        frame.width,
        frame.height,
        frame.format.name,
        stream.codec_context.sample_aspect_ratio or Fraction(1),
        orientation_of(frame),
        tags_of(frame),
        frame.interlaced_frame,
    )


def check_same_format(first: FrameFormat, now: FrameFormat, time: Fraction, path: Path) -> None:
    """Check that a frame, `time` seconds after the first, has the same format as the first.

    An interlaced film may contain progressive frames.

    Raises:
        BadInputError: FORMAT_CHANGES or INTERLACED.
    """
    if first == now:
        return
    changes = [
        f"{name} from {old} to {new}"
        for name, old, new in (
            ("size", f"{first.width}x{first.height}", f"{now.width}x{now.height}"),
            ("pixel format", first.pixel_format, now.pixel_format),
            ("pixel aspect ratio", first.pixel_aspect, now.pixel_aspect),
            ("orientation", _words(first.orientation), _words(now.orientation)),
            ("colour tags", _meaning(first, now), _meaning(now, first)),
        )
        if old != new
    ]
    if changes:
        raise BadInputError(
            f"its picture format changes about {float(time):.2f} s after the start:"
            f" {', '.join(changes)}.",
            reason=Reason.FORMAT_CHANGES,
            where=str(path),
            remedy="Convert it to one format, or cut it there into two films.",
        )
    if now.interlaced and not first.interlaced:
        raise interlaced_error(path, time)


def interlaced_error(path: Path, time: Fraction = Fraction(0)) -> BadInputError:
    """Return the error for a film whose first interlaced frame is `time` seconds in."""
    where = f", from about {float(time):.2f} s on" if time else ""
    return BadInputError(
        f"is marked as interlaced{where}: each frame holds two fields of different times,"
        " which lips drawn once a frame would not follow.",
        reason=Reason.INTERLACED,
        where=str(path),
        remedy=_DEINTERLACE,
    )


def _words(orientation: Orientation) -> str:
    mirror = " mirrored" if orientation.mirrored else ""
    return f"{90 * orientation.turns} degrees{mirror}"


def _meaning(frame_format: FrameFormat, other: FrameFormat) -> tuple[int, ...]:
    """Return the tags with defaults; a tag that either frame leaves open counts as equal."""
    tags, others = frame_format.colour, other.colour
    open_tags = (tags.primaries, others.primaries), (tags.transfer, others.transfer)
    return (
        scaler_matrix(tags, frame_format.width, frame_format.height),
        *(UNSPECIFIED if UNSPECIFIED in pair else pair[0] for pair in open_tags),
        tags.range or LIMITED,
    )
