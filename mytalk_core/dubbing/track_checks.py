"""What must hold for the tracks of a dubbed film, compared with its source."""

from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Final

from av.bitstream import BitStreamFilterContext
from av.stream import Stream

from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.media.carried_tracks import (
    CarriedTracks,
    TrackKind,
    carried_tracks,
    language_of,
    read_chapters,
    title_of,
)
from mytalk_core.media.container import open_container
from mytalk_core.media.film_container import film_container
from mytalk_core.media.language_codes import iso_639_2
from mytalk_core.media.probe import VideoInfo, probe_video
from mytalk_core.media.sound_track import DubSound
from mytalk_core.media.video_stream import time_base

# Seconds by which the packets of a dub may end before or after the picture: two frames of AAC at
# 48 kHz. The sound that they decode to has the picture's length.
_LAST_PACKETS: Final = Fraction(2 * 1024, 48_000)

# Seconds by which a copied track may be nearer to or farther from the picture: the source and the
# film may each round to milliseconds.
_ROUNDING: Final = Fraction(2, 1000)


def check_tracks(
    source: VideoInfo, sounds: Sequence[DubSound], film: Path, length: Fraction
) -> dict[str, Check]:
    """Compare the tracks of a film of `write_film` with those of its source.

    Args:
        sounds: of the dub, as given to `write_film`.
        length: of the picture, seconds.

    Raises:
        BadInputError: where one of the films cannot be read.
    """
    carried = carried_tracks(source, film_container(film))
    own = [track.index for track in carried.tracks if track.kind == TrackKind.SOUND]
    with open_container(film) as made:
        audio = [stream.index for stream in made.streams.audio]
    count = Check(
        len(audio) == len(sounds) + len(own),
        f"{len(audio)}; {len(sounds)} of the dub and {len(own)} of the source expected",
    )
    if not count.ok:
        return {"sound tracks": count}
    return {
        "sound tracks": count,
        "own sound": _own_sound(source, own, film, audio[len(sounds) :]),
        "languages and titles": _names(carried, sounds, film),
        "length of the dub": _lengths(film, audio[: len(sounds)], length),
        "chapters": _chapters(carried, source, film),
    }


def _own_sound(source: VideoInfo, own: Sequence[int], film: Path, copies: Sequence[int]) -> Check:
    """Whether the bytes of every own track, and its distance to the picture, are the source's."""
    made, wrong = probe_video(film), []
    for number, (index, copy) in enumerate(zip(own, copies, strict=True), 1):
        theirs, before, _ = _read(Path(source.path), index)
        ours, after, _ = _read(film, copy)
        if theirs != ours:
            wrong.append(f"the packets of own track {number} differ")
        late = (after - made.start) - (before - source.start)
        if abs(late) > _ROUNDING:
            wrong.append(f"own track {number} is {float(late):.4f} s late")
    return Check(not wrong, "; ".join(wrong) or f"{len(own)} tracks, all bytes are the source's")


def _names(carried: CarriedTracks, sounds: Sequence[DubSound], film: Path) -> Check:
    """Whether sound and subtitles have their languages and titles."""
    kinds = (TrackKind.SOUND, TrackKind.SUBTITLES)
    own = [track for kind in kinds for track in carried.tracks if track.kind == kind]
    expected = [(iso_639_2(sound.language), sound.title) for sound in sounds]
    expected += [(iso_639_2(track.language), track.title) for track in own]
    with open_container(film) as made:
        streams = [*made.streams.audio, *made.streams.subtitles]
        found = [(iso_639_2(language_of(each)), title_of(each)) for each in streams]
    return Check(found == expected, f"{found}, expected {expected}")


def _lengths(film: Path, dub: Sequence[int], length: Fraction) -> Check:
    """Whether the sounds of the dub end with the picture."""
    start = probe_video(film).start
    ends = [_read(film, index)[2] - start for index in dub]
    text = ", ".join(f"{float(end):.3f} s" for end in ends)
    return Check(
        all(abs(end - length) <= _LAST_PACKETS for end in ends),
        f"{text or 'none'}; the picture has {float(length):.3f} s",
    )


def _chapters(carried: CarriedTracks, source: VideoInfo, film: Path) -> Check:
    """Whether the chapters have their titles and start at the same frames."""
    start = probe_video(film).start
    with open_container(film) as made:
        found = read_chapters(made)
    zero = carried.start + source.start
    pairs = list(zip(found, carried.chapters, strict=False))
    same = len(found) == len(carried.chapters) and all(
        ours.title == theirs.title
        and abs((ours.start - start) - max(theirs.start - zero, -start)) <= _ROUNDING
        for ours, theirs in pairs
    )
    return Check(same, f"{len(found)}, the source has {len(carried.chapters)}")


def _read(path: Path, index: int) -> tuple[str, Fraction, Fraction]:
    """Return the digest of a track's packets, and the seconds of their start and end.

    Seconds count from the container's start.
    """
    digest = sha256()
    start, end = None, Fraction(0)
    with open_container(path) as container:
        stream = container.streams[index]
        unit = time_base(stream)
        plain = _without_headers(stream)
        for packet in container.demux(stream):
            if packet.pts is not None:
                start = packet.pts if start is None else min(start, packet.pts)
                end = max(end, (packet.pts + (packet.duration or 0)) * unit)
            for part in plain.filter(packet) if plain else [packet]:
                digest.update(bytes(part))
        zero = Fraction(container.start_time or 0, 1_000_000)
    return digest.hexdigest(), (start or 0) * unit - zero, end - zero


def _without_headers(stream: Stream) -> BitStreamFilterContext | None:
    """Return the filter that removes the headers of AAC in broadcasts, which films do not store."""
    context = stream.codec_context
    if context is None or context.name != "aac" or context.extradata:
        return None
    return BitStreamFilterContext("aac_adtstoasc", stream)
