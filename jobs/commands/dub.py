"""`mytalk dub`: re-render the lips of a film to other speech."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import notes, result
from jobs.dub_summary import (
    WorkUse,
    dub_document,
    dub_summary,
    dub_warnings,
    plan_document,
    plan_summary,
)
from jobs.options import with_options
from jobs.title_stages import running_stages
from mytalk_core.errors import BadInputError, Reason

if TYPE_CHECKING:
    from mytalk_core.data.artifacts import Artifacts
    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.models import NamedModels
    from mytalk_core.dubbing.opened_title import Title
    from mytalk_core.dubbing.title_context import TitleContext

_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
# Options that do not decide the film, or decide it beside a specification.
_BESIDE_SPECIFICATION = ("title", "speech", "out", "motion", "renderer", "work", "dry_run")


@dataclass(frozen=True)
class DubOptions:
    """What `mytalk dub` takes."""

    title: Annotated[Path, typer.Argument(metavar="TITLE", show_default=False)]
    """The film; or a title specification (YAML or JSON), which names everything else."""

    speech: Annotated[Path | None, typer.Argument(show_default=False)] = None
    """The new speech of the film: any file with audio."""

    out: Annotated[Path | None, typer.Option(show_default="as the specification says")] = None
    """The dubbed film: MP4, MOV or MKV."""

    script: Annotated[Path | None, typer.Option(show_default=False)] = None
    """The lines of the speech: subtitles, TTML, a dialogue list (CSV, XLSX, DOCX) or TTAL."""

    language: Annotated[str, typer.Option(metavar="TAG", show_default="as recognised")] = ""
    """Language of the speech, such as `pt-BR`."""

    member: Annotated[str, typer.Option(metavar="ID", show_default="as recognised")] = ""
    """Who speaks, where a film shows several people: a member that `mytalk cast` lists."""

    style: Annotated[Path | None, typer.Option(show_default="the film itself")] = None
    """A film in which the actor speaks, for their manner of speaking."""

    motion: Annotated[str | None, typer.Option(metavar="FILE", show_default=False)] = None
    """Weights of the motion model instead of the shipped ones; path or URL."""

    renderer: Annotated[str | None, typer.Option(metavar="FILE", show_default=False)] = None
    """Weights of the renderer instead of the shipped ones; path or URL."""

    seed: Annotated[int, typer.Option(min=0)] = 0
    """Random seed; small movements depend on it."""

    articulation: Annotated[float, typer.Option(min=0, max=3)] = 1.1
    """Factor on how far the lips move."""

    guidance: Annotated[float, typer.Option(min=0, max=3)] = 1.0
    """Factor on the influence of the speech on the lips."""

    keep_silent_mouths: Annotated[bool, typer.Option("--keep-silent-mouths")] = False
    """Leave mouths that speak in the film as they are where the dub is silent; else they are
    shut."""

    video_track: Annotated[int | None, typer.Option(min=1, show_default="as players choose")] = None
    """Video track of the film, from 1."""

    audio_track: Annotated[int | None, typer.Option(min=1, show_default="as players choose")] = None
    """Audio track of the film's own speech, from 1."""

    speech_track: Annotated[int | None, typer.Option(min=1, show_default="as players choose")] = (
        None
    )
    """Audio track of the speech's file, from 1."""

    strict: Annotated[bool, typer.Option("--strict")] = False
    """Refuse a film with damaged frames instead of showing them as players do."""

    even_size: Annotated[bool, typer.Option("--even-size")] = False
    """Extend a film of odd size by a column or row that players crop away."""

    adapt: Annotated[float, typer.Option(min=0, metavar="SECONDS", show_default="not at all")] = 0.0
    """Time limit for adapting the renderer to each actor first; kept for the next dub of the
    film."""

    work: Annotated[Path | None, typer.Option(show_default="in the cache")] = None
    """Folder of intermediate results: a killed dub goes on from there, a changed one draws only
    what changed."""

    dry_run: Annotated[bool, typer.Option("--dry-run")] = False
    """Print the plan: lines, seconds to draw, what is reused, and the estimated time."""


@with_options
def dub(options: DubOptions) -> None:
    """Make the lips of a film follow other speech, and keep everything else.

    The film keeps its frames, rate and size and is marked as synthetic. Lips change only where
    somebody in the picture says a line. The report OUT.report.html shows what was changed, and why.
    Dub people only with their consent.

    \b
    mytalk dub film.mp4 speech.wav --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --script lines.srt --out dubbed.mp4
    mytalk dub title.yaml
    mytalk dub title.yaml --dry-run
    mytalk --json dub film.mov speech.flac --out dubbed.mp4
    """
    from mytalk_core.dubbing.work_store import work_store
    from pipelines.local_worker import prepare_workers

    prepare_workers()  # they import the networks while the inputs are checked
    artifacts = work_store(options.work)
    order = _order(options, artifacts)
    notes(order.title.notes)  # before minutes of work
    if options.dry_run:
        _print_plan(order, artifacts)
    else:
        _print_dub(order, artifacts)


@dataclass(frozen=True)
class _Order:
    """A title with everything that decides its film."""

    title: Title
    out: Path
    config: DubConfig
    models: NamedModels


def _order(options: DubOptions, artifacts: Artifacts) -> _Order:
    """Check outputs and inputs, before any model is loaded."""
    from mytalk_core.data.own_weights import own_weights
    from mytalk_core.dubbing.models import named_models
    from mytalk_core.dubbing.title_reader import SUFFIXES

    motion, renderer = (
        own_weights(place) if place else None for place in (options.motion, options.renderer)
    )
    models = named_models(motion, renderer)
    if options.title.suffix.lower() in SUFFIXES:
        title, out, config = _specified(options, artifacts)
    else:
        title, out, config = _clip(options, artifacts)
    models.here()
    return _Order(title, out, config, models)


def _specified(options: DubOptions, artifacts: Artifacts) -> tuple[Title, Path, DubConfig]:
    from mytalk_core.dubbing.opening import open_title
    from mytalk_core.dubbing.title_reader import read_title

    _refuse_beside_specification(options)
    spec = read_title(options.title, date.today())
    spec = replace(spec, output=options.out) if options.out else spec
    read = [
        options.title,
        spec.film,
        *spec.dub.values(),
        *spec.styles.values(),
        *(path for path in (spec.music_and_effects, spec.mix, spec.script) if path),
    ]
    _check_outputs(spec.output, read)
    title = open_title(spec, artifacts)
    from mytalk_core.dubbing.title_configuration import title_config  # imports torch

    return title, spec.output, title_config(spec.options)


def _refuse_beside_specification(options: DubOptions) -> None:
    """Options that a specification states itself must not be given twice."""
    given = [
        f"--{field.name.replace('_', '-')}"
        for field in fields(options)
        if field.name not in _BESIDE_SPECIFICATION and getattr(options, field.name) != field.default
    ]
    given += ["SPEECH"] if options.speech else []
    if given:
        raise BadInputError(
            f"{', '.join(given)}: a title specification states this itself.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(options.title),
            remedy="Write it there, or dub without a specification.",
        )


def _clip(options: DubOptions, artifacts: Artifacts) -> tuple[Title, Path, DubConfig]:
    from mytalk_core.dubbing.opening import ClipFiles, open_clip
    from mytalk_core.media.stream_choice import StreamChoice
    from mytalk_core.speech.languages import check_language

    if options.speech is None or options.out is None:
        missing = "SPEECH" if options.speech is None else "--out"
        raise BadInputError(
            f"{missing} is missing.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(options.title),
            remedy="Give FILM SPEECH --out FILE, or a title specification.",
        )
    given = (options.title, options.speech, options.script, options.style)
    weights = (options.motion, options.renderer)
    _check_outputs(options.out, [path for path in (*given, *weights) if path])
    if options.language:
        check_language(options.language, "--language")
    files = ClipFiles(
        options.title,
        options.speech,
        options.out,
        options.script,
        options.style,
        StreamChoice(video=options.video_track, audio=options.audio_track),
        StreamChoice(audio=options.speech_track),
        options.language,
        options.even_size,
        options.member,
    )
    return open_clip(files, artifacts), options.out, _clip_config(options)


def _clip_config(options: DubOptions) -> DubConfig:
    # Imports torch, so it is called once the inputs are checked.
    from mytalk_core.dubbing.title_configuration import title_config
    from mytalk_core.dubbing.title_spec import TitleOptions

    return title_config(
        TitleOptions(
            keep_silent_mouths=options.keep_silent_mouths,
            articulation=options.articulation,
            guidance=options.guidance,
            seed=options.seed,
            adapt_seconds=options.adapt,
            strict=options.strict,
            even_size=options.even_size,
        )
    )


def _check_outputs(out: Path, read: Sequence[str | Path]) -> None:
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.dubbing.title_outputs import title_outputs

    check_output_files(title_outputs(out), read, suffixes=_SUFFIXES)


def _running(order: _Order, artifacts: Artifacts) -> AbstractContextManager[TitleContext]:
    return running_stages(order.title.film, order.config, order.models, artifacts)


def _print_dub(order: _Order, artifacts: Artifacts) -> None:
    from mytalk_core.dubbing.monitor import Monitor
    from mytalk_core.dubbing.title import dub_title
    from mytalk_core.media.output import sole_writer

    with sole_writer(order.out), _running(order, artifacts) as context:
        dubbed = dub_title(context, order.title, order.out, Monitor())
    warnings = dub_warnings(order.title, dubbed)
    notes([warning for warning in warnings if warning not in order.title.notes])
    work = WorkUse(artifacts.root, sum(artifacts.usage().values()), artifacts.limit)
    result(dub_document(order.title, dubbed, warnings), dub_summary(dubbed, work))


def _print_plan(order: _Order, artifacts: Artifacts) -> None:
    from mytalk_core.data.stage_rates import StageRates
    from mytalk_core.dubbing.dry_run import plan_title_only

    with _running(order, artifacts) as context:
        planned = plan_title_only(context, order.title, StageRates(artifacts.root))
    result(plan_document(planned), plan_summary(planned))
