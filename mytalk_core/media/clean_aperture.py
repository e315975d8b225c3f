"""The clean aperture of an MP4 or QuickTime film: the part of its picture that players show.

It is a box `clap` in the film's sample description (ISO/IEC 14496-12, 12.1.4). FFmpeg's muxer keeps
it with packets that it copies, but takes none from an encoder, hence the writer here. FFmpeg's own
tools crop to whole chroma samples, so they show a column or row less than a part of odd size.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from mytalk_core.media.orientation import Orientation

# Boxes from the file to a track's sample description; a track is a "trak".
_TO_TRACKS: Final = (b"moov", b"trak")
_IN_TRACK: Final = (b"mdia", b"minf", b"stbl", b"stsd")
_STSD_HEAD = 8  # version, flags and the number of entries
_ENTRY_HEAD = 78  # of a description of a video, before its boxes
_CLAP: Final = struct.Struct(">I4s8i")
_LONGEST_MOOV = 1 << 28  # bytes; a day of film takes a tenth


@dataclass(frozen=True)
class CleanAperture:
    """A part of the picture, in its pixels."""

    width: Fraction
    height: Fraction
    right: Fraction = Fraction(0)  # of its centre from the picture's; negative: to the left
    down: Fraction = Fraction(0)

    def upright(self, orientation: Orientation) -> "CleanAperture":
        """The same part of the picture as it is displayed."""
        part = self
        if orientation.mirrored:
            part = CleanAperture(part.width, part.height, -part.right, part.down)
        for _ in range(orientation.turns):
            part = CleanAperture(part.height, part.width, part.down, -part.right)
        return part


@dataclass(frozen=True)
class _Box:
    start: int  # of its head in the data
    end: int
    inside: int  # where its content starts
    kind: bytes


def read_clean_aperture(path: Path) -> CleanAperture | None:
    """The clean aperture of a file's first video track that has one; None where none has."""
    moov = _read_moov(path)
    if moov is None:
        return None
    data = moov[1]
    for entry in _video_entries(data):
        for box in _boxes(data, entry.inside, entry.end):
            if box.kind == b"clap" and box.end - box.start >= _CLAP.size:
                values = _CLAP.unpack_from(data, box.start)[2:]
                if all(values[1::2]):
                    return CleanAperture(
                        *(Fraction(values[n], values[n + 1]) for n in range(0, 8, 2))
                    )
    return None


def write_clean_aperture(path: Path, part: CleanAperture) -> None:
    """Add a clean aperture to the video track of an MP4 file whose index stands at its end.

    Raises:
        ValueError: where the index stands elsewhere, or describes no video.
    """
    moov = _read_moov(path)
    if moov is None or moov[0] + len(moov[1]) != path.stat().st_size:
        raise ValueError("no index at the file's end")
    at, data = moov
    entry = next(_video_entries(data), None)
    if entry is None:
        raise ValueError("no video track")
    terms = [
        term
        for value in (part.width, part.height, part.right, part.down)
        for term in (value.numerator, value.denominator)
    ]
    grown = bytearray(data)
    for box in _around(data, entry):
        size = box.end - box.start + _CLAP.size
        grown[box.start : box.start + 4] = size.to_bytes(4, "big")
    grown[entry.end : entry.end] = _CLAP.pack(_CLAP.size, b"clap", *terms)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(grown)


def _read_moov(path: Path) -> tuple[int, bytes] | None:
    """Where a file's index starts, and its bytes; None where there is none."""
    with path.open("rb") as file:
        at, end = 0, path.stat().st_size
        while at + 8 <= end:
            file.seek(at)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            elif size == 0:
                size = end - at
            if size < 8:
                return None
            if head[4:8] == b"moov":
                file.seek(at)
                return (at, file.read(size)) if size <= _LONGEST_MOOV else None
            at += size
    return None


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """The boxes that stand one after the other; what does not fit ends them."""
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > end:
            return
        yield _Box(start, start + size, start + 8, data[start + 4 : start + 8])
        start += size


def _video_entries(data: bytes) -> Iterator[_Box]:
    """The sample descriptions of video tracks; `inside` is where their boxes start."""
    for track in _inside(data, _Box(0, len(data), 8, b"moov"), b"trak"):
        for box in _down(data, track, _IN_TRACK):
            for entry in _boxes(data, box.inside + _STSD_HEAD, box.end):
                if _is_video(data, track) and entry.end - entry.inside >= _ENTRY_HEAD:
                    yield _Box(entry.start, entry.end, entry.inside + _ENTRY_HEAD, entry.kind)


def _is_video(data: bytes, track: _Box) -> bool:
    return any(True for _ in _down(data, track, (b"mdia", b"minf", b"vmhd")))


def _inside(data: bytes, box: _Box, kind: bytes) -> Iterator[_Box]:
    return (each for each in _boxes(data, box.inside, box.end) if each.kind == kind)


def _down(data: bytes, box: _Box, kinds: tuple[bytes, ...]) -> Iterator[_Box]:
    if not kinds:
        yield box
        return
    for each in _inside(data, box, kinds[0]):
        yield from _down(data, each, kinds[1:])


def _around(data: bytes, entry: _Box) -> list[_Box]:
    """The boxes that hold a sample description, itself included, from the index on."""
    whole = _Box(0, len(data), 8, b"moov")
    chain, place = [whole], whole
    for kind in (_TO_TRACKS[1], *_IN_TRACK):
        place = next(
            each for each in _inside(data, place, kind) if each.start <= entry.start < each.end
        )
        chain.append(place)
    return [*chain, entry]
