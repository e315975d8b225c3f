"""`mytalk dub`: one film, other speech."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.console import note, notes, result, stages

_SUFFIXES = (".mp4", ".m4v")


def dub(
    video: Annotated[
        Path, typer.Argument(show_default=False, help="The film; one face in each of its frames.")
    ],
    speech: Annotated[
        Path, typer.Argument(show_default=False, help="What is to be said: any file with sound.")
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="The dubbed film, an MP4 file.")],
    script: Annotated[
        Path | None,
        typer.Option(show_default=False, help="The speech's lines, as SRT, WebVTT, TTML or SSA."),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            metavar="TAG", show_default="as recognised", help="What is spoken, such as `pt-BR`."
        ),
    ] = "",
    style: Annotated[
        Path | None,
        typer.Option(
            show_default="the film itself",
            help="A film in which the actor is heard to speak in their own way.",
        ),
    ] = None,
    motion: Annotated[
        Path | None, typer.Option(show_default=False, help="Other weights of the motion model.")
    ] = None,
    renderer: Annotated[
        Path | None, typer.Option(show_default=False, help="Other weights of the renderer.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another one, other small movements.")] = 0,
    articulation: Annotated[
        float, typer.Option(min=0, max=3, help="Factor on how far the lips move.")
    ] = 1.1,
    guidance: Annotated[
        float, typer.Option(min=0, max=3, help="Factor on what the speech does to the lips.")
    ] = 1.0,
    video_track: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="as players choose",
            help="Which video track of the film, from 1.",
        ),
    ] = None,
    audio_track: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="as players choose",
            help="Which audio track of the film is its own sound, from 1.",
        ),
    ] = None,
    speech_track: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="as players choose",
            help="Which audio track of the speech's file, from 1.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse a film with damaged frames instead of showing them as players do.",
        ),
    ] = False,
    even_size: Annotated[
        bool,
        typer.Option(
            "--even-size",
            help="Extend a film of odd size by a column or row that players crop away.",
        ),
    ] = False,
    adapt: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            show_default="not at all",
            help="How long the renderer may learn the actor from the film first, at most; what it"
            " learnt is kept for the next dub of it. Shots are then shown frames of one another.",
        ),
    ] = 0.0,
) -> None:
    """Make the lips of a film follow other speech, and leave everything else as it was.

    The film keeps its frames, rate and size and is marked as synthetic; a page beside it,
    OUT.report.html, shows what was changed. Dub people only with their consent.

    \b
    mytalk dub film.mp4 speech.wav --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --script lines.srt --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --style interview.mp4 --articulation 1.2 --out dubbed.mp4
    mytalk dub film.mp4 speech.wav --adapt 120 --out dubbed.mp4
    mytalk --json dub film.mov speech.flac --out dubbed.mp4
    """
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.data.page import report_path

    given = [path for path in (video, speech, script, style, motion, renderer) if path]
    check_output_files([out, report_path(out)], given, suffixes=_SUFFIXES)

    from mytalk_core.dubbing.inputs import TitleFiles, open_inputs
    from mytalk_core.media.stream_choice import StreamChoice
    from mytalk_core.speech.languages import check_language

    if language:
        check_language(language, "--language")
    # Before seconds go into loading models.
    inputs = open_inputs(
        TitleFiles(
            video,
            speech,
            script,
            style,
            StreamChoice(video=video_track, audio=audio_track),
            StreamChoice(audio=speech_track),
            language,
            even_size,
        )
    )
    notes(inputs.losses)  # before minutes go into the work

    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.left_alone_reason import LeftAlone
    from mytalk_core.dubbing.models import stored_models
    from mytalk_core.dubbing.notes import input_notes
    from mytalk_core.dubbing.title import dub_title, length_warning, nothing_drawn_warning
    from mytalk_core.dubbing.tools import DubTools
    from mytalk_core.media.damage import damage_text
    from mytalk_core.speech.script import faults_to_json

    with stages() as report, DubTools(stored_models(motion, renderer)) as tools:
        dubbed, transcript = dub_title(
            inputs,
            out,
            tools,
            DubConfig(
                seed=seed,
                articulation=articulation,
                guidance=guidance,
                adapt_seconds=adapt,
                strict=strict,
                even_size=even_size,
            ),
            report,
        )

    notes([line for line in input_notes(inputs, transcript) if line not in inputs.losses])
    if not (transcript.voice or language):
        note(f"Nobody was heard to speak in {speech}: the mouth stays shut.")
    late = length_warning(transcript, dubbed.duration)
    if late:
        note(f"Note: {late}; the rest is cut off.")
    damage = damage_text(dubbed.damage)
    if damage:
        note(f"Note: {damage}.")
    nothing_drawn = nothing_drawn_warning(dubbed)
    if nothing_drawn:
        note(f"Note: {nothing_drawn}.")
    seconds = sum(dubbed.stage_seconds.values())
    lines = [
        f"{dubbed.rendered_frames} of {dubbed.frames} frames have new lips"
        f"; {seconds:.1f} s, {dubbed.frames / seconds:.1f} frames/s",
        *(f"{frames} left alone: {reason.text}" for reason, frames in dubbed.left_alone.items()),
        f"film:   {dubbed.film}",
        f"report: {dubbed.report}",
    ]
    data = {
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
        "warnings": [*input_notes(inputs, transcript), *filter(None, (late, damage))],
        "stage_seconds": dubbed.stage_seconds,
    }
    result(data, "\n".join(lines))
