"""The values of a report as the page's script reads them: columns, as deflated JSON in base64."""

import base64
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.page import packed_values
from mytalk_core.dubbing.left_alone_reason import counts_text
from mytalk_core.dubbing.title_report.values import (
    Finding,
    LeftAloneStretch,
    ReportedLine,
    Severity,
    TitleFacts,
    TitleReport,
)
from mytalk_core.media.clock import frame_at
from mytalk_core.media.timecode import Timecode

QUIETEST_DBFS = -60.0  # the loudness at the bottom of the curve; 0 dBFS is its top
MAX_STRETCHES = 2000  # of frames left alone, the longest ones
_NO_VALUE = 255  # of a curve's bytes; 0..254 are its range
_DROP_NUMBERS = 2  # that drop frame skips a minute, for each 30 frames a second

T = TypeVar("T")
Columns = dict[str, list[Any]]


def packed(report: TitleReport) -> str:
    """The values that the page's script needs. Pictures and clips are not among them."""
    return packed_values(_payload(report))


def worst_of_lines(findings: Sequence[Finding]) -> dict[int, Severity]:
    """The worst severity of each line that has a finding, by the line's number."""
    ranks = list(Severity)
    worst: dict[int, Severity] = {}
    for finding in findings:
        if finding.line is not None:
            before = worst.get(finding.line, Severity.NOTE)
            worst[finding.line] = min(before, finding.severity, key=ranks.index)
    return worst


def _payload(report: TitleReport) -> dict[str, Any]:
    fps = report.facts.fps
    index = {member.id: place for place, member in enumerate(report.members)}
    by_start = sorted(report.lines, key=lambda line: (line.interval.start, line.number))
    longest = sorted(report.left_alone, key=lambda each: each.first - each.end)[:MAX_STRETCHES]
    return {
        "facts": _facts(report.facts),
        "members": [{"name": member.name} for member in report.members],
        "shots": _columns(report.shots, {each: _read(each) for each in ("number", "first", "end")}),
        "lines": _lines(by_start, index, worst_of_lines(report.findings), fps),
        "findings": _findings(report.findings, fps),
        "tracks": _columns(
            report.tracks,
            {
                "id": lambda track: str(track.id),
                "member": lambda track: index.get(track.member or "", -1),
                "left": lambda track: counts_text(dict(track.left_alone)),
            }
            | {each: _read(each) for each in ("first", "end", "drawn_frames", "drawn")},
        ),
        "segments": _columns(
            report.segments,
            {
                "members": lambda each: [index[id] for id in each.members if id in index],
                "seconds": lambda each: round(each.seconds, 1),
            }
            | {each: _read(each) for each in ("number", "first", "end", "reused")},
        ),
        "left": _left(sorted(longest, key=lambda each: each.first)),
        "voice": _columns(
            report.voice,
            {"start": lambda each: _seconds(each.start), "end": lambda each: _seconds(each.end)},
        ),
        "curves": _curves(report),
    }


def _facts(facts: TitleFacts) -> dict[str, Any]:
    start = facts.start_timecode or Timecode(0, facts.fps)
    nominal = max(1, round(start.rate))
    return {
        "fps": float(facts.fps),
        "duration": float(facts.duration),
        "start": start.frame,
        "nominal": nominal,
        "dropped": _DROP_NUMBERS * round(nominal / 30) if start.drop else 0,
        "csv": f"{facts.id or facts.film}-lines.csv",
    }


def _lines(
    lines: Sequence[ReportedLine],
    members: Mapping[str, int],
    worst: Mapping[int, Severity],
    fps: Fraction,
) -> Columns:
    def frame(time: Fraction) -> int:
        return frame_at(time, fps)

    reads: dict[str, Callable[[ReportedLine], Any]] = {
        "number": lambda line: line.number,
        "text": lambda line: line.text,
        "character": lambda line: line.character,
        "member": lambda line: members.get(line.decision.member or "", -1),
        "state": lambda line: line.state.value,
        "severity": lambda line: worst.get(line.number, ""),
        "confidence": lambda line: round(line.decision.confidence, 3),
        "why": lambda line: line.decision.why,
        "evidence": lambda line: [
            (each.kind, round(each.log_odds, 2), each.text) for each in line.decision.evidence
        ],
        "start": lambda line: _seconds(line.interval.start),
        "end": lambda line: _seconds(line.interval.end),
        "frame": lambda line: frame(line.interval.start),
        "end_frame": lambda line: frame(line.interval.end),
        "slot_frame": lambda line: frame(line.slot.start),
        "slot_end_frame": lambda line: frame(line.slot.end),
        "slot": lambda line: _seconds(line.slot.length),
        "drawn_frames": lambda line: line.drawn_frames,
        "skipped": lambda line: line.skipped,
        "words": lambda line: [
            (word.text, _seconds(word.start), _seconds(word.end)) for word in line.words
        ],
        "offset": lambda line: line.sync.offset if line.sync else None,
        "sync_confidence": lambda line: round(line.sync.confidence, 2) if line.sync else None,
        "not_judged": lambda line: line.not_judged.text if line.not_judged else "",
        "fit_text": lambda line: line.fit.text if line.fit else "",
    }
    for name in ("speed", "pauses", "gap", "excess"):
        reads[name] = _of_fit(name)
    return _columns(lines, reads)


def _of_fit(name: str) -> Callable[[ReportedLine], float | None]:
    return lambda line: _seconds(getattr(line.fit, name)) if line.fit else None


def _findings(findings: Sequence[Finding], fps: Fraction) -> Columns:
    ranks = list(Severity)
    ordered = sorted(
        findings, key=lambda each: (ranks.index(each.severity), each.time or Fraction(-1))
    )
    return _columns(
        ordered,
        {
            "severity": lambda each: each.severity.value,
            "text": lambda each: each.text,
            "time": lambda each: _seconds(each.time),
            "frame": lambda each: None if each.time is None else frame_at(each.time, fps),
            "line": lambda each: each.line,
        },
    )


def _left(stretches: Sequence[LeftAloneStretch]) -> Columns:
    return _columns(
        stretches,
        {
            "first": lambda each: each.first,
            "end": lambda each: each.end,
            "reason": lambda each: each.reason.text,
        },
    )


def _curves(report: TitleReport) -> dict[str, Any]:
    curves = report.curves
    largest = [
        float(np.nanmax(opening, initial=0.0))
        for lane in curves.lanes
        for opening in (lane.target, lane.source)
    ]
    top = max([*largest, 0.2])
    return {
        "step": float(curves.step),
        "loudness": _bytes(1 - curves.loudness / QUIETEST_DBFS),
        "lanes": [
            {
                "first": lane.first,
                "target": _bytes(lane.target / top),
                "source": _bytes(lane.source / top),
            }
            for lane in curves.lanes
        ],
    }


def _bytes(share: NDArray[np.float32]) -> str:
    """Values of which 0..1 is shown, as bytes in base64."""
    levels = np.clip(np.nan_to_num(share), 0, 1) * (_NO_VALUE - 1)
    levels = np.where(np.isnan(share), _NO_VALUE, np.round(levels)).astype(np.uint8)
    return base64.b64encode(levels.tobytes()).decode("ascii")


def _columns(rows: Sequence[T], reads: Mapping[str, Callable[[T], Any]]) -> Columns:
    return {name: [read(row) for row in rows] for name, read in reads.items()}


def _read(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, name)


def _seconds(time: Fraction | None) -> float | None:
    return None if time is None else round(float(time), 4)
