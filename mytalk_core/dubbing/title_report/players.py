"""Short clips of a dub for its report: of which lines, and as data URIs of bounded size.

The limits bound a report: at most `MAX_PLAYERS` clips of at most `MAX_CLIP_BYTES`, 16 MB in all
as text, however many lines have findings.
"""

import base64
from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from mytalk_core.dubbing.title_report.packed import worst_of_lines
from mytalk_core.dubbing.title_report.values import Finding, Severity, TitleReport
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.container import file_url
from mytalk_core.media.ffmpeg_program import FfmpegFailed, local_input, running
from mytalk_core.speech.transcript import Interval

MAX_PLAYERS = 40
MAX_CLIP_BYTES = 300_000  # before base64; a third more as text
_SAMPLE = 8  # lines without a finding that are shown
_HEIGHT = 288  # pixels at most
_AROUND = Fraction(1, 4)  # seconds before and after the line
_LONGEST = 8  # seconds of a clip
_CRF = 28
_AUDIO_BITS = 64_000  # a second


def lines_to_show(
    lines: Sequence[int], findings: Collection[Finding], most: int = MAX_PLAYERS
) -> tuple[int, ...]:
    """Choose the lines of which a report shows pictures or a clip.

    Those with an error come first, then those with a warning, then a sample that is spread evenly
    over the other lines.

    Args:
        lines: numbers of the lines with new lips, in order.
        findings: of all lines.
        most: lines that are chosen.

    Returns:
        Numbers in order.
    """
    worst = worst_of_lines(list(findings))
    ranked = [
        line
        for severity in (Severity.ERROR, Severity.WARNING)
        for line in lines
        if worst.get(line) is severity
    ]
    chosen = ranked[:most]
    others = [line for line in lines if line not in set(ranked)]
    count = min(_SAMPLE, most - len(chosen), len(others))
    chosen += [others[(2 * place + 1) * len(others) // (2 * count)] for place in range(count)]
    return tuple(sorted(chosen))


def clip_uri(film: Path, line: Interval) -> str | None:
    """A small H.264 clip with sound of a line as a data URI, which browsers play from disk.

    Args:
        film: the delivered film; its first picture and default sound are shown.
        line: seconds after the start of the film; at most 8 seconds are shown.

    Returns:
        None where the clip has more than `MAX_CLIP_BYTES`.

    Raises:
        BadInputError: DECODE_ERROR where the film cannot be decoded there.
    """
    start = max(line.start - _AROUND, Fraction(0))
    length = min(line.end + _AROUND - start, Fraction(_LONGEST))
    source = local_input(film, ss=f"{float(start):.6f}", t=f"{float(length):.6f}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        output = ffmpeg.output(
            source["v:0"].filter("scale", -2, f"trunc(min({_HEIGHT},ih)/2)*2"),
            file_url(path),
            format="mp4",
            vcodec="libx264",
            preset="veryfast",
            crf=_CRF,
            pix_fmt="yuv420p",
            threads=1,
            movflags="+faststart",
            **{"map": "0:a:0?", "c:a": "aac", "b:a": _AUDIO_BITS, "ac": 1, "map_metadata": -1},
        )
        try:
            with running(output):
                pass
        except FfmpegFailed as error:
            raise BadInputError(
                f"the dubbed film cannot be decoded for its report: {error}.",
                reason=Reason.DECODE_ERROR,
                where=str(film),
            ) from error
        data = path.read_bytes()
    if len(data) > MAX_CLIP_BYTES:
        return None
    return "data:video/mp4;base64," + base64.b64encode(data).decode("ascii")


def with_players(report: TitleReport, film: Path) -> TitleReport:
    """A report with a clip of each line that `lines_to_show` chooses.

    Args:
        film: the delivered film.

    Raises:
        BadInputError: as `clip_uri`.
    """
    drawn = [line.number for line in report.lines if line.drawn_frames]
    shown = {*lines_to_show(drawn, report.findings)}
    lines = tuple(
        replace(line, player=clip_uri(film, line.interval)) if line.number in shown else line
        for line in report.lines
    )
    return replace(report, lines=lines)
