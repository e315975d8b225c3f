"""The report as JSON: what the page shows without its pictures, for programs.

The shape is that of `report.schema.json` beside this module. A time is an object with the exact
seconds as `num/den`, the seconds as a number, and the SMPTE timecode of the frame on screen.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.title_report.values import (
    LineFit,
    ReportedLine,
    ReportedMember,
    ReportedTrack,
    TitleFacts,
    TitleReport,
)
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.output import atomic_path
from mytalk_core.speech.transcript import Interval

FORMAT = "mytalk/title-report/1"

Document = Mapping[str, Any]


def document_path(film: Path) -> Path:
    """The path of the JSON report of a dubbed film, beside it and its page."""
    return film.with_name(f"{film.name}.report.json")


def write_document(path: Path, report: TitleReport) -> None:
    """Write the report as JSON, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    text = json.dumps(report_document(report), ensure_ascii=False, indent=1)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_document(path: Path) -> Document:
    """Read a report that `write_document` wrote.

    Raises:
        BadInputError: where the file is missing, or is no report of this format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            f"the report cannot be read: {error.strerror}.",
            reason=Reason.NOT_FOUND if isinstance(error, FileNotFoundError) else Reason.UNREADABLE,
            where=str(path),
        ) from error
    return parsed_report(content, str(path))


def parsed_report(content: bytes, where: str) -> Document:
    """Return the report in a file that `write_document` wrote.

    Args:
        where: path or URL of the file, for messages.

    Raises:
        BadInputError: UNREADABLE where it is no report of this format.
    """
    try:
        document: Document = json.loads(content)
        known = document["format"] == FORMAT
    except (ValueError, LookupError, TypeError):
        known = False
    if not known:
        raise BadInputError(
            f"this is no report of a title in the format {FORMAT}.",
            reason=Reason.UNREADABLE,
            where=where,
            remedy="Name the report.json of a dubbed film.",
        )
    return document


def report_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    text = files("mytalk_core.dubbing.title_report").joinpath("report.schema.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


def report_document(report: TitleReport) -> dict[str, Any]:
    """The report as JSON values."""
    facts = report.facts
    return {
        "format": FORMAT,
        "title": _title(facts),
        "frames": {
            "drawn": report.drawn_frames,
            "left_alone": _reasons(report.frames_left_alone),
        },
        "shots": [asdict(shot) for shot in report.shots],
        "members": [_member(member) for member in report.members],
        "tracks": [_track(track) for track in report.tracks],
        "lines": [_line(line, facts) for line in report.lines],
        "segments": [
            {**asdict(segment), "members": list(segment.members)} for segment in report.segments
        ],
        "left_alone": [
            {"first": each.first, "end": each.end, "reason": each.reason.value}
            for each in report.left_alone
        ],
        "findings": [
            {
                "severity": each.severity.value,
                "text": each.text,
                "time": None if each.time is None else _time(each.time, facts),
                "line": each.line,
            }
            for each in report.findings
        ],
        "checks": {name: asdict(check) for name, check in report.checks.items()},
        "steps": [asdict(step) for step in report.steps],
        "stages": [asdict(stage) for stage in report.stages],
        "versions": dict(report.versions),
        "script_faults": list(report.script_faults),
        "notes": list(report.notes),
        "consent": [asdict(each) for each in report.consent],
        "damage": [
            {
                **_interval(Interval(each.start, each.end), facts),
                "damaged": each.damaged,
                "missing": each.missing,
            }
            for each in report.damage
        ],
    }


def _title(facts: TitleFacts) -> dict[str, Any]:
    start = facts.start_timecode
    return {
        "id": facts.id,
        "film": facts.film,
        "speech": list(facts.speech),
        "language": facts.language,
        "width": facts.width,
        "height": facts.height,
        "fps": str(facts.fps),
        "frames": facts.frames,
        "duration": _seconds(facts.duration),
        "start_timecode": start.label if start else None,
        "drop_frame": start.drop if start else False,
        "tracks": list(facts.tracks),
    }


def _member(member: ReportedMember) -> dict[str, Any]:
    return {
        "id": member.id,
        "name": member.name,
        "confidence": member.confidence,
        "on_screen": _seconds(member.on_screen),
        "drawn": _seconds(member.drawn),
        "style": member.style,
        "appearance": member.appearance,
        "adaptation": _lists(asdict(member.adaptation)) if member.adaptation else None,
    }


def _track(track: ReportedTrack) -> dict[str, Any]:
    return {
        "id": str(track.id),
        "member": track.member,
        "first": track.first,
        "end": track.end,
        "drawn_frames": track.drawn_frames,
        "drawn": [list(span) for span in track.drawn],
        "left_alone": _reasons(track.left_alone),
    }


def _line(line: ReportedLine, facts: TitleFacts) -> dict[str, Any]:
    decision = line.decision
    return {
        "number": line.number,
        "text": line.text,
        "character": line.character,
        "slot": _interval(line.slot, facts),
        "state": line.state.value,
        "speaker": {
            "speaking": decision.speaking.value,
            "member": decision.member,
            "confidence": decision.confidence,
            "why": decision.why,
            "evidence": [asdict(each) for each in decision.evidence],
        },
        "fit": _fit(line.fit, facts) if line.fit else None,
        "sync": asdict(line.sync) if line.sync else None,
        "sync_not_judged": line.not_judged.value if line.not_judged else None,
        "drawn_frames": line.drawn_frames,
        "skipped": line.skipped,
        "words": [
            {"text": word.text, "start": _word_time(word.start), "end": _word_time(word.end)}
            for word in line.words
        ],
    }


def _fit(fit: LineFit, facts: TitleFacts) -> dict[str, Any]:
    return {
        "interval": _interval(fit.interval, facts),
        "speed": str(fit.speed),
        "pauses": _seconds(fit.pauses),
        "gap": _seconds(fit.gap),
        "excess": _seconds(fit.excess),
        "text": fit.text,
    }


def _reasons(counts: Mapping[LeftAlone, int]) -> dict[str, int]:
    return {reason.value: frames for reason, frames in counts.items()}


def _lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(each) if isinstance(each, tuple) else each for name, each in values.items()}


def _interval(interval: Interval, facts: TitleFacts) -> dict[str, Any]:
    return {"start": _time(interval.start, facts), "end": _time(interval.end, facts)}


def _word_time(time: Fraction | None) -> list[str | float] | None:
    """As a transcript has it: exact and for readers."""
    return None if time is None else [str(time), round(float(time), 3)]


def _time(time: Fraction, facts: TitleFacts) -> dict[str, Any]:
    return {**_seconds(time), "timecode": facts.timecode(time)}


def _seconds(time: Fraction) -> dict[str, Any]:
    return {"exact": str(time), "seconds": round(float(time), 4)}
