"""Export of the lines as fitted: what was said, by whom and when, as WebVTT and CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from webvtt import Caption, WebVTT

from mytalk_core.media.clock import sample_at
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.fitting import FittedLine
from mytalk_core.speech.lines import DubLine

_COLUMNS = (
    "number",
    "character",
    "member",
    "in",
    "out",
    "start",
    "end",
    "slot in",
    "slot out",
    "slot start",
    "slot end",
    "speed",
    "pauses",
    "gap",
    "excess",
    "changes",
    "text",
)


@dataclass(frozen=True)
class FittedRow:
    """A line in its place, for an export."""

    line: DubLine
    fitted: FittedLine
    member: str = ""  # name of who says it; empty where unknown


def as_fitted_vtt(rows: Sequence[FittedRow]) -> str:
    """Return WebVTT with a cue for each line that is played, by start.

    The voice of a cue is the character of the script, or else the member.
    """
    vtt = WebVTT()
    for row in sorted(rows, key=lambda each: each.fitted.interval.start):
        interval = row.fitted.interval
        if interval.length <= 0:
            continue
        text = "\n".join(escape(part, quote=False) for part in row.line.text.split("\n") if part)
        voice = escape(" ".join((row.line.character or row.member).split()), quote=False)
        vtt.captions.append(
            Caption(
                _stamp(interval.start),
                _stamp(interval.end),
                f"<v {voice}>{text}" if voice else text,
                identifier=str(row.line.number),
            )
        )
    return vtt.content.rstrip("\n") + "\n"


def as_fitted_csv(rows: Sequence[FittedRow], start: Timecode) -> str:
    """Return CSV with a header and a row for each line, in the order given.

    Times are timecode (the out is the first frame after the line) and seconds of the film; pauses,
    gap and excess are in seconds as in `FittedLine`.

    Args:
        start: timecode of the film's first frame.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(_COLUMNS)
    for row in rows:
        fitted, slot = row.fitted, row.line.slot
        writer.writerow(
            (
                row.line.number,
                row.line.character,
                row.member,
                start.at(fitted.interval.start),
                start.at(fitted.interval.end),
                *(_seconds(time) for time in (fitted.interval.start, fitted.interval.end)),
                start.at(slot.start),
                start.at(slot.end),
                *(_seconds(time) for time in (slot.start, slot.end, fitted.speed)),
                *(_seconds(time) for time in (fitted.pauses, fitted.gap, fitted.excess)),
                fitted.text,
                row.line.text,
            )
        )
    return table.getvalue()


def _stamp(seconds: Fraction) -> str:
    """Return a time as WebVTT writes it, to the nearest millisecond."""
    thousandths = sample_at(seconds, 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _seconds(value: Fraction) -> str:
    return f"{float(value):.3f}"
