"""What `mytalk dub` prints: a summary for people, a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.console import NOTES_SHOWN

if TYPE_CHECKING:
    from mytalk_core.dubbing.dry_run import TitleEstimate
    from mytalk_core.dubbing.opened_title import Title
    from mytalk_core.dubbing.title import DubResult


@dataclass(frozen=True)
class WorkUse:
    """How much of a folder of intermediate results is used."""

    folder: Path
    used: int  # bytes
    limit: int  # bytes


def dub_warnings(title: Title, dubbed: DubResult) -> list[str]:
    """What a person should know of a dub that succeeded."""
    from mytalk_core.dubbing.notes import title_notes
    from mytalk_core.dubbing.title import length_warning, nothing_drawn_warning
    from mytalk_core.media.damage import damage_text

    silent = [
        f"no speech was detected in {stem.sound.file.path}: mouths stay shut"
        for stem in title.stems
        if not (dubbed.transcripts[stem.name].voice or title.language)
    ]
    late = length_warning(dubbed)
    found = (
        dubbed.cut_off,
        *title_notes(title, dubbed.transcripts),
        *silent,
        f"{late}; the rest is cut off" if late else "",
        damage_text(dubbed.damage),
        nothing_drawn_warning(dubbed),
    )
    return [warning for warning in found if warning]


def dub_summary(dubbed: DubResult, work: WorkUse) -> str:
    """A few lines for people."""
    from mytalk_core.dubbing.title_report.values import LineState

    seconds = sum(dubbed.stage_seconds.values())
    states = [line.state for line in dubbed.report.lines]
    counts = ", ".join(
        f"{states.count(state)} {state.value.replace('_', ' ')}"
        for state in LineState
        if state in states
    )
    return "\n".join(
        (
            f"{dubbed.rendered_frames} of {dubbed.frames} frames have new lips"
            f"; {seconds:.1f} s, {dubbed.frames / seconds:.1f} frames/s",
            *(f"{n} left alone: {reason.text}" for reason, n in dubbed.left_alone.items()),
            *([f"lines: {counts}"] if counts else []),
            f"film:   {dubbed.film}",
            f"report: {dubbed.page}",
            f"work:   {work.folder} ({work.used / 1e9:.1f} GB, at most {work.limit / 1e9:.0f})",
        )
    )


def dub_document(title: Title, dubbed: DubResult, warnings: Sequence[str]) -> dict[str, object]:
    """The result as JSON values."""
    from mytalk_core.dubbing.left_alone_reason import LeftAlone
    from mytalk_core.speech.script import faults_to_json

    transcript = next(iter(dubbed.transcripts.values()))
    return {
        "film": str(dubbed.film),
        "report": str(dubbed.page),
        "frames": dubbed.frames,
        "rendered_frames": dubbed.rendered_frames,
        "faceless_frames": dubbed.left_alone.get(LeftAlone.NO_FACE, 0),
        "left_alone": {reason.value: frames for reason, frames in dubbed.left_alone.items()},
        "fps": str(dubbed.fps),
        **dubbed.tracks,
        "language": transcript.language,
        "heard_language": transcript.detected_language,
        "heard_probability": transcript.detected_probability,
        "script_faults": faults_to_json(title.script_faults),
        "damage": [
            {"start": float(each.start), "end": float(each.end)}
            | {"damaged": each.damaged, "missing": each.missing}
            for each in dubbed.damage
        ],
        "warnings": list(warnings),
        "stage_seconds": dubbed.stage_seconds,
    }


def plan_summary(plan: TitleEstimate) -> str:
    """The plan of a title for people."""
    rows = [
        f"{plan.lines} lines; {plan.on_screen} said by somebody in the picture,"
        f" {plan.off_screen} off screen, {plan.undecided} undecided",
        f"{plan.visible_seconds:.1f} s of visible speech in {plan.segments} segments;"
        f" {plan.reused} of them drawn before",
        f"to draw: {plan.frames_to_draw} frames, to encode unchanged: {plan.frames_to_encode}",
        "estimated time: unknown before the first dub on this machine"
        if plan.seconds is None
        else f"estimated time: {plan.seconds:.0f} s",
    ]
    rows += plan.notes[:NOTES_SHOWN]
    if len(plan.notes) > NOTES_SHOWN:
        rows.append(f"and {len(plan.notes) - NOTES_SHOWN} more notes, which --json prints")
    return "\n".join(rows)


def plan_document(plan: TitleEstimate) -> dict[str, object]:
    """The plan of a title as JSON values."""
    return asdict(plan)
