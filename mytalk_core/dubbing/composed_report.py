"""Compose the report of a dub from the values of its stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from mytalk_core.data.checked_file import sha256_of
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.drawing import DrawnFilm, TrackOpening
from mytalk_core.dubbing.learning import ActorStyle
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons
from mytalk_core.dubbing.listening import Listening
from mytalk_core.dubbing.notes import input_notes
from mytalk_core.dubbing.other_tracks import OtherTrack
from mytalk_core.dubbing.report import DubReport, ReportedFace, passed_through
from mytalk_core.dubbing.report_curve import FilmCurve, MouthCurve
from mytalk_core.dubbing.title_adaptation import TitleAdaptation
from mytalk_core.dubbing.title_plan import PlannedTrack, TitlePlan
from mytalk_core.dubbing.title_run import TitleRun
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.damage import DamagedStretch
from mytalk_core.media.probe import probe_audio
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class DubStages:
    """The values of the stages that a report shows."""

    damage: tuple[DamagedStretch, ...]
    plan: TitlePlan
    styles: tuple[ActorStyle, ...]  # of each track of the plan
    speech: Listening
    adaptation: TitleAdaptation | None
    drawn: DrawnFilm
    checks: Mapping[str, Check]


def compose_report(run: TitleRun, stages: DubStages) -> DubReport:
    """Compose the report of a dub."""
    plan, drawn, inputs = stages.plan, stages.drawn, run.inputs
    left_alone = plan.reasons(drawn.changed)
    transcript = stages.speech.transcript
    return DubReport(
        title=Path(run.film.path).name,
        source=run.film,
        starts=plan.timing.starts,
        duration=drawn.duration,
        damage=stages.damage,
        frames=len(drawn.changed),
        left_alone=count_reasons(left_alone),
        speech=inputs.speech.name,
        speech_track=probe_audio(inputs.speech, inputs.speech_tracks).tracks,
        transcript=transcript,
        pairs=drawn.pairs,
        curve=_curve(plan, stages.speech, drawn.openings),
        faces=tuple(_faces(plan, stages.styles, drawn)),
        passed_through=passed_through(left_alone),
        stage_seconds=dict(run.monitor.seconds),
        adaptation=stages.adaptation,
        checks=stages.checks,
        notes=tuple(input_notes(inputs, transcript)),
        versions={
            **made_with(ResultKind.DUBBING),
            "motion weights": sha256_of(run.tools.files.motion)[:16],
            "renderer weights": sha256_of(run.tools.files.renderer)[:16],
        },
    )


def _curve(plan: TitlePlan, speech: Listening, openings: Sequence[TrackOpening]) -> FilmCurve:
    times = np.array([float(start) for start in plan.timing.starts])
    return FilmCurve(
        times,
        speech.loudness,
        tuple(
            MouthCurve(times[each.track.first : each.track.end], opening.target, opening.source)
            for each, opening in zip(plan.tracks, openings, strict=True)
        ),
    )


def _faces(plan: TitlePlan, styles: Sequence[ActorStyle], drawn: DrawnFilm) -> list[ReportedFace]:
    """All faces of the film, those that are dubbed first."""
    portraits = chain(drawn.portraits, iter(lambda: None, 0))
    dubbed = [
        _dubbed_face(each, opening, style, plan.timing, next(portraits))
        for each, opening, style in zip(plan.tracks, drawn.openings, styles, strict=True)
    ]
    return dubbed + [_other_face(each, plan.timing, next(portraits)) for each in plan.others]


def _dubbed_face(
    planned: PlannedTrack,
    opening: TrackOpening,
    style: ActorStyle,
    film: FilmTiming,
    portrait: str | None,
) -> ReportedFace:
    track = planned.track
    changed = np.isfinite(opening.target)
    reasons = [
        None if done else reason or LeftAlone.UNCHANGED
        for done, reason in zip(changed.tolist(), planned.drawing.reasons, strict=True)
    ]
    return ReportedFace(
        shot=track.shot + 1,
        interval=_interval(track.first, track.end, film),
        portrait=portrait,
        drawn_frames=int(changed.sum()),
        left_alone=count_reasons(reasons),
        style=style.summary,
    )


def _other_face(other: OtherTrack, film: FilmTiming, portrait: str | None) -> ReportedFace:
    return ReportedFace(
        shot=other.shot + 1,
        interval=_interval(other.first, other.end, film),
        portrait=portrait,
        drawn_frames=0,
        left_alone={other.reason: other.end - other.first},
        style=None,
    )


def _interval(first: int, end: int, film: FilmTiming) -> Interval:
    return Interval(film.starts[first], film.starts[end] if end < len(film.starts) else film.end)
