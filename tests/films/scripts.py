"""Scripts of the test films."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from tests.films.truth import FilmTruth, LineTruth


def write_vtt(path: Path, truth: FilmTruth) -> Path:
    """Write the dub's lines as WebVTT with the name of each speaker; the path is returned."""
    cues = _cues(truth, ".", lambda line: f"<v {truth.name_of(line.person)}>{line.text}")
    path.write_text(f"WEBVTT\n\n{cues}", encoding="utf-8")
    return path


def write_srt(path: Path, truth: FilmTruth) -> Path:
    """Write the dub's lines as SRT without speakers; the path is returned."""
    path.write_text(_cues(truth, ",", lambda line: line.text), encoding="utf-8")
    return path


def _cues(truth: FilmTruth, point: str, text: Callable[[LineTruth], str]) -> str:
    return "\n".join(
        f"{line.number}\n{_time(line.slot.start, point)} --> {_time(line.slot.end, point)}\n"
        f"{text(line)}\n"
        for line in truth.lines
    )


def _time(seconds: Fraction, point: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{thousandths:03}"
