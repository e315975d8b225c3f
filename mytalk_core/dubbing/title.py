"""Dub one title: run its graph, write its film and its report."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from mytalk_core.data.page import report_path
from mytalk_core.dubbing.composed_report import Delivered, compose_report
from mytalk_core.dubbing.delivery_checks import failed_checks
from mytalk_core.dubbing.drawn_title import DrawnTitle
from mytalk_core.dubbing.fitted_exports import write_fitted
from mytalk_core.dubbing.left_alone_reason import LeftAlone, counts_text
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.notes import cut_off_note
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.piece_drawing import DRAW
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_delivery import deliver_film
from mytalk_core.dubbing.title_graph import PlannedTitle, PreparedTitle, plan, prepare
from mytalk_core.dubbing.title_lines import with_words
from mytalk_core.dubbing.title_report.document import document_path, write_document
from mytalk_core.dubbing.title_report.page import write_page
from mytalk_core.dubbing.title_report.players import with_players
from mytalk_core.dubbing.title_report.values import TitleReport
from mytalk_core.dubbing.title_sound import title_sounds
from mytalk_core.dubbing.title_sync import line_sync
from mytalk_core.errors import OutputError
from mytalk_core.media.damage import DamagedStretch
from mytalk_core.media.output import atomic_path
from mytalk_core.media.probe import probe_audio
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.transcript import Transcript

# Least seconds of speech after the film's end that are reported.
_LEAST_MISSED = Fraction(1, 10)


# Pieces up to this many are drawn longest first, so that no worker is idle at the end. More are
# drawn in the film's order: workers keep the encoded references of the latest tracks.
_FEW = 16


@dataclass(frozen=True)
class DubResult:
    """A dubbed title."""

    film: Path
    page: Path
    report: TitleReport
    frames: int
    left_alone: dict[LeftAlone, int]  # frames that keep their own mouths, by reason
    fps: Fraction
    duration: Fraction  # seconds
    damage: tuple[DamagedStretch, ...]  # of the source film
    transcripts: Mapping[str, Transcript]  # by stem
    tracks: dict[str, int | None]  # numbers of the tracks used; None where there is no such sound
    stage_seconds: dict[str, float]
    cut_off: str = ""  # what the film lacks at its end; empty: nothing

    @property
    def rendered_frames(self) -> int:
        """Frames of which at least one sample was changed."""
        return self.frames - sum(self.left_alone.values())


def dub_title(context: TitleContext, title: Title, out: Path, monitor: Monitor) -> DubResult:
    """Make the lips of a title follow its dub; write the film and its report.

    Raises:
        BadInputError: as `plan`, and where a sound cannot be read.
        ModelError: where a model file is missing or has another content.
        OutputError: where `out` cannot be written; no file of that name exists then.
        MytalkError: CHECK_FAILED where the film fails a check; it is not kept.
    """
    page = report_path(out)
    with atomic_path(out) as film:
        planned = plan(context, title, monitor)
        prepared = prepare(context, title, planned, monitor)
        with monitor.running("drawing"):
            drawn = _drawn(context, prepared)
        with monitor.running("delivering"):
            timing = planned.film.found.faces.timing
            sound = title_sounds(context, title, planned.lines, timing.end)
            with _named_in_errors(out):
                checks = deliver_film(
                    context, timing, drawn.pieces, sound.sounds, not title.replace_audio, film
                )
        with monitor.running("recognising the words"):
            planned = replace(planned, lines=with_words(planned.lines))
        if (failure := failed_checks(checks, out)) is not None:
            raise failure
        with monitor.running("judging the lips"):
            # Of a clip it would be a tenth of all work.
            sync = line_sync(context, planned, drawn) if title.spec else {}
        with monitor.running("reporting"):
            done = Delivered(
                planned, prepared, drawn, sync, checks, sound.warnings, monitor.seconds
            )
            report = compose_report(context, title, done)
            report = with_players(report, film)
        # The reports are complete before the film appears under its name.
        write_page(page, report)
        write_document(document_path(out), report)
        if title.script:
            start = report.facts.start_timecode or Timecode(0, report.facts.fps)
            write_fitted(out, planned, start)
    return _result(context, title, out, planned, report, monitor.seconds)


@contextmanager
def _named_in_errors(out: Path) -> Iterator[None]:
    """Name the film where one of its temporary files cannot be written."""
    try:
        yield
    except OutputError as error:
        raise OutputError(
            error.what, reason=error.reason, where=str(out), remedy=error.remedy
        ) from error


def _drawn(context: TitleContext, prepared: PreparedTitle) -> DrawnTitle:
    requests = prepared.requests
    order = list(range(len(requests)))
    if len(order) <= _FEW:
        order.sort(key=lambda piece: -len(requests[piece].starts))
    made = context.made(DRAW, (requests[piece] for piece in order))
    pieces = dict(zip(order, made, strict=True))
    seconds = tuple(context.runner.seconds(DRAW, each) for each in requests)
    return DrawnTitle(tuple(pieces[piece] for piece in range(len(requests))), seconds)


def _result(
    context: TitleContext,
    title: Title,
    out: Path,
    planned: PlannedTitle,
    report: TitleReport,
    seconds: Mapping[str, float],
) -> DubResult:
    info, film = context.film.info, planned.film
    speech = title.stems[0].sound
    return DubResult(
        film=out,
        page=report_path(out),
        report=report,
        frames=report.facts.frames,
        left_alone=dict(report.frames_left_alone),
        fps=info.fps,
        duration=report.facts.duration,
        damage=film.damage,
        transcripts=planned.lines.transcripts,
        tracks={
            "video_track": info.choice.video,
            "audio_track": info.choice.audio,
            "speech_track": probe_audio(speech.file.path, speech.choice).track,
        },
        stage_seconds=dict(seconds),
        cut_off=cut_off_note(info.duration, report.facts.duration),
    )


def length_warning(result: DubResult) -> str:
    """A warning where speech goes on after the film's end; else empty."""
    ends = [each.voice[-1].end for each in result.transcripts.values() if each.voice]
    late = max(ends, default=Fraction(0)) - result.duration
    if late < _LEAST_MISSED:
        return ""
    return f"the film ends {float(late):.1f} s before the speech does"


def nothing_drawn_warning(result: DubResult) -> str:
    """A warning where every frame keeps its own mouth; else empty."""
    if result.rendered_frames:
        return ""
    return f"no frame has new lips ({counts_text(result.left_alone)}), only the sound is new"
