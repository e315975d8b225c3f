"""Dub one title: the lips of its film follow the speech, everything else stays as it was.

Each stage is a function from values to one frozen value, which `data.values` can store. This module
runs the stages one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from mytalk_core.appearance.album import AlbumPage
from mytalk_core.data.page import report_path
from mytalk_core.dubbing.composed_report import DubStages, compose_report
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.delivery import deliver_film
from mytalk_core.dubbing.delivery_checks import failed_checks
from mytalk_core.dubbing.drawing import DrawnFilm, draw_film
from mytalk_core.dubbing.film_album import film_album, with_album
from mytalk_core.dubbing.film_faces import chosen_faces
from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.dubbing.learning import (
    ActorAppearances,
    ActorStyle,
    learn_appearances,
    learn_styles,
    target_geometry,
    target_mouths,
)
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.listening import Listening, listen, track_speech
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.references import TrackAppearance, TrackMouths, film_appearances
from mytalk_core.dubbing.rendering import TrackToDraw, render_film
from mytalk_core.dubbing.report import write_report
from mytalk_core.dubbing.speech_motion import MotionFiles, move_lips
from mytalk_core.dubbing.title_adaptation import STAGE
from mytalk_core.dubbing.title_plan import TitlePlan, plan_title
from mytalk_core.dubbing.title_run import TitleRun
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.dubbing.track_choice import ChosenTracks
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.films.film_range import StoredRange, observe_range
from mytalk_core.films.stored_array import ArrayFile
from mytalk_core.media.damage import DamagedStretch
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.output import atomic_path, work_folder
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo, probe_audio, probe_video
from mytalk_core.speech.transcript import Transcript

_DECODED_AHEAD = 16  # frames that are decoded before they are rendered


@dataclass(frozen=True)
class DubResult:
    """A dubbed title."""

    film: Path
    report: Path
    frames: int
    left_alone: dict[LeftAlone, int]  # frames that keep their own mouths, by reason
    fps: Fraction
    duration: Fraction  # seconds
    damage: tuple[DamagedStretch, ...]  # of the source film
    tracks: dict[str, int | None]  # numbers of the tracks used; None where there is no such sound
    stage_seconds: dict[str, float]

    @property
    def rendered_frames(self) -> int:
        """Frames of which at least one sample was changed."""
        return self.frames - sum(self.left_alone.values())


def dub(
    inputs: Inputs,
    out: Path,
    tools: DubTools,
    config: DubConfig,
    transcript: Transcript,
    monitor: Monitor,
) -> DubResult:
    """Make the lips of a film follow a speech; write the film and its report.

    Pictures are streamed. Landmarks, speech features and motion are stored beside `out` during the
    work; the speech itself, 230 MB an hour, is held in memory.

    Args:
        inputs: a film, of whose shots the largest face is dubbed, the speech, maybe a style.
        transcript: of the speech; lips stay shut outside its voice intervals.

    Raises:
        BadInputError: where a file cannot be used, or shows no face.
        ModelError: where a model file is missing or has another content.
        OutputError: where `out` cannot be written; no file of that name exists then.
        MytalkError: CHECK_FAILED where the film fails a check; it is not kept.
    """
    info = probe_video(inputs.video, inputs.film_tracks, config.even_size)
    with atomic_path(out) as film:
        with work_folder(out) as work:
            run = TitleRun(inputs, info, config, tools, work, monitor)
            observed = _observe(run)
            faces = _choose(run, observed)
            plan = _plan(run, faces)
            styles = learn_styles(run, plan)
            speech = _listen(run, faces, transcript)
            motions = _move(run, plan, styles, speech)
            appearances = learn_appearances(run, plan, motions)
            picture = work / "picture.mp4"
            drawn = _draw(run, plan, motions, appearances, picture)
            checks = deliver_film(run, plan.timing, drawn, picture, film)
            stages = DubStages(
                observed.damage, plan, styles, speech, appearances.adaptation, drawn, checks
            )
            report = compose_report(run, stages)
        if (failure := failed_checks(checks, out)) is not None:
            raise failure
        # The report is complete before the film appears under its name.
        page = report_path(out)
        write_report(page, report)
    return DubResult(
        film=out,
        report=page,
        frames=report.frames,
        left_alone=dict(report.left_alone),
        fps=info.fps,
        duration=report.duration,
        damage=observed.damage,
        tracks=_tracks_used(info, inputs),
        stage_seconds=dict(monitor.seconds),
    )


def _tracks_used(film: VideoInfo, inputs: Inputs) -> dict[str, int | None]:
    return {
        "video_track": film.choice.video,
        "audio_track": film.choice.audio,
        "speech_track": probe_audio(inputs.speech, inputs.speech_tracks).track,
    }


def _observe(run: TitleRun) -> StoredRange:
    with run.monitor.running("finding the face"):
        folder = run.work / "range"
        folder.mkdir()
        return observe_range(
            run.film,
            run.tools.landmarker,
            folder,
            run.monitor.progress,
            strict=run.config.strict,
        )


def _choose(run: TitleRun, observed: StoredRange) -> ChosenTracks:
    with run.monitor.running("finding the face"):
        return chosen_faces(run.film, [observed], run.tools.landmarker, run.work)


def _plan(run: TitleRun, faces: ChosenTracks) -> TitlePlan:
    with run.monitor.running("moving the lips"):
        return plan_title(run.film, faces, run.config.plan)


def _listen(run: TitleRun, faces: ChosenTracks, transcript: Transcript) -> Listening:
    with run.monitor.running("encoding the speech"):
        return listen(
            run.inputs,
            transcript,
            faces.timing,
            run.tools.speech_encoder,
            run.work / "speech",
            run.monitor.progress,
        )


def _move(
    run: TitleRun, plan: TitlePlan, styles: tuple[ActorStyle, ...], speech: Listening
) -> tuple[TrackMotion, ...]:
    files = MotionFiles(ArrayFile(run.work / "motion"), run.work / "upper")
    motions = []
    with run.monitor.running("moving the lips"):
        for planned, actor in zip(plan.tracks, styles, strict=True):
            model = actor.applied(run.tools.motion)
            person = planned.with_shapes(actor.shapes)
            own = track_speech(speech, speech.transcript.voice)
            motions.append(
                move_lips(model, person, own, run.config.motion, files, run.monitor.progress)
            )
    return tuple(motions)


def _draw(
    run: TitleRun,
    plan: TitlePlan,
    motions: tuple[TrackMotion, ...],
    learned: ActorAppearances,
    picture: Path,
) -> DrawnFilm:
    renderer = run.tools.renderer
    if learned.adaptation:
        renderer = learned.adaptation.renderer(renderer)
    tracks = [
        TrackToDraw(planned, target_geometry(planned, motion), renderer)
        for planned, motion in zip(plan.tracks, motions, strict=True)
    ]
    appearances = _appearances(run, plan, motions, learned)
    frames = render_film(
        prefetched(
            iter_planes(run.film.path, choice=run.film.choice, even=run.film.even), _DECODED_AHEAD
        ),
        plan.segments,
        tracks,
        appearances,
    )
    with run.monitor.running("rendering"):
        return draw_film(picture, run.film, plan, frames, run.config.crf, run.monitor.progress)


def _appearances(
    run: TitleRun,
    plan: TitlePlan,
    motions: tuple[TrackMotion, ...],
    learned: ActorAppearances,
) -> Iterator[TrackAppearance]:
    """The appearance of each track, for an adapted renderer with references of other tracks."""

    def mouths(number: int) -> TrackMouths:
        return target_mouths(plan.tracks[number], motions[number])

    album: dict[int, AlbumPage] = {}
    if learned.adaptation:
        with run.monitor.running(STAGE):
            album = film_album(run.film, plan.tracks, mouths, run.work, run.monitor.progress)
    with run.monitor.running("choosing reference frames"):
        # Read one track ahead of the rendering; the rendering waits for the first one.
        ahead = prefetched(
            film_appearances(run.film, plan.tracks, learned.references, run.monitor.progress), 1
        )
        appearances = chain(list(islice(ahead, 1)), ahead)
    if not album:
        return appearances
    return (
        with_album(
            appearance, number, mouths(number).target, album, plan.tracks[number].track.scheme
        )
        for number, appearance in enumerate(appearances)
    )
