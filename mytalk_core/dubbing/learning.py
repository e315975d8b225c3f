"""Learn the actors of a title: how each speaks, and what each looks like."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.adaptation import AdaptationConfig
from mytalk_core.dubbing.geometry import FaceGeometry, track_geometry
from mytalk_core.dubbing.listening import encode_speech
from mytalk_core.dubbing.own_style import OwnStyle, learn_own_style
from mytalk_core.dubbing.references import Frames, TrackMouths, choose_references, study_mouths
from mytalk_core.dubbing.style_reference import learn_style_reference
from mytalk_core.dubbing.title_adaptation import STAGE, TitleAdaptation, adapt_to_title
from mytalk_core.dubbing.title_plan import PlannedTrack, TitlePlan
from mytalk_core.dubbing.title_run import TitleRun
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.films.stored_array import ArrayFile, StoredArray
from mytalk_core.media.audio import read_audio
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.style import with_speech_map

_STYLE_STAGE = "learning the actor's style"
_REFERENCE_STAGE = "choosing reference frames"


@dataclass(frozen=True)
class ActorStyle:
    """How the person of a track speaks."""

    summary: str  # for the report: what was learned, or why nothing was
    speech_map: StoredArray | None  # of `SpeechToMotion`; None: no style was learned
    shapes: NDArray[np.float32] | None  # (N, 3 M) of another clip, for the identity extractor

    def applied(self, model: SpeechToMotion) -> SpeechToMotion:
        """The model in this style; `model` is not changed."""
        if self.speech_map is None:
            return model
        return with_speech_map(model, np.array(self.speech_map.read()))


@dataclass(frozen=True)
class ActorAppearances:
    """What the persons of a title look like."""

    references: tuple[Frames, ...]  # of each track, frames that it is drawn from
    adaptation: TitleAdaptation | None  # None where it was not requested


def learn_styles(run: TitleRun, plan: TitlePlan) -> tuple[ActorStyle, ...]:
    """Learn the style of each track of a plan.

    It is learned from the clip that the title names, or else from the track itself.

    Raises:
        BadInputError: as `learn_style_reference`.
        OSError: where the disk is full.
    """
    tools, config = run.tools, run.config.own_style
    maps = ArrayFile(run.work / "styles")
    with run.monitor.running(_STYLE_STAGE):
        if run.inputs.style:
            learned = learn_style_reference(
                run.inputs.style, tools, config, run.work, run.monitor.progress
            )
            return len(plan.tracks) * (_stored(learned.style, learned.shapes, maps),)
        sound = _own_sound(run, plan)
        speech = None if sound is None else sound.read()
        return tuple(
            _stored(
                learn_own_style(tools.motion, each.track, each.person, speech, config), None, maps
            )
            for each in plan.tracks
        )


def _stored(style: OwnStyle, shapes: NDArray[np.float32] | None, maps: ArrayFile) -> ActorStyle:
    """A style with its map on disk: those of all tracks of a film would not fit in memory."""
    stored = None if style.speech_map is None else maps.add([style.speech_map])
    return ActorStyle(style.summary, stored, shapes)


def _own_sound(run: TitleRun, plan: TitlePlan) -> StoredArray | None:
    """Features of the film's own sound, as those of the speech; None where it has none."""
    if not run.film.has_audio:
        return None

    def learning(_: str, done: int, total: int) -> None:
        run.monitor.progress(_STYLE_STAGE, done, total)

    # The samples are freed before the speech is read: an hour of either takes 230 MB.
    sound = read_audio(run.film.path, choice=run.film.choice)
    path = run.work / "own-sound"
    return encode_speech(sound, plan.timing.end, run.tools.speech_encoder, path, learning)


def learn_appearances(
    run: TitleRun, plan: TitlePlan, motions: tuple[TrackMotion, ...]
) -> ActorAppearances:
    """Choose the reference frames of each track; adapt the renderer where that is requested.

    Raises:
        BadInputError, ModelError, OutputError: as `adapt_to_title`.
        OSError: where the disk is full.
    """
    with run.monitor.running(_REFERENCE_STAGE):
        chosen = tuple(
            choose_references(target_mouths(planned, motion), run.config.references)
            for planned, motion in zip(plan.tracks, motions, strict=True)
        )
    if run.config.adapt_seconds <= 0 or not plan.tracks:
        return ActorAppearances(chosen, None)
    with run.monitor.running(STAGE):
        lesson = AdaptationConfig.lasting(run.config.adapt_seconds)
        adaptation = adapt_to_title(
            run.film, plan.tracks, run.tools, run.config.plan, lesson, run.monitor.progress
        )
    return ActorAppearances(chosen, adaptation)


def target_geometry(planned: PlannedTrack, motion: TrackMotion) -> Iterator[FaceGeometry]:
    """The geometry of a planned track with its new motion."""
    return track_geometry(planned.track, planned.person, planned.crop, motion)


def target_mouths(planned: PlannedTrack, motion: TrackMotion) -> TrackMouths:
    """The mouths of a planned track with its new motion.

    They are recomputed for each call: those of all tracks of a film would not fit in memory.
    """
    return study_mouths(planned, target_geometry(planned, motion))
