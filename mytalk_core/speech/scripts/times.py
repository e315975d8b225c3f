"""Parse the times of scripts as people write them."""

import re
from fractions import Fraction

from mytalk_core.speech.scripts.rows import RowTime

# 10:00:05:12, or 10:00:05;12 and 10:00:05.12 with `;` elsewhere, for drop frame.
_LABEL = re.compile(r"(\d{1,2})([:;])(\d{2})([:;])(\d{2})([:;])(\d{2,3})")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,9}))?")
_SECONDS = re.compile(r"(\d{1,6})(?:[.,](\d{1,9}))?\s*(?:s|sec|seconds)?", re.IGNORECASE)


def read_time(text: str) -> RowTime | None:
    """Parse `h:mm:ss.mmm`, `m:ss`, seconds, or a timecode label with frames; None where it is none.

    A comma is a decimal point. A label is returned as `HH:MM:SS:FF`, with `;` before the frames
    where any separator is one.
    """
    text = text.strip()
    if label := _LABEL.fullmatch(text):
        hours, first, minutes, second, seconds, third, frames = label.groups()
        mark = ";" if ";" in (first, second, third) else ":"
        return f"{int(hours):02d}:{minutes}:{seconds}{mark}{frames}"
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds, decimals = clock.groups()
        if int(seconds) > 59 or (hours and int(minutes) > 59):
            return None
        whole = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
        return whole + _decimals(decimals)
    if plain := _SECONDS.fullmatch(text):
        return int(plain[1]) + _decimals(plain[2])
    return None


def _decimals(digits: str | None) -> Fraction:
    return Fraction(int(digits), 10 ** len(digits)) if digits else Fraction(0)
