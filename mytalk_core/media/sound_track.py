"""Encode the sound of a dub as the film's container stores it."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import ffmpeg

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio_clock import audio_from_first_frame
from mytalk_core.media.channels import mixed_to_mono, mono_weights
from mytalk_core.media.clock import sample_at
from mytalk_core.media.container import file_url
from mytalk_core.media.ffmpeg_program import FfmpegFailed, running
from mytalk_core.media.film_container import FilmContainer, SoundCodec
from mytalk_core.media.probe import probe_audio
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

SAMPLE_RATE: Final = 48_000


@dataclass(frozen=True)
class DubSound:
    """A sound of the dub, which starts with the picture."""

    path: Path
    language: str = ""  # BCP 47, such as "pt-BR"; empty where unknown
    title: str = ""  # for people, such as "Deutsch (dub)"
    choice: StreamChoice = PLAYERS_CHOICE  # the track of the file


def channels_kept(speech: Path, codec: SoundCodec, choice: StreamChoice = PLAYERS_CHOICE) -> bool:
    """Return whether the channel layout of this audio is kept; otherwise it is mixed to mono.

    It is not kept where the encoder lacks the layout, or where more than two channels have no
    known position.

    Raises:
        BadInputError: as `probe_audio`.
    """
    info = probe_audio(speech, choice)
    if not all(info.places):
        return False
    encoder = av.CodecContext.create(codec.encoder, "w")
    try:
        encoder.sample_rate = SAMPLE_RATE
        encoder.format = codec.sample_format
        encoder.layout = info.layout
        encoder.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def encode_sound(sound: DubSound, container: FilmContainer, length: Fraction, out: Path) -> None:
    """Write `out`, a file of the container with this sound alone, cut or padded to `length` s.

    Raises:
        BadInputError: as `probe_audio`; DECODE_ERROR where a later part is damaged.
        OSError: where the disk is full.
    """
    samples, codec = sample_at(length, SAMPLE_RATE), container.sound
    node = audio_from_first_frame(sound.path, SAMPLE_RATE, choice=sound.choice)
    channels = probe_audio(sound.path, sound.choice).channels
    if not channels_kept(sound.path, codec, sound.choice):
        node, channels = mixed_to_mono(node, mono_weights(sound.path, sound.choice)), 1
    node = node.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)
    rate = codec.bit_rate(channels)
    written = ffmpeg.output(
        node,
        file_url(out),
        format=container.muxer,
        acodec=codec.encoder,
        ar=SAMPLE_RATE,
        sample_fmt=codec.sample_format,
        map_chapters=-1,
        map_metadata=-1,
        **({"audio_bitrate": f"{rate}k"} if rate else {}),
    )
    try:
        with running(written):
            pass
    except FfmpegFailed as error:
        raise BadInputError(
            f"the sound cannot be encoded: {error}.",
            reason=Reason.DECODE_ERROR,
            where=str(sound.path),
        ) from error
