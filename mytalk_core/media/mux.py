"""Mux a film's picture with another audio track."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import ffmpeg

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio_clock import audio_from_first_frame
from mytalk_core.media.channels import mixed_to_mono, mono_weights
from mytalk_core.media.clock import sample_at
from mytalk_core.media.container import file_url
from mytalk_core.media.ffmpeg_program import FfmpegFailed, local_input, running
from mytalk_core.media.film_container import film_container
from mytalk_core.media.output import atomic_path
from mytalk_core.media.probe import probe_video
from mytalk_core.media.sound_track import SAMPLE_RATE as _SAMPLE_RATE
from mytalk_core.media.sound_track import channels_kept as is_layout_kept
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_BIT_RATE = "192k"
_CODEC: Final = "aac"
_FORMAT: Final = film_container(Path("film.mp4"))


def channels_kept(speech: Path, choice: StreamChoice = PLAYERS_CHOICE) -> bool:
    """Return whether the channel layout of this audio is kept; otherwise it is mixed to mono.

    It is not kept where the encoder lacks the layout, or where more than two channels have no
    known position.

    Raises:
        BadInputError: as `probe_audio`.
    """
    return is_layout_kept(speech, _FORMAT.sound, choice)


def mux(
    video: Path,
    speech: Path,
    out: Path,
    duration: Fraction,
    comment: str,
    choice: StreamChoice = PLAYERS_CHOICE,
) -> None:
    """Write `out` (MP4): the picture of `video`, copied, and the audio of `speech` as AAC.

    The audio starts with the picture and is cut or padded with silence to `duration` seconds.

    Args:
        comment: the file's comment tag, where synthetic speech is declared.
        choice: the track of `speech`; its channels are kept as by `channels_kept`.

    Raises:
        BadInputError: as `probe_video` for `video` and `probe_audio` for `speech`; DECODE_ERROR
            where a later part of either is damaged.
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
    """
    probe_video(video)
    samples = sample_at(duration, _SAMPLE_RATE)
    sound = audio_from_first_frame(speech, _SAMPLE_RATE, choice=choice)
    if not channels_kept(speech, choice):
        sound = mixed_to_mono(sound, mono_weights(speech, choice))
    sound = sound.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)
    with atomic_path(out) as temporary:
        film = ffmpeg.output(
            local_input(video)["v:0"],
            sound,
            file_url(temporary),
            format="mp4",
            vcodec="copy",
            acodec=_CODEC,
            ar=_SAMPLE_RATE,
            audio_bitrate=_BIT_RATE,
            metadata=f"comment={comment}",
            movflags="+faststart",  # playable before the download is complete
        )
        try:
            with running(film):
                pass
        except FfmpegFailed as error:
            raise BadInputError(
                f"video and audio cannot be muxed: {error}.",
                reason=Reason.DECODE_ERROR,
                where=f"{video} + {speech}",
            ) from error
