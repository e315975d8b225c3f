"""Encode a film in pieces, in any process and order, and join their packets.

A piece holds consecutive frames of the film with their timestamps in the film. Its bytes depend on
its frames and settings, not on the machine or the number of processors. It starts with an IDR
picture and refers to no other piece, and all pieces of a film have the same parameter sets, so
joining copies packets. Pieces are NUT files: NUT keeps any time base and first timestamp exactly,
where MP4 rounds the first to its movie clock and Matroska all to milliseconds.

`_packets` is the one place where packets enter a joined film.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from heapq import heapify, heappushpop
from pathlib import Path
from typing import Final

from av.packet import Packet
from av.video.stream import VideoStream

from mytalk_core.errors import MytalkError, Reason
from mytalk_core.media.container import open_undecoded
from mytalk_core.media.encode import FrameWriter, film_file
from mytalk_core.media.film_encoder import Encoding, film_encoding
from mytalk_core.media.probe import VideoInfo
from mytalk_core.media.video_stream import time_base

PIECE_SUFFIX: Final = ".nut"

# x264 chooses some fields of the parameter sets by the pictures, unless streams are to be joined.
_H264_PARAMETERS: Final = ("stitchable=1",)
# x265 writes the processor's features into the stream and divides pictures by the number of
# processors. With open groups of pictures a later random access point is no clean start.
_H265_PARAMETERS: Final = ("info=0", "pools=none", "frame-threads=1", "wpp=0", "open-gop=0")

# Places by which the encoders, at their preset, store a picture after one displayed later.
_STORED_LATE: Final = {"libx264": 0, "libx265": 2}


class PieceWriter(FrameWriter):
    """Write consecutive frames of a film as a piece; the file appears when the block succeeds.

    Frames are those that `VideoWriter` takes, with their pts in the film, which need not start at
    0. Entering, writing and leaving raise OutputError (DISK_FULL or OUTPUT_NOT_WRITABLE).
    """

    def __init__(self, path: Path, info: VideoInfo, crf: int = 16) -> None:
        """`path` should end in `PIECE_SUFFIX`; `info` and `crf` are equal for all pieces."""
        super().__init__(
            film_file(path, _piece_encoding(info, crf), kind="nut"), info.fps, info.time_base
        )


def join_pieces(
    pieces: Sequence[Path], info: VideoInfo, end: Fraction, out: Path, crf: int = 16
) -> None:
    """Write the silent MP4 `out` of all frames of the pieces, as `VideoWriter` writes it.

    Packets are copied, so every frame decodes as in its piece. Equal pieces give equal bytes.

    Args:
        pieces: files of `PieceWriter` in the order of the film, at least one.
        info, crf: as given to `PieceWriter`.
        end: end of the film's last frame, seconds after the start of the film.

    Raises:
        BadInputError: as `open_undecoded`, where a piece is missing or damaged at its start.
        MytalkError: INTERNAL where a piece has other parameter sets, or starts before the end of
            the one before it.
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
    """
    encoding = _piece_encoding(info, crf)
    late = _STORED_LATE[encoding.codec]
    with film_file(out, encoding, info.aperture) as film:
        waiting: deque[Packet[VideoStream]] = deque()  # the last displayed one is among the last
        for packet in _packets(pieces, info, film.parameter_sets(), late):
            waiting.append(packet)
            if len(waiting) > late + 1:
                film.copy(waiting.popleft())
        last = max(packet.pts or 0 for packet in waiting)
        for packet in waiting:
            film.copy(packet, round(end / info.time_base) if packet.pts == last else None)


def _piece_encoding(info: VideoInfo, crf: int) -> Encoding:
    encoding = film_encoding(info, crf)
    own = _H264_PARAMETERS if encoding.codec == "libx264" else _H265_PARAMETERS
    return replace(encoding, parameters=own, threads=1)


def _packets(
    pieces: Sequence[Path], info: VideoInfo, parameter_sets: bytes, late: int
) -> Iterator["Packet[VideoStream]"]:
    """Yield the packets of all pieces in decoding order, timed in units of the film's time base.

    Decoding timestamps are recomputed over the whole film: sorted display timestamps, delayed by
    `late` frames.
    """
    clock: list[int] = []  # display timestamps that are not yet a decoding timestamp
    step = max(1, round(1 / (info.fps * info.time_base)))
    shown: int | None = None  # last display timestamp of the pieces before
    for path in pieces:
        with open_undecoded(path) as container:
            stream = container.streams.video[0]
            if stream.codec_context.extradata != parameter_sets:
                raise _not_joined(path, "its parameter sets are not those of the film")
            ratio = time_base(stream) / info.time_base
            latest = shown
            for packet in container.demux(stream):
                if packet.pts is None:
                    continue  # the end of the file
                packet.pts = pts = round(packet.pts * ratio)
                if shown is not None and pts <= shown:
                    raise _not_joined(path, "it starts before the end of the piece before it")
                latest = pts if latest is None else max(latest, pts)
                if not clock:
                    clock = [pts - step * back for back in range(1, late + 1)]
                    heapify(clock)
                packet.dts = heappushpop(clock, pts)
                yield packet
            shown = latest


def _not_joined(path: Path, why: str) -> MytalkError:
    return MytalkError(
        f"this piece of a film cannot be joined with the others: {why}.",
        reason=Reason.INTERNAL,
        where=str(path),
        remedy="Please report it; removing the work folder makes all pieces again.",
    )
