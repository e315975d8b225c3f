"""Display times of a file's frames from its packets; nothing is decoded."""

from fractions import Fraction
from pathlib import Path

from mytalk_core.media.container import open_container
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_video
from mytalk_core.media.video_stream import time_base


def frame_starts(path: Path, choice: StreamChoice = PLAYERS_CHOICE) -> list[Fraction]:
    """Return the seconds from the first frame to each frame, rising, by the file's timestamps.

    Packets without a timestamp, and those that an edit list discards, do not count.

    Raises:
        BadInputError: as `open_container` and `choose_video`.
    """
    with open_container(path) as container:
        stream = choose_video(container, path, choice)
        starts = sorted(
            packet.pts
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_discard
        )
        return [(start - starts[0]) * time_base(stream) for start in starts]
