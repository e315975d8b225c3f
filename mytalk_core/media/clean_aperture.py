"""Read and write the clean aperture of MP4 and QuickTime: the picture area that players show.

It is the box `clap` in the sample description (ISO/IEC 14496-12, 12.1.4). FFmpeg's muxer preserves
it for copied packets but cannot write it for encoded ones. FFmpeg's tools crop to whole chroma
samples, so for odd sizes they show one column or row less than the box states.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from mytalk_core.media.boxes import Box, boxes_at, boxes_in, boxes_of_kind, read_moov
from mytalk_core.media.orientation import Orientation

# Path of boxes from the file to a track's sample description.
_TO_TRACKS: Final = (b"moov", b"trak")
_IN_TRACK: Final = (b"mdia", b"minf", b"stbl", b"stsd")
_STSD_HEAD = 8  # bytes: version, flags and number of entries
_ENTRY_HEAD = 78  # bytes of a video sample description before its boxes
_CLAP: Final = struct.Struct(">I4s8i")


@dataclass(frozen=True)
class CleanAperture:
    """A rectangle of the picture in pixels."""

    width: Fraction
    height: Fraction
    right: Fraction = Fraction(0)  # offset of its centre from the picture's; negative: left
    down: Fraction = Fraction(0)  # vertical offset; negative: up

    def upright(self, orientation: Orientation) -> "CleanAperture":
        """Return the same rectangle in the displayed orientation."""
        part = self
        if orientation.mirrored:
            part = CleanAperture(part.width, part.height, -part.right, part.down)
        for _ in range(orientation.turns):
            part = CleanAperture(part.height, part.width, part.down, -part.right)
        return part


def read_clean_aperture(path: Path) -> CleanAperture | None:
    """Return the clean aperture of the first video track that has one, else None."""
    moov = read_moov(path)
    if moov is None:
        return None
    data = moov[1]
    for entry in _video_entries(data):
        for box in boxes_in(data, entry.inside, entry.end):
            if box.kind == b"clap" and box.end - box.start >= _CLAP.size:
                values = _CLAP.unpack_from(data, box.start)[2:]
                if all(values[1::2]):
                    return CleanAperture(
                        *(Fraction(values[n], values[n + 1]) for n in range(0, 8, 2))
                    )
    return None


def write_clean_aperture(path: Path, part: CleanAperture) -> None:
    """Add a clean aperture to the video track of an MP4 file whose index is at its end.

    Raises:
        ValueError: where the index is elsewhere or describes no video.
    """
    moov = read_moov(path)
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


def _video_entries(data: bytes) -> Iterator[Box]:
    """Yield the sample descriptions of video tracks; `inside` is the offset of their boxes."""
    for track in boxes_of_kind(data, Box(0, len(data), 8, b"moov"), b"trak"):
        for box in boxes_at(data, track, _IN_TRACK):
            for entry in boxes_in(data, box.inside + _STSD_HEAD, box.end):
                if _is_video(data, track) and entry.end - entry.inside >= _ENTRY_HEAD:
                    yield Box(entry.start, entry.end, entry.inside + _ENTRY_HEAD, entry.kind)


def _is_video(data: bytes, track: Box) -> bool:
    return any(True for _ in boxes_at(data, track, (b"mdia", b"minf", b"vmhd")))


def _around(data: bytes, entry: Box) -> list[Box]:
    """Return the boxes that enclose a sample description, outermost first, itself included."""
    whole = Box(0, len(data), 8, b"moov")
    chain, place = [whole], whole
    for kind in (_TO_TRACKS[1], *_IN_TRACK):
        place = next(
            each
            for each in boxes_of_kind(data, place, kind)
            if each.start <= entry.start < each.end
        )
        chain.append(place)
    return [*chain, entry]
