"""One title: the film's lips follow the speech, everything else stays as it was."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mytalk_core
from mytalk_core.appearance.adaptation import AdaptationConfig
from mytalk_core.appearance.album import AlbumPage
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.reference_choice import SHOWN
from mytalk_core.data.checked_file import sha256_of
from mytalk_core.data.page import report_path
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.dubbing.disk_array import DiskArrays
from mytalk_core.dubbing.dubbed_picture import (
    checks,
    failed_checks,
    frame_pairs,
    mouth_curve,
    source_opening,
    write_picture,
)
from mytalk_core.dubbing.film_album import beside_others, film_album
from mytalk_core.dubbing.film_faces import observe_film, study_person
from mytalk_core.dubbing.geometry import FaceGeometry, run_crop, run_geometry
from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.notes import input_notes
from mytalk_core.dubbing.own_style import OwnStyle, OwnStyleConfig, learn_own_style
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.references import RunMouths, choose_references, film_looks, study_mouths
from mytalk_core.dubbing.rendering import RunToRender, render_film
from mytalk_core.dubbing.report import DubReport, passed_through, write_report
from mytalk_core.dubbing.run_plans import drawn_runs, plan_runs
from mytalk_core.dubbing.speech_motion import encode_speech, move_lips, speaking_gate
from mytalk_core.dubbing.style_reference import StyleReference, learn_style_reference
from mytalk_core.dubbing.title_adaptation import TitleAdaptation, adapt_to_title
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.audio import read_audio
from mytalk_core.media.damage import DamagedStretch, DamageLog
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.mux import mux
from mytalk_core.media.output import atomic_path, work_folder
from mytalk_core.media.prefetch import prefetched
from mytalk_core.media.probe import VideoInfo, probe_audio, probe_video
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.transcript import Transcript

_DECODED_AHEAD = 16  # frames that stand decoded before they are rendered


@dataclass(frozen=True)
class DubConfig:
    """How a title is dubbed."""

    # Another seed, other small movements.
    seed: int = 0
    # Factor on the motion. Without one, the opening of training speakers left out of the fit varies
    # by 0.96 of its true deviation, that of the man in the sample footage by nine tenths.
    articulation: float = 1.1
    # Factor on what the speech does to the motion: classifier-free guidance. Other than 1 it takes
    # the model longer, and wants weights that were trained with examples that hear nothing.
    guidance: float = 1.0
    # Reference frames of a run that the renderer is shown; each frame is drawn from a few of them.
    references: int = SHOWN
    # x264's quality of the film, 0 (lossless) to 51.
    crf: int = 16
    # Whether a film of odd size is extended to an even one, with the size to show beside it.
    even_size: bool = False
    mask: MaskConfig = field(default_factory=MaskConfig)
    # Its size is that of the face in the film, whatever stands here.
    crop: CropConfig = field(default_factory=CropConfig)
    # Seconds in which the renderer learns the actor from the film, at most; 0 does without.
    adapt_seconds: float = 0.0
    # Whether a film with damaged frames is refused; else they are shown as players show them.
    strict: bool = False
    own_style: OwnStyleConfig = field(default_factory=OwnStyleConfig)
    left_alone: LeftAloneConfig = field(default_factory=LeftAloneConfig)


@dataclass(frozen=True)
class DubResult:
    """What a dub made."""

    film: Path
    report: Path
    frames: int
    left_alone: dict[LeftAlone, int]  # frames that keep their own mouth, by reason
    fps: Fraction
    duration: Fraction  # seconds
    damage: tuple[DamagedStretch, ...]  # of the film before
    tracks: dict[str, int | None]  # numbers of the tracks used; None where there is no such sound
    stage_seconds: dict[str, float]

    @property
    def rendered_frames(self) -> int:
        """Frames of which at least one sample was changed."""
        return self.frames - sum(self.left_alone.values())


class StageClock:
    """Adds up the time that each stage takes."""

    def __init__(self, spent: Mapping[str, float]) -> None:
        """`spent`: seconds of stages that are over."""
        self.seconds: dict[str, float] = defaultdict(float, spent)

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Counts the block's time to `stage`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] += time.monotonic() - start


def _synthetic_mark() -> str:
    """The comment that every dubbed film carries."""
    return (
        f"Synthetic speech video: lips re-rendered by MyTalk {mytalk_core.__version__}"
        " to follow another voice."
    )


def dub(
    inputs: Inputs,
    out: Path,
    models: DubModels,
    config: DubConfig,
    transcript: Transcript,
    progress: Progress,
    spent: Mapping[str, float],
    tools: DubTools | None = None,
) -> DubResult:
    """Make the lips of a film follow a speech; write the film and its report.

    Pictures are streamed. Landmarks, speech features and motion live on disk beside `out` while
    the work goes on; the speech itself, 230 MB an hour, is held in memory.

    Args:
        inputs: a film, of whose shots the largest face is dubbed, the speech, maybe a style.
        transcript: of the speech; lips stay shut outside its voice intervals.
        spent: seconds that stages before this one took, for the report.
        tools: the networks of `models`, of who dubs several titles with them; by default they are
            loaded for this one.

    Raises:
        BadInputError: where a file cannot be used, or shows no face.
        ModelError: where a model file is missing or another.
        OutputError: where `out` cannot be written; nothing stands under its name then.
        MytalkError: CHECK_FAILED where the film is not what it must be; it is not kept.
    """
    info = probe_video(inputs.video, inputs.film_tracks, config.even_size)
    speech = probe_audio(inputs.speech, inputs.speech_tracks)
    clock = StageClock(spent)
    with ExitStack() as own, atomic_path(out) as film:
        loaded = tools or own.enter_context(DubTools(models))
        with work_folder(out) as work:
            report = _dub_into(
                film, work, info, inputs, loaded, config, transcript, progress, clock
            )
        if (failure := failed_checks(report.checks, out)) is not None:
            raise failure
        # Before the film appears: whoever sees a film finds its report beside it.
        page = report_path(out)
        write_report(page, report)
    return DubResult(
        film=out,
        report=page,
        frames=report.frames,
        left_alone=dict(report.left_alone),
        fps=info.fps,
        duration=report.duration,
        damage=report.damage,
        tracks={
            "video_track": info.choice.video,
            "audio_track": info.choice.audio,
            "speech_track": speech.track,
        },
        stage_seconds=dict(clock.seconds),
    )


def _dub_into(
    film: Path,
    work: Path,
    info: VideoInfo,
    inputs: Inputs,
    tools: DubTools,
    config: DubConfig,
    transcript: Transcript,
    progress: Progress,
    clock: StageClock,
) -> DubReport:
    scheme = MESH478
    renderer, model = tools.renderer, tools.motion
    with clock.running("finding the face"):
        damage = DamageLog(config.strict)
        faces = observe_film(info, tools.landmarker, work, progress, damage)
    duration = faces.end
    encoder = tools.speech_encoder
    reference: StyleReference | None = None
    own_sound: NDArray[np.float16] | None = None
    with clock.running("learning the actor's style"):
        if inputs.style:
            reference = learn_style_reference(
                inputs.style, model, encoder, tools.landmarker, config.own_style, work, progress
            )
        else:
            own_sound = _own_sound(info, duration, encoder, work, progress)
    with clock.running("encoding the speech"):
        audio = read_audio(inputs.speech, choice=inputs.speech_tracks)
        features = encode_speech(audio, duration, encoder, work / "speech", progress)
    with clock.running("moving the lips"):
        gate = speaking_gate(transcript.voice, len(features))
        people = [study_person(faces, run, scheme, config.mask) for run in faces.runs]
        plans = plan_runs(info, faces, people, scheme, config.left_alone)
        drawn = drawn_runs(faces, people, plans)
        faces, people, plans = drawn.faces, list(drawn.people), list(drawn.plans)
    motions, styles = [], []
    moved = DiskArrays(work / "motion")
    for run, person in zip(faces.runs, people, strict=True):
        with clock.running("learning the actor's style"):
            if reference:
                style = OwnStyle(reference.model, reference.told)
                person = replace(person, known=replace(person.known, shapes=reference.identity))
            else:
                style = learn_own_style(model, faces, run, person, own_sound, config.own_style)
        styles.append((faces.starts[run[0]], style.told))
        with clock.running("moving the lips"):
            motion = move_lips(
                style.model,
                faces,
                run,
                person,
                features,
                gate,
                config.articulation,
                config.guidance,
                config.seed,
                moved,
                work,
                progress,
            )
        motions.append(motion)
    crops = [
        run_crop(faces, run, person, scheme, config.crop)
        for run, person in zip(faces.runs, people, strict=True)
    ]

    def geometry(number: int) -> Iterator[FaceGeometry]:
        run, crop = faces.runs[number], crops[number]
        return run_geometry(faces, run, people[number], motions[number], scheme, crop, info.fps)

    def mouths(number: int) -> RunMouths:
        """Worked out anew each time: of a film of many runs they would be many."""
        run, crop, usable = faces.runs[number], crops[number], plans[number].usable
        starts = faces.starts[run[0] : run[1]]
        return study_mouths(run, geometry(number), starts, usable, crop, scheme)

    with clock.running("choosing reference frames"):
        chosen = [
            choose_references(mouths(run), config.references) for run in range(len(faces.runs))
        ]
    adaptation: TitleAdaptation | None = None
    album: dict[int, AlbumPage] = {}
    if config.adapt_seconds > 0 and faces.runs:
        with clock.running("learning the actor's look"):
            adaptation = adapt_to_title(
                info,
                faces,
                people,
                [plan.usable for plan in plans],
                renderer,
                tools.files,
                config.crop,
                config.mask,
                scheme,
                AdaptationConfig.lasting(config.adapt_seconds),
                progress,
            )
            album = film_album(info, faces, people, mouths, crops, scheme, work, progress)
        renderer = adaptation.renderer
    with clock.running("choosing reference frames"):
        # One run ahead of the rendering, but for the first, for which it waits.
        looks = prefetched(film_looks(info, faces, people, chosen, crops, scheme, progress), 1)
        looks = chain(list(islice(looks, 1)), looks)
        if album:
            looks = (
                beside_others(look, run, mouths(run).asked, album, scheme)
                for run, look in enumerate(looks)
            )
    runs = (
        RunToRender(
            first=run[0],
            end=run[1],
            look=look,
            geometry=geometry(number),
            starts=faces.starts[run[0] : run[1]],
            strength=plan.strength,
            renderer=renderer,
        )
        for number, (run, look, plan) in enumerate(zip(faces.runs, looks, plans, strict=True))
    )
    frames = render_film(
        prefetched(iter_planes(info.path, choice=info.choice, even=info.even), _DECODED_AHEAD),
        runs,
        scheme,
    )
    picture = work / "picture.mp4"
    source = source_opening(faces, scheme)
    with clock.running("rendering"):
        written = write_picture(picture, info, frames, source, config.crf, progress)
    with clock.running("adding the speech"):
        mux(
            picture,
            inputs.speech,
            film,
            written.duration,
            _synthetic_mark(),
            inputs.speech_tracks,
        )
    asked = np.array(written.openings)
    left_alone = drawn.left_alone(np.isfinite(asked).tolist())
    return DubReport(
        title=Path(info.path).name,
        source=info,
        starts=faces.starts,
        duration=written.duration,
        damage=tuple(damage.stretches),
        frames=len(written.openings),
        left_alone=count_reasons(left_alone),
        speech=inputs.speech.name,
        speech_track=probe_audio(inputs.speech, inputs.speech_tracks).tracks,
        transcript=transcript,
        pairs=frame_pairs(written.telling, faces, scheme),
        curve=mouth_curve(faces, asked, source, audio, float(info.fps)),
        passed_through=passed_through(left_alone),
        styles=tuple(styles),
        stage_seconds=dict(clock.seconds),
        adaptation=adaptation,
        checks=checks(info, faces, film, written, _synthetic_mark()),
        notes=tuple(input_notes(inputs, transcript)),
        versions={
            **made_with(ResultKind.DUBBING),
            "motion weights": sha256_of(tools.files.motion)[:16],
            "renderer weights": sha256_of(tools.files.renderer)[:16],
        },
    )


def _own_sound(
    info: VideoInfo, duration: Fraction, encoder: SpeechEncoder, work: Path, progress: Progress
) -> NDArray[np.float16] | None:
    """Features of the film's own sound as of the speech; None where it has none."""
    if not info.has_audio:
        return None

    def learning(_: str, done: int, total: int) -> None:
        progress("learning the actor's style", done, total)

    # The samples are let go of before the speech is read: an hour of either takes 230 MB.
    return encode_speech(
        read_audio(info.path, choice=info.choice), duration, encoder, work / "own-sound", learning
    )
