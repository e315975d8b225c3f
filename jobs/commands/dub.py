"""`mytalk dub`: re-render the lips of one film to other speech."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import note, notes, result, stages
from jobs.options import with_options

if TYPE_CHECKING:
    from mytalk_core.dubbing.dub import DubResult
    from mytalk_core.dubbing.inputs import Inputs
    from mytalk_core.speech.transcript import Transcript

_SUFFIXES = (".mp4", ".m4v")


@dataclass(frozen=True)
class DubOptions:
    """What `mytalk dub` takes."""

    video: Annotated[Path, typer.Argument(show_default=False)]
    """The film; the largest face of each shot is dubbed."""

    speech: Annotated[Path, typer.Argument(show_default=False)]
    """The new speech: any file with audio."""

    out: Annotated[Path, typer.Option(show_default=False)]
    """The dubbed film, an MP4 file."""

    script: Annotated[Path | None, typer.Option(show_default=False)] = None
    """The lines of the speech: SRT, WebVTT, TTML, DAPT, SSA, TTAL, CSV, XLSX or DOCX."""

    language: Annotated[str, typer.Option(metavar="TAG", show_default="as recognised")] = ""
    """Language of the speech, such as `pt-BR`."""

    style: Annotated[Path | None, typer.Option(show_default="the film itself")] = None
    """A film in which the actor speaks, for their manner of speaking."""

    motion: Annotated[Path | None, typer.Option(show_default=False)] = None
    """Weights of the motion model instead of the shipped ones."""

    renderer: Annotated[Path | None, typer.Option(show_default=False)] = None
    """Weights of the renderer instead of the shipped ones."""

    seed: Annotated[int, typer.Option(min=0)] = 0
    """Random seed; small movements depend on it."""

    articulation: Annotated[float, typer.Option(min=0, max=3)] = 1.1
    """Factor on how far the lips move."""

    guidance: Annotated[float, typer.Option(min=0, max=3)] = 1.0
    """Factor on the influence of the speech on the lips."""

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
    """Time limit for adapting the renderer to the actor first; the adapted weights are kept for the
    next dub of the film. Shots then share reference frames."""


@with_options
def dub(options: DubOptions) -> None:
    """Make the lips of a film follow other speech, and keep everything else.

    The film keeps its frames, rate and size and is marked as synthetic. The report
    OUT.report.html shows what was changed. Dub people only with their consent.

    \b
    mytalk dub film.mp4 speech.wav --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --script lines.srt --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --style interview.mp4 --articulation 1.2 --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --adapt 120 --out dubbed.mp4
    mytalk --json dub film.mov speech.flac --out dubbed.mp4
    """
    inputs = _open(options)
    notes(inputs.losses)  # before minutes of work
    dubbed, transcript = _dubbed(options, inputs)
    _note_warnings(options, inputs, dubbed, transcript)
    result(_document(inputs, dubbed, transcript), _summary(dubbed))


def _open(options: DubOptions) -> Inputs:
    """Check the output and open the inputs, before any model is loaded."""
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.data.page import report_path

    given = (
        options.video,
        options.speech,
        options.script,
        options.style,
        options.motion,
        options.renderer,
    )
    written = [options.out, report_path(options.out)]
    check_output_files(written, [path for path in given if path], suffixes=_SUFFIXES)

    from mytalk_core.dubbing.inputs import TitleFiles, open_inputs
    from mytalk_core.media.stream_choice import StreamChoice
    from mytalk_core.speech.languages import check_language

    if options.language:
        check_language(options.language, "--language")
    return open_inputs(
        TitleFiles(
            options.video,
            options.speech,
            options.script,
            options.style,
            StreamChoice(video=options.video_track, audio=options.audio_track),
            StreamChoice(audio=options.speech_track),
            options.language,
            options.even_size,
        )
    )


def _dubbed(options: DubOptions, inputs: Inputs) -> tuple[DubResult, Transcript]:
    """Load the models and write the film and its report."""
    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.models import stored_models
    from mytalk_core.dubbing.title import dub_title
    from mytalk_core.dubbing.tools import DubTools

    config = DubConfig(
        seed=options.seed,
        articulation=options.articulation,
        guidance=options.guidance,
        adapt_seconds=options.adapt,
        strict=options.strict,
        even_size=options.even_size,
    )
    with stages() as report, DubTools(stored_models(options.motion, options.renderer)) as tools:
        return dub_title(inputs, options.out, tools, config, report)


def _note_warnings(
    options: DubOptions, inputs: Inputs, dubbed: DubResult, transcript: Transcript
) -> None:
    from mytalk_core.dubbing.notes import input_notes
    from mytalk_core.dubbing.title import length_warning, nothing_drawn_warning
    from mytalk_core.media.damage import damage_text

    notes([line for line in input_notes(inputs, transcript) if line not in inputs.losses])
    if not (transcript.voice or options.language):
        note(f"No speech was detected in {options.speech}: the mouth stays shut.")
    late = length_warning(transcript, dubbed.duration)
    cut = f"{late}; the rest is cut off" if late else ""
    found = (cut, damage_text(dubbed.damage), nothing_drawn_warning(dubbed))
    notes([warning for warning in found if warning])


def _summary(dubbed: DubResult) -> str:
    seconds = sum(dubbed.stage_seconds.values())
    lines = [
        f"{dubbed.rendered_frames} of {dubbed.frames} frames have new lips"
        f"; {seconds:.1f} s, {dubbed.frames / seconds:.1f} frames/s",
        *(f"{frames} left alone: {reason.text}" for reason, frames in dubbed.left_alone.items()),
        f"film:   {dubbed.film}",
        f"report: {dubbed.report}",
    ]
    return "\n".join(lines)


def _document(inputs: Inputs, dubbed: DubResult, transcript: Transcript) -> dict[str, object]:
    """The result as JSON values."""
    from mytalk_core.dubbing.left_alone_reason import LeftAlone
    from mytalk_core.dubbing.notes import input_notes
    from mytalk_core.dubbing.title import length_warning
    from mytalk_core.media.damage import damage_text
    from mytalk_core.speech.script import faults_to_json

    warnings = (length_warning(transcript, dubbed.duration), damage_text(dubbed.damage))
    return {
        "film": str(dubbed.film),
        "report": str(dubbed.report),
        "frames": dubbed.frames,
        "rendered_frames": dubbed.rendered_frames,
        "faceless_frames": dubbed.left_alone.get(LeftAlone.NO_FACE, 0),
        "left_alone": {reason.value: frames for reason, frames in dubbed.left_alone.items()},
        "fps": str(dubbed.fps),
        **dubbed.tracks,
        "language": transcript.language,
        "heard_language": transcript.detected_language,
        "heard_probability": transcript.detected_probability,
        "script_faults": faults_to_json(inputs.script_faults),
        "damage": [
            {"start": float(each.start), "end": float(each.end)}
            | {"damaged": each.damaged, "missing": each.missing}
            for each in dubbed.damage
        ],
        "warnings": [*input_notes(inputs, transcript), *filter(None, warnings)],
        "stage_seconds": dubbed.stage_seconds,
    }
