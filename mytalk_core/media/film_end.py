"""Whether the end of a film can be read: an incomplete copy states its length all the same."""

from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from mytalk_core.media.container import open_container
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_video


def last_frame_seconds(path: Path, choice: StreamChoice = PLAYERS_CHOICE) -> Fraction | None:
    """Seconds from the start of the file to the last frame that is in it, without decoding.

    Returns:
        None where nothing can be read near the end that the file states, as in an MP4 file of which
        only the first part was copied; or where it states no end.

    Raises:
        BadInputError: as `open_container` and `choose_video`.
    """
    with open_container(path) as container:
        stream = choose_video(container, path, choice)
        if container.duration is None:
            return None
        start = container.start_time or 0  # in units of av.time_base, as the duration
        last: Fraction | None = None
        try:
            container.seek(start + container.duration)
            for packet in container.demux(stream):
                if packet.size and packet.pts is not None:
                    last = max(last or Fraction(0), packet.pts * packet.time_base)
        except FFmpegError:
            return last
        return None if last is None else last - Fraction(start, av.time_base)
