"""Probe a media file: size, rate, duration, streams. Reads headers and one frame."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import av.stream
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.clean_aperture import CleanAperture, read_clean_aperture
from mytalk_core.media.clock import frame_count
from mytalk_core.media.colour import UNTAGGED, ColourTags
from mytalk_core.media.container import open_container
from mytalk_core.media.film_clock import film_clock
from mytalk_core.media.hdr import NO_HDR, HdrMetadata, hdr_of
from mytalk_core.media.orientation import orientation_of
from mytalk_core.media.plane_reader import missing_pixels, planar_tags, upright_layout
from mytalk_core.media.planes import DEFAULT_LAYOUT, PlaneLayout
from mytalk_core.media.stream_choice import (
    PLAYERS_CHOICE,
    StreamChoice,
    choose_audio,
    track_number,
    track_text,
)
from mytalk_core.media.video_stream import (
    decoded_frames,
    open_video,
    pixel_aspect,
    time_base,
)

_MICROSECOND = Fraction(1, av.time_base)

# FFmpeg's name of a channel without a position.
_UNPLACED = "NONE"

# FFmpeg's field orders from this one on are interlaced; those below are progressive and unknown.
_INTERLACED_ORDERS = 2

# Seconds; limit of reading a file that states no duration.
_LONGEST_MEASURED = Fraction(24 * 3600)


@dataclass(frozen=True)
class Tracks:
    """The tracks of a film in use, described for the user."""

    picture: str = ""  # such as "2 of 2 (h264, 720 x 576, default)"
    sound: str = ""  # empty without sound


@dataclass(frozen=True)
class VideoInfo:
    """The video stream of a file as displayed (rotation applied)."""

    path: str
    width: int  # pixels
    height: int  # pixels
    fps: Fraction  # nominal frames per second; the average where the rate varies
    duration: Fraction  # seconds, as stated by the file
    frame_estimate: int  # from the header or from duration x fps; decoding counts exactly
    has_audio: bool
    codec: str  # FFmpeg's name of the decoder, such as "h264"
    pixel_format: str  # FFmpeg's name, such as "yuv420p"
    time_base: Fraction  # seconds per unit of a frame's pts
    start: Fraction = Fraction(0)  # seconds from the container's start to the first frame
    colour: ColourTags = UNTAGGED  # of the film, or of the planes that RGB is converted to
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel over its height
    layout: PlaneLayout = DEFAULT_LAYOUT
    hdr: HdrMetadata = NO_HDR
    steady: bool = True  # whether the rate is constant, as far as the file was read
    index: int = 0  # stream index in the file
    choice: StreamChoice = PLAYERS_CHOICE  # the tracks that were probed, to read them again
    tracks: Tracks = Tracks()  # the same for the user
    interlaced: bool = False  # by the stream's field order or the first frame's flag
    has_alpha: bool = False
    even: bool = False  # whether odd sides are extended to even ones
    aperture: CleanAperture | None = None  # the area that players show; None: all of the picture

    @property
    def loses_subsampling(self) -> bool:
        """Return whether odd sides force reading with more chroma samples than are stored."""
        kind = av.VideoFormat(self.pixel_format)
        subsampled = kind.chroma_width(64) < 64 or kind.chroma_height(64) < 64
        odd = self.width % 2 or self.height % 2
        return bool(odd and subsampled and self.layout.step_x == self.layout.step_y == 1)


@dataclass(frozen=True)
class AudioInfo:
    """The audio stream of a file."""

    path: str
    sample_rate: int  # Hz
    channels: int
    duration: Fraction  # seconds, as stated by the file
    codec: str  # FFmpeg's name of the decoder, such as "aac"
    index: int  # stream index in the file, from 0
    track: int  # number among the audio tracks, from 1
    tracks: str = ""  # for the user, such as "2 of 3 (aac, 48000 Hz, 2 channels)"
    places: tuple[str, ...] = ()  # positions of the channels, from `places_of`

    @property
    def layout(self) -> str:
        """Return FFmpeg's description of the channel positions, such as "FL+FR"."""
        return "+".join(self.places)


def probe_video(
    path: str | Path, choice: StreamChoice = PLAYERS_CHOICE, even: bool = False
) -> VideoInfo:
    """Probe the video stream of `path`.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, NOT_MEDIA, NO_VIDEO_STREAM, NO_FRAMES
            (a stream without a frame), DECODE_ERROR (its first frame does not decode) or
            BAD_CONFIGURATION (a track of `choice` does not exist).
    """
    # With more threads the first frame has a longer delay.
    with open_video(Path(path), threads=1, choice=choice) as (container, stream):
        sound = choose_audio(container, Path(path), choice)
        clock = film_clock(Path(path), stream.index)
        fps = clock.rate.fps
        duration = clock.seconds or _duration(container, stream, Path(path))
        frame = next(decoded_frames(container, stream, Path(path))).frame
        columns, rows = missing_pixels(frame, even)
        width, height = frame.width + columns, frame.height + rows
        if orientation_of(frame).swaps_sides:
            width, height = height, width
        return VideoInfo(
            path=str(path),
            width=width,
            height=height,
            fps=fps,
            duration=duration,
            frame_estimate=clock.frames or stream.frames or frame_count(duration, fps),
            has_audio=sound is not None,
            codec=stream.codec_context.name,
            pixel_format=frame.format.name,
            time_base=time_base(stream),
            start=_start(container, (frame.pts or 0) * time_base(stream)),
            colour=planar_tags(frame),
            pixel_aspect=pixel_aspect(stream, frame),
            layout=upright_layout(frame, stream.codec_context.name, even),
            hdr=hdr_of(frame),
            steady=clock.rate.steady,
            index=stream.index,
            choice=StreamChoice(
                track_number(container, stream), track_number(container, sound) if sound else None
            ),
            tracks=Tracks(
                track_text(container, stream), track_text(container, sound) if sound else ""
            ),
            interlaced=frame.interlaced_frame
            or stream.codec_context.field_order >= _INTERLACED_ORDERS,
            has_alpha=_has_alpha(frame, stream),
            even=even,
            aperture=_aperture(container, frame, columns, rows, Path(path)),
        )


def _aperture(
    container: InputContainer, frame: av.VideoFrame, columns: int, rows: int, path: Path
) -> CleanAperture | None:
    """Return the area of the upright picture that players show, without the extension."""
    part = read_clean_aperture(path) if "mp4" in container.format.name else None
    if columns or rows:
        part = part or CleanAperture(Fraction(frame.width), Fraction(frame.height))
        part = replace(
            part, right=part.right - Fraction(columns, 2), down=part.down - Fraction(rows, 2)
        )
    return part.upright(orientation_of(frame)) if part else None


def _has_alpha(frame: av.VideoFrame, stream: VideoStream) -> bool:
    """Return whether pixels have alpha, in their format or in a separate layer (VP8, VP9).

    A palette's alpha does not count: most decoders make it up.
    """
    beside = stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE", "0")) == "1"
    kind = frame.format
    return beside or (any(part.is_alpha for part in kind.components) and not kind.has_palette)


def probe_audio(path: str | Path, choice: StreamChoice = PLAYERS_CHOICE) -> AudioInfo:
    """Probe the audio stream of `path`, which may be a film.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, NOT_MEDIA, NO_AUDIO_STREAM or
            BAD_CONFIGURATION (the track of `choice` does not exist).
    """
    with open_container(Path(path)) as container:
        stream = choose_audio(container, Path(path), choice)
        if stream is not None:
            return AudioInfo(
                path=str(path),
                sample_rate=stream.codec_context.sample_rate,
                channels=stream.codec_context.channels,
                duration=_duration(container, stream, Path(path)),
                codec=stream.codec_context.name,
                index=stream.index,
                track=track_number(container, stream),
                tracks=track_text(container, stream),
                places=places_of(stream),
            )
    raise BadInputError(
        "has no audio stream.",
        reason=Reason.NO_AUDIO_STREAM,
        where=str(path),
        remedy="Give a file with audio.",
    )


def places_of(stream: AudioStream) -> tuple[str, ...]:
    """Return FFmpeg's names of the channel positions, such as "FL"; "" where unknown.

    One channel or two without positions are mono or stereo.
    """
    names = [channel.name for channel in stream.codec_context.layout.channels]
    if _UNPLACED in names and len(names) <= 2:
        return ("FC",) if len(names) == 1 else ("FL", "FR")
    return tuple("" if name == _UNPLACED else name for name in names)


def read_comment(path: str | Path) -> str:
    """Return the comment tag of a media file; empty where it has none.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE or NOT_MEDIA.
    """
    with open_container(Path(path)) as container:
        # Matroska writes the names of tags in capitals.
        tags = {name.lower(): text for name, text in container.metadata.items()}
        return tags.get("comment", "")


def _start(container: InputContainer, first_frame: Fraction) -> Fraction:
    """Return the seconds from the container's start to `first_frame` on the container's clock."""
    return max(Fraction(0), first_frame - (container.start_time or 0) * _MICROSECOND)


def stated_duration(container: InputContainer, stream: av.stream.Stream) -> Fraction:
    """Return the stream's duration in seconds from its or the container's header; 0 if unknown."""
    if stream.duration:
        return stream.duration * time_base(stream)
    return (container.duration or 0) * _MICROSECOND


def _duration(container: InputContainer, stream: av.stream.Stream, path: Path) -> Fraction:
    """Return the stream's duration in seconds: the stated one, or else that of its packets."""
    return stated_duration(container, stream) or _measured_duration(path, stream.index)


def _measured_duration(path: Path, index: int) -> Fraction:
    """Return the seconds from the first packet's start to the last one's end.

    For files without a stated duration, such as browser recordings. Reads at most
    `_LONGEST_MEASURED` of the file and decodes nothing.
    """
    with open_container(path) as container:
        stream = container.streams[index]
        most = _LONGEST_MEASURED / time_base(stream)
        first: int | None = None
        end = 0
        for packet in container.demux(stream):
            start = end if packet.pts is None else packet.pts
            first = start if first is None else min(first, start)
            end = max(end, start + (packet.duration or 0))
            if end - first > most:
                break
        return (end - (first or 0)) * time_base(stream)
