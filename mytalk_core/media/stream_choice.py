"""Choose the video and audio stream of a file: those that players choose, or by track number."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

import av.error
import av.stream
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.container import open_container
from mytalk_core.media.file_identity import FileIdentity

# Auxiliary streams, used only where the file has no other stream of their kind.
_STILLS: Final = Disposition.still_image | Disposition.timed_thumbnails
_SIDE_SOUND: Final = (
    Disposition.comment
    | Disposition.visual_impaired
    | Disposition.hearing_impaired
    | Disposition.descriptions
    | Disposition.karaoke
    | Disposition.lyrics
    | Disposition.clean_effects
    | Disposition.non_diegetic
)
_PARTS: Final = Disposition.dependent

# A stream with a single packet while another has this many is a still image; packets read at most
# to find out.
_ENOUGH_PACKETS = 25
_MOST_PACKETS = 2000

# Streams shorter than this share of the longest of their kind are no candidates.
_LEAST_SHARE = 0.5

_Stream = TypeVar("_Stream", VideoStream, AudioStream)


@dataclass(frozen=True)
class StreamChoice:
    """Track numbers in a file, each counted from 1 among the tracks of its kind."""

    video: int | None = None  # None: the track that players show
    audio: int | None = None  # None: the track that players play


PLAYERS_CHOICE: Final = StreamChoice()


def choose_video(
    container: InputContainer, path: Path, choice: StreamChoice = PLAYERS_CHOICE
) -> VideoStream:
    """Return the video stream of `choice`; by default the one that players show.

    Preferred, in this order: moving pictures, the default disposition, a duration close to the
    longest, the most pixels, the first stream. Attached pictures are never chosen by default.

    Raises:
        BadInputError: NO_VIDEO_STREAM; BAD_CONFIGURATION where `choice` names no usable track.
    """
    streams = container.streams.video
    if choice.video is not None:
        return _numbered(streams, choice.video, "video", path)
    candidates = [
        stream
        for stream in streams
        # Streams with a codec unknown to FFmpeg have no context.
        if stream.codec_context and not stream.disposition & Disposition.attached_pic
    ]
    if not candidates:
        raise BadInputError(
            "has no video stream.",
            reason=Reason.NO_VIDEO_STREAM,
            where=str(path),
            remedy="Give a file with video.",
        )
    if len(candidates) == 1:
        return candidates[0]
    packets = Counter(dict(_first_packets(FileIdentity.of(path))))
    busiest = max(packets.values(), default=0)

    def rank(stream: VideoStream) -> tuple[bool, bool, bool, bool, int]:
        still = packets[stream.index] <= 1 and busiest >= _ENOUGH_PACKETS
        return (
            not still and not stream.disposition & (_STILLS | _PARTS),
            bool(stream.disposition & Disposition.default),
            _lasts(stream, candidates),
            bool(stream.width),
            stream.width * stream.height,
        )

    return max(candidates, key=rank)


def choose_audio(
    container: InputContainer, path: Path, choice: StreamChoice = PLAYERS_CHOICE
) -> AudioStream | None:
    """Return the audio stream of `choice`; by default the one that players play; None without one.

    Preferred, in this order: decodable, in the video stream's program, the default disposition, no
    commentary or description, a duration close to the longest, the first stream.

    Raises:
        BadInputError: BAD_CONFIGURATION where `choice` names no usable track.
    """
    streams = container.streams.audio
    if choice.audio is not None:
        return _numbered(streams, choice.audio, "audio", path)
    candidates = [stream for stream in streams if stream.codec_context]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    of_program = _of_program(container, path, choice)

    def rank(stream: AudioStream) -> tuple[bool, bool, bool, bool, bool]:
        return (
            bool(stream.codec_context.sample_rate),
            stream.index == of_program,
            bool(stream.disposition & Disposition.default),
            not stream.disposition & (_SIDE_SOUND | _PARTS),
            _lasts(stream, candidates),
        )

    return max(candidates, key=rank)


def track_number(container: InputContainer, stream: av.stream.Stream) -> int:
    """Return the number of a stream as in `StreamChoice`."""
    kind = container.streams.video if stream.type == "video" else container.streams.audio
    return 1 + [each.index for each in kind].index(stream.index)


def track_text(container: InputContainer, stream: VideoStream | AudioStream) -> str:
    """Return a stream's number, the count of its kind and its properties, for the user."""
    kind = container.streams.video if stream.type == "video" else container.streams.audio
    return f"{track_number(container, stream)} of {len(kind)} ({described(stream)})"


def described(stream: VideoStream | AudioStream) -> str:
    """Describe a stream for the user: codec, size or rate, language, title, dispositions."""
    context = stream.codec_context
    facts = [context.name if context else "a codec unknown to FFmpeg"]
    if context and isinstance(stream, VideoStream):
        facts.append(f"{stream.width} x {stream.height}")
    elif context and isinstance(stream, AudioStream):
        channels = stream.channels
        facts += [f"{stream.sample_rate} Hz", f"{channels} channel{'s' * (channels != 1)}"]
    facts += [stream.metadata[tag] for tag in ("language", "title") if stream.metadata.get(tag)]
    facts += [str(each.name).replace("_", " ") for each in Disposition if stream.disposition & each]
    return ", ".join(facts)


def _numbered(streams: Sequence[_Stream], number: int, kind: str, path: Path) -> _Stream:
    if 1 <= number <= len(streams) and streams[number - 1].codec_context:
        return streams[number - 1]
    listed = "; ".join(f"{place} ({described(each)})" for place, each in enumerate(streams, 1))
    raise BadInputError(
        f"has no {kind} track {number} that can be decoded. "
        + (f"Its {kind} tracks: {listed}." if streams else f"It has no {kind} track at all."),
        reason=Reason.BAD_CONFIGURATION,
        where=str(path),
        remedy="Give one of these numbers." if streams else "",
    )


def _lasts(stream: av.stream.Stream, among: Iterable[av.stream.Stream]) -> bool:
    """Return whether a stream is about as long as the longest, by the headers."""
    length = _seconds(stream)
    return not length or length >= _LEAST_SHARE * max(_seconds(each) for each in among)


def _seconds(stream: av.stream.Stream) -> float:
    """Return the duration of a stream in seconds by its header; 0 where it states none."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska states a track's duration in a tag, as hours:minutes:seconds.
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return 0.0
    return hours * 3600 + minutes * 60 + seconds


def _of_program(container: InputContainer, path: Path, choice: StreamChoice) -> int | None:
    """Return the index of the audio stream in the video's program, for multi-program MPEG-TS."""
    if container.format.name != "mpegts" or len(container.streams.video) < 2:
        return None
    best = container.streams.best("audio", related=choose_video(container, path, choice))
    return best.index if best else None


@lru_cache(maxsize=64)
def _first_packets(file: FileIdentity) -> tuple[tuple[int, int], ...]:
    """Count the packets of each video stream near the file's start: (stream index, packets)."""
    seen: Counter[int] = Counter()
    path = Path(file.path)
    with open_container(path) as container:
        try:
            for packet in container.demux(container.streams.video):
                if packet.size:
                    seen[packet.stream_index] += 1
                if seen[packet.stream_index] >= _ENOUGH_PACKETS or seen.total() >= _MOST_PACKETS:
                    break
        except av.error.FFmpegError:
            pass  # reported where the chosen stream is read
    return tuple(seen.items())
