"""The report beside a dubbed film: one page that shows what was changed, and how it was checked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import numpy as np

from mytalk_core.data.page import page_template
from mytalk_core.dubbing import report_curve
from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.report_curve import FilmCurve, Panel, curve_panels
from mytalk_core.dubbing.title_adaptation import TitleAdaptation
from mytalk_core.dubbing.title_report.values import FramePair
from mytalk_core.media.damage import DamagedStretch, damage_text
from mytalk_core.media.output import atomic_path
from mytalk_core.media.probe import VideoInfo
from mytalk_core.speech.transcript import Interval, Transcript, Word

# The panels of this many seconds are shown at once, the rest on demand.
_OPEN_SECONDS = 60
# Least seconds of speech after the film's end that are reported.
_LEAST_MISSED = Fraction(1, 10)


@dataclass(frozen=True)
class PassedThrough:
    """Consecutive frames that were not re-rendered."""

    first: int  # frame number
    last: int  # frame number, inclusive
    reason: LeftAlone


@dataclass(frozen=True)
class ReportedFace:
    """A face of the film, whether it was dubbed, and why not."""

    shot: int  # number, from 1
    interval: Interval  # when it is seen
    portrait: str | None  # data URI
    drawn_frames: int
    left_alone: Mapping[LeftAlone, int]  # its other frames by reason, the most frequent first
    style: str | None  # what was learned of the actor's style; None: the face is not dubbed


@dataclass(frozen=True)
class DubReport:
    """The content of the page."""

    title: str
    source: VideoInfo  # the film before
    starts: Sequence[Fraction]  # seconds, of each of its frames
    duration: Fraction  # seconds, to the end of its last frame
    frames: int  # written
    speech: str  # name of the speech's file
    transcript: Transcript  # of the speech
    pairs: tuple[FramePair, ...]  # by time
    curve: FilmCurve
    faces: tuple[ReportedFace, ...]  # those that are dubbed first
    passed_through: tuple[PassedThrough, ...]  # by first frame
    left_alone: Mapping[LeftAlone, int]  # frames by reason, the most frequent first
    stage_seconds: Mapping[str, float]  # in the order of the work
    checks: Mapping[str, Check]
    versions: Mapping[str, str]  # of programs and models
    damage: tuple[DamagedStretch, ...] = ()  # of the film before
    adaptation: TitleAdaptation | None = None  # None where it was not requested
    notes: tuple[str, ...] = ()  # on the inputs, for people
    speech_track: str = ""  # of its audio tracks, such as "1 of 1 (pcm_s16le, 48000 Hz, 1 channel)"

    @property
    def rendered_frames(self) -> int:
        """Frames with new lips."""
        return self.frames - sum(self.left_alone.values())

    @property
    def words(self) -> tuple[Word, ...]:
        """All words of the speech, with and without times."""
        return tuple(word for segment in self.transcript.segments for word in segment.words)


def unheard_speech(transcript: Transcript, duration: Fraction) -> Fraction:
    """Seconds of speech after the film's `duration` (seconds); 0 below a tenth of a second."""
    end = transcript.voice[-1].end if transcript.voice else Fraction(0)
    late = end - duration
    return late if late >= _LEAST_MISSED else Fraction(0)


def passed_through(reasons: Iterable[LeftAlone | None]) -> tuple[PassedThrough, ...]:
    """Runs of frames that were left alone, from one reason per frame, None where re-rendered."""
    stretches = []
    first = 0
    for reason, frames in groupby(reasons):
        length = sum(1 for _ in frames)
        if reason is not None:
            stretches.append(PassedThrough(first, first + length - 1, reason))
        first += length
    return tuple(stretches)


def write_report(path: Path, report: DubReport) -> None:
    """Write the page as one HTML file that needs nothing but itself, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    html = page_template("mytalk_core.dubbing", "report.html.j2", _FILTERS).render(
        report=report,
        layout=report_curve,
        panels=list(_panels(report)),
        open_panels=_OPEN_SECONDS // report_curve.PANEL_SECONDS,
        passed=[(stretch, _interval(stretch, report)) for stretch in report.passed_through],
        stages=_stages(report),
        unheard=unheard_speech(report.transcript, report.duration),
        damage=damage_text(report.damage),
        failed=[name for name, check in report.checks.items() if not check.ok],
        mean_opening=_mean_openings(report.curve),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def clock_text(time: Fraction) -> str:
    """Seconds as people read them, `m:ss.cc` or `h:mm:ss.cc`, cut off and not rounded up."""
    centiseconds = int(time * 100)
    seconds, rest = divmod(centiseconds, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{lead}:{seconds:02d}.{rest:02d}"


def rate_text(fps: Fraction) -> str:
    """A frame rate to three decimals, as people know it."""
    return f"{float(fps):.3f}".rstrip("0").rstrip(".")


_FILTERS = {"clock": clock_text, "rate": rate_text}


def _panels(report: DubReport) -> Iterable[Panel]:
    return curve_panels(
        report.curve,
        report.duration,
        report.transcript.voice,
        [_interval(stretch, report) for stretch in report.passed_through],
        report.words,
    )


def _interval(stretch: PassedThrough, report: DubReport) -> Interval:
    after = stretch.last + 1
    end = report.starts[after] if after < len(report.starts) else report.duration
    return Interval(report.starts[stretch.first], end)


def _stages(report: DubReport) -> list[dict[str, object]]:
    """Rows of the table of times; `share` is of the whole, 0..1."""
    total = sum(report.stage_seconds.values())
    rows = [*report.stage_seconds.items(), ("all", total)]
    return [
        {
            "name": name,
            "seconds": seconds,
            "rate": report.frames / seconds if seconds > 0 else None,
            "share": seconds / total if total > 0 else 0.0,
        }
        for name, seconds in rows
    ]


def _mean_openings(curve: FilmCurve) -> tuple[float, float] | None:
    """Mean mouth opening of source and dub in inter-ocular units; None where nothing is drawn."""
    targets, sources = [], []
    for mouth in curve.mouths:
        known = np.isfinite(mouth.target) & np.isfinite(mouth.source)
        targets.append(mouth.target[known])
        sources.append(mouth.source[known])
    if not sum(map(len, targets)):
        return None
    return float(np.concatenate(sources).mean()), float(np.concatenate(targets).mean())
