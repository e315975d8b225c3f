"""A film's picture and another sound into one file."""

from fractions import Fraction
from pathlib import Path

import ffmpeg

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.clock import sample_at
from mytalk_core.media.container import file_url
from mytalk_core.media.ffmpeg_program import FfmpegFailed, local_input, running
from mytalk_core.media.output import atomic_path
from mytalk_core.media.probe import probe_video
from mytalk_core.media.sound_clock import sound_from_first_picture
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_SAMPLE_RATE = 48_000
_BIT_RATE = "192k"


def mux(
    video: Path,
    speech: Path,
    out: Path,
    duration: Fraction,
    comment: str,
    choice: StreamChoice = PLAYERS_CHOICE,
) -> None:
    """Writes `out` (MP4): the picture of `video`, copied, and the sound of `speech` as AAC.

    The sound starts with the picture and is cut, or filled with silence, to `duration` seconds.
    `comment` becomes the file's comment tag, the place to say that the speech is synthetic.
    `choice` is of `speech`.

    Raises:
        BadInputError: as `probe_video` for `video` and `probe_audio` for `speech`; DECODE_ERROR
            where a later part of either is damaged.
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
    """
    probe_video(video)
    samples = sample_at(duration, _SAMPLE_RATE)
    sound = (
        sound_from_first_picture(speech, _SAMPLE_RATE, choice=choice)
        .filter("apad", whole_len=samples)
        .filter("atrim", end_sample=samples)
    )
    with atomic_path(out) as temporary:
        film = ffmpeg.output(
            local_input(video)["v:0"],
            sound,
            file_url(temporary),
            format="mp4",
            vcodec="copy",
            acodec="aac",
            ar=_SAMPLE_RATE,
            audio_bitrate=_BIT_RATE,
            metadata=f"comment={comment}",
            movflags="+faststart",  # a browser may play it before it has all of it
        )
        try:
            with running(film):
                pass
        except FfmpegFailed as error:
            raise BadInputError(
                f"picture and sound cannot be joined: {error}.",
                reason=Reason.DECODE_ERROR,
                where=f"{video} + {speech}",
            ) from error
