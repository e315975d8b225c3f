"""Containers of finished films: what they hold, and as what a dub's sound is written to them."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final, Literal

import av

from mytalk_core.errors import BadInputError, Reason


@dataclass(frozen=True)
class SoundCodec:
    """How the sound of a dub is encoded."""

    encoder: Literal["aac", "pcm_s24le", "flac"]  # FFmpeg's name
    sample_format: str  # FFmpeg's name
    bits_a_channel: int = 0  # kbit/s; 0: lossless
    least_bits: int = 0  # kbit/s, all channels together

    def bit_rate(self, channels: int) -> int:
        """Return the kbit/s for so many channels; 0: lossless."""
        return max(self.least_bits, self.bits_a_channel * channels)


@dataclass(frozen=True)
class FilmContainer:
    """A kind of file that a film is delivered in."""

    name: str  # for the user
    muxer: Literal["mp4", "mov", "matroska"]  # FFmpeg's name
    sound: SoundCodec
    text: Literal["mov_text", "srt"]  # codec of subtitles that are converted
    covers: bool  # whether it holds pictures beside the film
    attachments: bool  # whether it holds other files, such as fonts
    refused: frozenset[str] = frozenset()  # codecs in FFmpeg's tables that its muxer refuses
    rounding: Fraction = Fraction(0)  # seconds by which a timestamp may be off

    def holds(self, codec: str) -> bool:
        """Return whether packets of a codec, by FFmpeg's name of its decoder, can be stored."""
        return codec in _codecs(self.muxer) - self.refused


# Lossless where the container's players support it. In MP4 they do not: MP4 has AAC.
_MP4: Final = FilmContainer(
    "MP4", "mp4", SoundCodec("aac", "fltp", 96, 192), "mov_text", True, False
)
_CONTAINERS: Final = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": FilmContainer(
        "QuickTime",
        "mov",
        SoundCodec("pcm_s24le", "s32"),
        "mov_text",
        False,
        False,
        refused=frozenset({"flac", "opus", "libopus", "truehd", "mlp"}),
    ),
    ".mkv": FilmContainer(
        "Matroska",
        "matroska",
        SoundCodec("flac", "s32"),
        "srt",
        False,
        True,
        rounding=Fraction(1, 1000),
    ),
}
FILM_SUFFIXES: Final = tuple(_CONTAINERS)


def film_container(out: Path) -> FilmContainer:
    """Return the container of a film by the suffix of its name.

    Raises:
        BadInputError: BAD_CONFIGURATION for a suffix that is none of `FILM_SUFFIXES`.
    """
    found = _CONTAINERS.get(out.suffix.lower())
    if found is None:
        raise BadInputError(
            f"a film cannot be written as {out.suffix or 'a file without suffix'!r}.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(out),
            remedy=f"Give a name that ends in {', '.join(FILM_SUFFIXES)}.",
        )
    return found


@lru_cache
def _codecs(muxer: str) -> frozenset[str]:
    with av.open(BytesIO(), mode="w", format=muxer) as container:
        return frozenset(container.supported_codecs)
