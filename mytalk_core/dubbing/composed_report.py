"""Compose the report of a title from what its graph made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.drawn_title import DrawnTitle
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons
from mytalk_core.dubbing.line_findings import line_findings
from mytalk_core.dubbing.notes import cut_off_note, language_notes_of
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.report_pictures import data_uri, jpeg
from mytalk_core.dubbing.reported_lines import (
    DrawnOpening,
    drawn_openings,
    reported_lines,
    shown_pictures,
    spread_over,
)
from mytalk_core.dubbing.title_consent import consent_of
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_delivery import changed_frames
from mytalk_core.dubbing.title_graph import PlannedTitle, PreparedTitle
from mytalk_core.dubbing.title_plan import Segment, TitlePlan
from mytalk_core.dubbing.title_report.curves import MouthOpening, ReportedCurves, reported_curves
from mytalk_core.dubbing.title_report.values import (
    Finding,
    LeftAloneStretch,
    LineSync,
    NotJudged,
    ReportedConsent,
    ReportedLine,
    ReportedMember,
    ReportedSegment,
    ReportedShot,
    ReportedStep,
    ReportedTrack,
    Severity,
    TitleFacts,
    TitleReport,
)
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import Member, TrackId
from mytalk_core.media.probe import probe_audio
from mytalk_core.media.timecode import film_timecode
from mytalk_core.speech.loudness import loudness_dbfs

_PAIRS = 6  # frames shown before and after


@dataclass(frozen=True)
class Delivered:
    """What is known of a title once its film is written."""

    planned: PlannedTitle
    prepared: PreparedTitle
    drawn: DrawnTitle
    sync: Mapping[int, LineSync | NotJudged]  # by line
    checks: Mapping[str, Check]
    sound_warnings: tuple[str, ...]
    seconds: Mapping[str, float]  # of the steps, in the order of the work


def compose_report(context: TitleContext, title: Title, done: Delivered) -> TitleReport:
    """Compose the report of a title."""
    planned, film = done.planned, done.planned.film
    openings = drawn_openings(planned.plan, done.drawn)
    left_alone = planned.plan.reasons(changed_frames(done.drawn.pieces))
    facts = _facts(context, title, planned)
    shown = shown_pictures(done.drawn, planned)
    lines = tuple(reported_lines(planned, openings, shown, done.sync))
    return TitleReport(
        facts=facts,
        shots=tuple(
            ReportedShot(shot.number + 1, shot.first, shot.end) for shot in film.found.faces.shots
        ),
        members=tuple(_members(done, openings)),
        tracks=tuple(_tracks(done.planned, openings)),
        lines=lines,
        segments=tuple(_segments(done)),
        findings=tuple(_findings(title, lines, done)),
        checks=done.checks,
        curves=_curves(planned, openings),
        frames_left_alone=count_reasons(left_alone),
        left_alone=tuple(_stretches(left_alone)),
        voice=tuple(part for line in planned.lines.spoken for part in line.voice),
        pairs=tuple(each.pair() for each in spread_over(shown, _PAIRS)),
        steps=tuple(ReportedStep(name, seconds) for name, seconds in done.seconds.items()),
        stages=context.runner.work(),
        versions={**made_with(ResultKind.DUBBING), **_weights(context)},
        script_faults=tuple(str(fault) for fault in title.script_faults),
        notes=tuple(
            filter(None, (cut_off_note(context.film.info.duration, facts.duration), *title.notes))
        ),
        consent=tuple(_consents(title, film.cast.members)),
        damage=film.damage,
    )


def _consents(title: Title, members: Sequence[Member]) -> Iterator[ReportedConsent]:
    """The consents of the members of a film, as its specification states them."""
    for member in members:
        found = consent_of(title.spec, member) if title.spec else None
        if found is not None:
            until = found.until.isoformat() if found.until else ""
            yield ReportedConsent(member.name, found.who, found.reference, found.scope, until)


def _facts(context: TitleContext, title: Title, planned: PlannedTitle) -> TitleFacts:
    info, timing = context.film.info, planned.film.found.faces.timing
    return TitleFacts(
        id=title.id,
        film=Path(info.path).name,
        speech=tuple(
            f"{stem.sound.file.path.name}, track"
            f" {probe_audio(stem.sound.file.path, stem.sound.choice).tracks}"
            for stem in title.stems
        ),
        language=title.language or _detected(planned),
        width=info.width,
        height=info.height,
        fps=info.fps,
        frames=len(timing.starts),
        duration=timing.end,
        start_timecode=film_timecode(info.path, info.choice),
        tracks=tuple(filter(None, (info.tracks.picture, info.tracks.sound))),
    )


def _detected(planned: PlannedTitle) -> str:
    """The language that was recognised in the first stem."""
    return next(iter(planned.lines.transcripts.values())).detected_language


def _curves(planned: PlannedTitle, openings: Mapping[TrackId, DrawnOpening]) -> ReportedCurves:
    timing = planned.film.found.faces.timing
    times = np.array([float(start) for start in timing.starts])
    levels = [
        loudness_dbfs(sound.samples.read(), times, 1 / float(timing.fps))
        for sound in planned.lines.sounds.values()
    ]
    mouths = [
        MouthOpening(each.member, each.track.first, each.target, each.source)
        for each in openings.values()
    ]
    return reported_curves(np.max(levels, axis=0).astype(np.float64), mouths, timing.fps)


def _members(done: Delivered, openings: Mapping[TrackId, DrawnOpening]) -> Iterator[ReportedMember]:
    film, prepared = done.planned.film, done.prepared
    faces = film.found.faces
    fps = faces.timing.fps
    for member in film.cast.members:
        tracks = [track for track in faces.tracks if track_id(track) in member.tracks]
        drawn = sum(each.drawn() for each in openings.values() if each.member == member.id)
        style = prepared.styles.get(member.id)
        adapted = prepared.looks.adapted.get(member.id)
        yield ReportedMember(
            id=member.id,
            name=member.name,
            confidence=member.confidence,
            picture=_portrait(member, faces),
            on_screen=sum(map(len, tracks)) / fps,
            drawn=drawn / fps,
            style=style.summary if style else "",
            appearance=adapted.summary if adapted else "",
        )


def _portrait(member: Member, faces: FilmFaces) -> str | None:
    """The sharpest picture of a member that is seen from the front."""
    own = [each for each in faces.close_ups if each.track in member.tracks]
    if not own:
        return None
    best = max(own, key=lambda each: each.sharpness - abs(each.yaw))
    return data_uri(jpeg(np.asarray(faces.pictures.read()[best.row])))


def _tracks(
    planned: PlannedTitle, openings: Mapping[TrackId, DrawnOpening]
) -> Iterator[ReportedTrack]:
    film, plans = planned.film, {track_id(t.studied.track): t for t in planned.plan.tracks}
    for track in film.found.faces.tracks:
        id = track_id(track)
        member = film.cast.by_track.get(id)
        opening, plan = openings.get(id), plans.get(id)
        if opening is None or plan is None:
            left_alone = {LeftAlone.SILENT: len(track)}
            runs: tuple[tuple[int, int], ...] = ()
        else:
            done = np.isfinite(opening.target)
            left_alone = count_reasons(
                None if changed else reason or LeftAlone.UNCHANGED
                for changed, reason in zip(done.tolist(), plan.reasons, strict=True)
            )
            runs = tuple(_runs(done, track.first))
        yield ReportedTrack(
            id,
            member.id if member else None,
            track.first,
            track.end,
            opening.drawn() if opening else 0,
            left_alone,
            runs,
        )
    for other in film.found.others:
        yield ReportedTrack(
            TrackId(other.shot, other.number),
            None,
            other.first,
            other.end,
            0,
            {other.reason: other.end - other.first},
        )


def _runs(flags: NDArray[np.bool_], first: int) -> Iterator[tuple[int, int]]:
    place = first
    for value, run in groupby(flags.tolist()):
        end = place + len(list(run))
        if value:
            yield place, end
        place = end


def _segments(done: Delivered) -> Iterator[ReportedSegment]:
    plan = done.planned.plan
    for number, (segment, seconds) in enumerate(
        zip(plan.segments, done.drawn.seconds, strict=True), 1
    ):
        if segment.redraws:
            yield ReportedSegment(
                number,
                segment.first,
                segment.end,
                _drawn_members(segment, plan),
                reused=seconds is None,
                seconds=seconds or 0.0,
            )


def _drawn_members(segment: Segment, plan: TitlePlan) -> tuple[str, ...]:
    return tuple(sorted({plan.tracks[redraw.track].member for redraw in segment.redraws}))


def _stretches(reasons: Sequence[LeftAlone | None]) -> Iterator[LeftAloneStretch]:
    first = 0
    for reason, run in groupby(reasons):
        end = first + len(list(run))
        if reason is not None:
            yield LeftAloneStretch(first, end, reason)
        first = end


def _findings(title: Title, lines: Sequence[ReportedLine], done: Delivered) -> Iterator[Finding]:
    for name, check in done.checks.items():
        if not check.ok:
            yield Finding(Severity.ERROR, f"{name}: {check.text}")
    for warning in done.sound_warnings:
        yield Finding(Severity.WARNING, warning)
    for note in language_notes_of(title, done.planned.lines.transcripts):
        yield Finding(Severity.WARNING, note)
    for fault in title.script_faults:
        severity = Severity.WARNING if fault.skipped else Severity.NOTE
        yield Finding(severity, f"Script, {fault}.", fault.start)
    for line in lines:
        yield from line_findings(line)


def _weights(context: TitleContext) -> Mapping[str, str]:
    return {
        "motion weights": context.models["motion"],
        "renderer weights": context.models["renderer"],
    }
