"""Check from a few samples whether a film's picture is supported, before decoding all of it."""

from fractions import Fraction
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.frame_format import interlaced_error
from mytalk_core.media.probe import VideoInfo, probe_video
from mytalk_core.media.seek import video_from
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.video_stream import DECODER_THREADS, time_base

# Seconds decoded at each place. Files that flag only some frames flag one at least this often.
_SAMPLE = 2
# Places, as shares of the duration.
_PLACES = (Fraction(0), Fraction(1, 3), Fraction(2, 3))
# A place is skipped where reaching it would decode more seconds.
_LONGEST_WAY = 20


def check_picture(path: Path, choice: StreamChoice = PLAYERS_CHOICE) -> VideoInfo:
    """Probe a film and check sampled frames; the others are checked as they are decoded.

    Interlacing is detected from the flags of the stream and its frames, not from the picture.

    Raises:
        BadInputError: as `probe_video`; INTERLACED or FORMAT_CHANGES where a sampled frame is not
            progressive or differs in kind from the first.
    """
    info = probe_video(path, choice)
    if info.interlaced:
        raise interlaced_error(path)
    for place in _PLACES:
        begin = info.duration * place
        if place and begin < _SAMPLE:
            break  # the first sample covers it
        try:
            _decode(path, begin, info.choice)
        except BadInputError as error:
            # Decoding the film reports damage with its timestamp.
            if error.reason not in (Reason.DECODE_ERROR, Reason.NO_FRAMES):
                raise
    return info


def _decode(path: Path, begin: Fraction, choice: StreamChoice) -> None:
    """Decode `_SAMPLE` seconds from `begin`; decoding compares each frame with the first."""
    with video_from(path, begin, DECODER_THREADS, choice) as (stream, frames):
        unit = time_base(stream)
        for shown in frames:
            after = shown.pts * unit - begin
            if after > _SAMPLE or after < -_LONGEST_WAY:
                return
