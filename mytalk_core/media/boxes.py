"""Boxes of MP4 and QuickTime files (ISO/IEC 14496-12, 4.2), for what FFmpeg does not write."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LONGEST_MOOV = 1 << 28  # bytes, ten times the index of a 24-hour film


@dataclass(frozen=True)
class Box:
    """Position of a box in the data that holds it."""

    start: int  # offset of the header in the data
    end: int
    inside: int  # offset of the payload
    kind: bytes


def read_moov(path: Path) -> tuple[int, bytes] | None:
    """Return the offset and bytes of the file's index (`moov`), or None where it has none."""
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


def boxes_in(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield consecutive boxes; stop at the first that exceeds `end`."""
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > end:
            return
        yield Box(start, start + size, start + 8, data[start + 4 : start + 8])
        start += size


def boxes_of_kind(data: bytes, box: Box, kind: bytes) -> Iterator[Box]:
    """Yield the boxes of a kind directly inside a box."""
    return (each for each in boxes_in(data, box.inside, box.end) if each.kind == kind)


def boxes_at(data: bytes, box: Box, kinds: tuple[bytes, ...]) -> Iterator[Box]:
    """Yield the boxes at a path of kinds below a box."""
    if not kinds:
        yield box
        return
    for each in boxes_of_kind(data, box, kinds[0]):
        yield from boxes_at(data, each, kinds[1:])
