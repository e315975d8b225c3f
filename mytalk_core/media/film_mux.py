"""Write a finished film: the picture, the sound of the dub, and what the source has besides.

A film starts on the clock of its source, so that picture, own sound and subtitles are as far apart
as they are there. The picture's and the own tracks' packets are copied. Where packets of the source
pass into the picture too, they do so in `pieces`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Final

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.carried_tracks import CarriedTrack, CarriedTracks, TrackKind, carried_tracks
from mytalk_core.media.container import file_url, open_container
from mytalk_core.media.ffmpeg_program import FfmpegFailed, copied_input, run
from mytalk_core.media.film_container import FilmContainer, film_container
from mytalk_core.media.language_codes import bibliographic, iso_639_2
from mytalk_core.media.output import atomic_path, work_folder
from mytalk_core.media.probe import VideoInfo, probe_video
from mytalk_core.media.sound_track import SAMPLE_RATE, DubSound, encode_sound
from mytalk_core.media.track_language import write_languages

_NOTHING: Final = CarriedTracks((), "", (), Fraction(0), ())

# Units per second of an MP4 file's clock, which places the start of each track: at most.
_FINEST_CLOCK: Final = 2**31 - 1

# Tags of a source's file that describe its container.
_OF_CONTAINER: Final = ("major_brand", "minor_version", "compatible_brands", "encoder", "timecode")


@dataclass(frozen=True)
class _Parts:
    """What a film is made of."""

    picture: VideoInfo
    sounds: Sequence[tuple[DubSound, Path]]  # with its encoded file
    source: VideoInfo | None
    carried: CarriedTracks
    container: FilmContainer


def write_film(
    picture: Path,
    sounds: Sequence[DubSound],
    source: VideoInfo | None,
    out: Path,
    length: Fraction,
    comment: str,
) -> None:
    """Write `out`, MP4, QuickTime or Matroska by its suffix.

    The sounds of the dub come first, and the first of them is the default: the lips follow it.
    After them come the source's sound tracks, subtitles, cover picture and attachments, with its
    chapters, start timecode and tags, as far as the container holds them (`delivery_losses`).

    The dub is AAC in MP4 (192 kbit/s, above two channels 96 for each), 24-bit PCM in QuickTime and
    24-bit FLAC in Matroska, at 48 kHz. It starts with the first frame, exactly to the sample but in
    Matroska, which counts milliseconds, and is cut or padded with silence to `length`.

    Args:
        picture: a file of `VideoWriter` or `join_pieces`; its first frame is at 0.
        source: the film that was dubbed; None: the film has the sounds of the dub only.
        length: seconds from the start of the first frame to the end of the last.
        comment: the file's comment tag, where synthetic speech is declared.

    Raises:
        BadInputError: as `film_container`, `probe_video` for the picture and `probe_audio` for the
            sounds; DECODE_ERROR where a sound or a track
            of the source is damaged.
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
    """
    container = film_container(out)
    carried = carried_tracks(source, container) if source else _NOTHING
    with work_folder(out) as folder, atomic_path(out) as temporary:
        encoded = []
        for number, sound in enumerate(sounds):
            path = folder / f"{number}{out.suffix}"
            encode_sound(sound, container, length, path)
            encoded.append((sound, path))
        parts = _Parts(probe_video(picture), encoded, source, carried, container)
        written = ["-metadata", f"comment={comment}", file_url(temporary)]
        try:
            run([*_inputs(parts), *_tracks(parts), *_file_options(parts), *written])
        except FfmpegFailed as error:
            raise BadInputError(
                f"its tracks cannot be copied to {container.name}: {error}.",
                reason=Reason.DECODE_ERROR,
                where=source.path if source else str(sounds[0].path),
            ) from error
        if container.muxer == "mov":
            own = [track.language for track in carried.tracks]  # QuickTime has no covers
            languages = ["", *(sound.language for sound in sounds), *own]
            write_languages(temporary, [iso_639_2(each) for each in languages])


def _inputs(parts: _Parts) -> list[str]:
    """Return the arguments for the inputs: the picture, the sounds, the source."""
    source, offset = parts.source, parts.source.start if parts.source else Fraction(0)
    arguments = ["-copyts", *copied_input(Path(parts.picture.path), offset)]
    for _, path in parts.sounds:
        arguments += copied_input(path, offset)
    if source:
        arguments += copied_input(Path(source.path), -parts.carried.start)
    return arguments


def _tracks(parts: _Parts) -> list[str]:
    """Return the arguments for the tracks, in the order of the film."""
    arguments = ["-map", "0:v:0", "-c:v", "copy"]
    if parts.carried.timecode:
        # The timecode counts at the stated rate. Timestamps stay as they are.
        rate = ["-r:v:0", str(parts.picture.fps), "-video_track_timescale", str(_clock(parts))]
        arguments += [*rate, "-metadata:s:v:0", f"timecode={parts.carried.timecode}"]
    counts = dict.fromkeys(TrackKind, 0) | {TrackKind.COVER: 1}
    for place, (sound, _) in enumerate(parts.sounds):
        arguments += ["-map", f"{place + 1}:a:0", f"-c:a:{place}", "copy"]
        arguments += _named(f"a:{place}", sound.language, sound.title, parts.container)
        flags = (["default"] if not place else []) + (["dub"] if parts.source else [])
        arguments += [f"-disposition:a:{place}", "+".join(flags) or "0"]
    counts[TrackKind.SOUND] = len(parts.sounds)
    source = 1 + len(parts.sounds)
    for track in parts.carried.tracks:
        number = f"{_LETTERS[track.kind]}:{counts[track.kind]}"
        counts[track.kind] += 1
        arguments += ["-map", f"{source}:{track.index}", f"-c:{number}", track.codec]
        if track.kind != TrackKind.ATTACHMENT:
            arguments += _named(number, track.language, track.title, parts.container)
            arguments += [f"-disposition:{number}", _dispositions(track)]
    return arguments


_LETTERS: Final = {
    TrackKind.SOUND: "a",
    TrackKind.SUBTITLES: "s",
    TrackKind.COVER: "v",
    TrackKind.ATTACHMENT: "t",
}


def _named(track: str, language: str, title: str, container: FilmContainer) -> list[str]:
    """Return the arguments for the language and title of a track."""
    tags = {"language": bibliographic(language), "title": title, "handler_name": ""}
    tags |= {"vendor_id": "", "name": ""}  # MP4's, which Matroska would repeat
    if container.muxer != "matroska":
        # Players of MP4 show the name of the handler.
        tags = {"language": iso_639_2(language)} | {
            name: title for name in ("title", "handler_name") if title
        }
    arguments = []
    for name, text in tags.items():
        arguments += [f"-metadata:s:{track}", f"{name}={text}"]
    return arguments


def _dispositions(track: CarriedTrack) -> str:
    """Return the track's dispositions; the default sound is the dub's."""
    kept = [
        name for name in track.dispositions if track.kind != TrackKind.SOUND or name != "default"
    ]
    return "+".join(kept) or "0"


def _file_options(parts: _Parts) -> list[str]:
    arguments = ["-f", parts.container.muxer]
    if parts.container.muxer == "matroska":
        arguments += ["-fflags", "+bitexact"]  # else it has a random identifier
    else:
        arguments += ["-movflags", "+faststart"]  # playable before the download is complete
    if parts.source is None:
        return arguments
    source = str(1 + len(parts.sounds))
    arguments += ["-map_metadata", source, "-map_chapters", source]
    for tag in _OF_CONTAINER:
        arguments += ["-metadata", f"{tag}="]
    if parts.container.muxer == "matroska":
        if parts.carried.timecode:
            arguments += ["-metadata", f"timecode={parts.carried.timecode}"]
    else:
        # Such as TrueHD, which FFmpeg's MP4 muxer calls experimental.
        arguments += ["-movie_timescale", str(_movie_clock(parts)), "-strict", "experimental"]
    return arguments


def _movie_clock(parts: _Parts) -> int:
    """Return the units per second of the clock on which an MP4 file's tracks start.

    All starts are multiples of it, if there is such a clock.
    """
    clock = _clock(parts)
    for rate in (SAMPLE_RATE, *_rates(parts.source)):
        if lcm(clock, rate) <= _FINEST_CLOCK:
            clock = lcm(clock, rate)
    return clock


def _clock(parts: _Parts) -> int:
    """Return the units per second of the picture's timestamps; MP4 has whole ones."""
    return parts.picture.time_base.denominator


def _rates(source: VideoInfo | None) -> list[int]:
    """Return the sample rates of the source's sound."""
    if source is None:
        return []
    with open_container(Path(source.path)) as container:
        return sorted({stream.sample_rate or 1 for stream in container.streams.audio})
