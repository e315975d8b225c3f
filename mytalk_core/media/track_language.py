"""Write the languages of tracks into QuickTime files.

FFmpeg writes QuickTime's own language numbers there, which about half of the languages lack, such
as Swedish. QuickTime reads the packed codes of MP4 too (ISO/IEC 14496-12, 8.4.2).
"""

from collections.abc import Sequence
from pathlib import Path

from mytalk_core.media.boxes import Box, boxes_at, boxes_of_kind, read_moov

_LANGUAGE = 28  # offset in the media header `mdhd` with 32-bit times
_LANGUAGE_64 = 40  # with 64-bit times


def write_languages(path: Path, codes: Sequence[str]) -> None:
    """Write the languages of a file's first tracks, in their order, in place.

    Args:
        codes: terminological codes of ISO 639-2, such as "deu".

    Raises:
        ValueError: where the file has no index or too few tracks.
    """
    moov = read_moov(path)
    if moov is None:
        raise ValueError("no index")
    at, data = moov
    tracks = boxes_of_kind(data, Box(0, len(data), 8, b"moov"), b"trak")
    headers = [head for track in tracks for head in boxes_at(data, track, (b"mdia", b"mdhd"))]
    if len(headers) < len(codes):
        raise ValueError("too few tracks")
    with path.open("r+b") as file:
        for head, code in zip(headers, codes, strict=False):
            offset = _LANGUAGE_64 if data[head.inside] else _LANGUAGE
            file.seek(at + head.start + offset)
            file.write(_packed(code))


def _packed(code: str) -> bytes:
    """Pack three letters into 15 bits."""
    first, second, third = (ord(letter) - 0x60 for letter in code)
    return (first << 10 | second << 5 | third).to_bytes(2, "big")
