"""The tracks of a film that its dub carries on, and what the dub's container cannot hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.stream import DataStream, Disposition, Stream

from mytalk_core.media.container import open_container
from mytalk_core.media.film_clock import film_clock
from mytalk_core.media.film_container import FilmContainer, film_container
from mytalk_core.media.language_codes import UNDETERMINED
from mytalk_core.media.probe import VideoInfo

# Subtitles of these codecs are text, which can be converted; those of the others are pictures or
# commands of a broadcast.
_TEXT: Final = frozenset(
    {"subrip", "srt", "mov_text", "webvtt", "text", "ass", "ssa", "stl", "microdvd", "subviewer"}
)
_STYLED: Final = frozenset({"ass", "ssa"})

_TIMED: Final = ("audio", "subtitle")
_COPY: Final = "copy"

# FFmpeg's name of the track that holds the titles of chapters in MP4 and QuickTime.
_CHAPTER_TITLES: Final = "bin_data"


class TrackKind(StrEnum):
    """What a carried track is, by FFmpeg's name of its type."""

    SOUND = "audio"
    SUBTITLES = "subtitle"
    COVER = "video"
    ATTACHMENT = "attachment"


@dataclass(frozen=True)
class CarriedTrack:
    """A track of the film that the dub has too."""

    index: int  # of the stream in the film
    kind: TrackKind
    codec: str  # "copy", or FFmpeg's name of what it is converted to
    dispositions: tuple[str, ...]  # FFmpeg's names
    language: str  # as the film has it; "und" without one
    title: str  # empty without one


@dataclass(frozen=True)
class CarriedTracks:
    """Everything besides the picture that a dub takes from its film."""

    tracks: tuple[CarriedTrack, ...]  # in the order of the film
    timecode: str  # of the first frame, such as "01:00:00:00"; empty without one
    chapters: tuple["Chapter", ...]
    start: Fraction  # seconds from the film's start on its own clock to the clock's zero
    losses: tuple[str, ...]  # one sentence each, for the user


@dataclass(frozen=True)
class Chapter:
    """A chapter of a film."""

    start: Fraction  # seconds on the clock of the file
    end: Fraction  # seconds
    title: str  # empty without one


def delivery_losses(source: VideoInfo, out: Path) -> tuple[str, ...]:
    """Return what a dub named `out` loses of its film, one sentence each; empty if nothing.

    Reads headers only, so it can be said before any work.

    Raises:
        BadInputError: as `film_container`, and as `open_container` for the film.
    """
    return carried_tracks(source, film_container(out)).losses


def carried_tracks(source: VideoInfo, container: FilmContainer) -> CarriedTracks:
    """Return what a container takes from a film.

    Raises:
        BadInputError: as `open_container`.
    """
    path = Path(source.path)
    jumps = any(film_clock(path, source.index).jumps.values())
    with open_container(path) as film:
        tracks, losses = [], []
        for stream in film.streams:
            if stream.index == source.index or _is_written_again(stream, film):
                continue
            codec, why = _carried_as(stream, container, jumps)
            if codec:
                tracks.append(_track(stream, codec))
            if why:
                losses.append(f"{_described(film, stream)}: {why}.")
        timecode = _timecode(film, source.index)
        if timecode and not source.steady:
            losses.append(f"start timecode {timecode}: not kept, as the frame rate varies.")
            timecode = ""
        if _tag(film.metadata, "comment"):
            losses.append("comment of the file: replaced by the mark of synthetic speech.")
        return CarriedTracks(
            tracks=tuple(tracks),
            timecode=timecode,
            chapters=read_chapters(film),
            start=Fraction(film.start_time or 0, av.time_base),
            losses=tuple(losses),
        )


def read_chapters(container: InputContainer) -> tuple[Chapter, ...]:
    """Return the chapters of an open file."""
    return tuple(
        Chapter(
            start=each["start"] * Fraction(each["time_base"] or 0),
            end=each["end"] * Fraction(each["time_base"] or 0),
            title=each["metadata"].get("title", ""),
        )
        for each in container.chapters()
    )


def title_of(stream: Stream) -> str:
    """Return the title of a track; empty without one. MP4 and QuickTime call it a name."""
    return _tag(stream.metadata, "title") or _tag(stream.metadata, "name")


def language_of(stream: Stream) -> str:
    """Return the language of a track as the file states it; "und" where it does not."""
    return _tag(stream.metadata, "language") or UNDETERMINED


def _carried_as(stream: Stream, container: FilmContainer, jumps: bool) -> tuple[str, str]:
    """Return as what a stream is carried, empty where it is not, and what is lost, if anything."""
    codec = stream.codec_context.name if stream.codec_context else ""
    cannot_hold = "", f"not copied, as {container.name} cannot hold it"
    if stream.type in _TIMED and jumps:
        return "", "not copied, as the timestamps of the film jump"
    if stream.type == "audio":
        return (_COPY, "") if container.holds(codec) else cannot_hold
    if stream.type == "subtitle":
        if container.holds(codec):
            return _COPY, ""
        if codec not in _TEXT:
            return cannot_hold
        return container.text, "its styles are lost" if codec in _STYLED else ""
    if stream.type == "attachment":
        return (_COPY, "") if container.attachments else cannot_hold
    if stream.type == "video" and stream.disposition & Disposition.attached_pic:
        return (_COPY, "") if container.covers and container.holds(codec) else cannot_hold
    return "", "not copied"


def _is_written_again(stream: Stream, film: InputContainer) -> bool:
    """Whether a data stream holds the start timecode or the titles of chapters."""
    if not isinstance(stream, DataStream):
        return False
    titles = stream.name == _CHAPTER_TITLES and film.chapters()
    return bool(titles or _tag(stream.metadata, "timecode"))


def _track(stream: Stream, codec: str) -> CarriedTrack:
    return CarriedTrack(
        index=stream.index,
        kind=TrackKind(stream.type),
        codec=codec,
        dispositions=tuple(
            str(each.name) for each in Disposition if each.name and stream.disposition & each
        ),
        language=language_of(stream),
        title=title_of(stream),
    )


def _timecode(film: InputContainer, video: int) -> str:
    """Return the timecode of the first frame, from the picture, a timecode track or the file."""
    places = [film.streams[video], *film.streams.data]
    found = [_tag(place.metadata, "timecode") for place in places]
    return next(filter(None, [*found, _tag(film.metadata, "timecode")]), "")


def _described(film: InputContainer, stream: Stream) -> str:
    """Describe a stream for the user, such as "subtitle track 2 (dvdsub, ger)"."""
    same = [each.index for each in film.streams if each.type == stream.type]
    facts = [
        stream.codec_context.name if stream.codec_context else "",
        _tag(stream.metadata, "language"),
        title_of(stream),
        _tag(stream.metadata, "filename"),
        _tag(stream.metadata, "handler_name") if stream.type == "data" else "",
    ]
    known = ", ".join(filter(None, facts))
    number = same.index(stream.index) + 1
    return f"{stream.type} track {number}" + (f" ({known})" if known else "")


def _tag(metadata: Mapping[str, str], name: str) -> str:
    """Return a tag, whatever the case of its name; Matroska writes most of them in capitals."""
    return next((text for key, text in metadata.items() if key.lower() == name), "")
