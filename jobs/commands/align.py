"""`mytalk align`: what a recording says, and when."""

import json
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import notes, progress, result


def align(
    speech: Annotated[Path, typer.Argument(show_default=False, help="Any file with sound.")],
    script: Annotated[
        Path | None,
        typer.Option(show_default=False, help="What is said, as SRT, WebVTT, TTML or SSA."),
    ] = None,
    audio_track: Annotated[
        int | None,
        typer.Option(
            min=1, show_default="as players choose", help="Which audio track of it, from 1."
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            metavar="TAG", show_default="as recognised", help="What is spoken, such as `pt-BR`."
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(show_default=False, help="Write the whole transcript as JSON.")
    ] = None,
) -> None:
    """Find the language, the words with their times, and where somebody speaks.

    With a script its words stand in place of recognised ones. Everything runs on this machine.

    \b
    mytalk align speech.wav
    mytalk align speech.wav --script lines.srt --out speech.json
    mytalk align speech.wav --language pt-BR
    mytalk --json align speech.wav
    """
    from mytalk_core.data.model_store import pull
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.dubbing.notes import language_notes
    from mytalk_core.media.audio import read_audio
    from mytalk_core.media.output import atomic_path
    from mytalk_core.media.stream_choice import StreamChoice
    from mytalk_core.speech.languages import check_language
    from mytalk_core.speech.recognition import Recogniser
    from mytalk_core.speech.script import Script, faults_to_json, read_script
    from mytalk_core.speech.transcript import Transcript, to_json

    if out:
        check_output_files([out], [speech, *([script] if script else [])])
    if language:
        check_language(language, "--language")
    read = read_script(script) if script else Script()
    with atomic_path(out) if out else nullcontext() as temporary:
        audio = read_audio(speech, choice=StreamChoice(audio=audio_track))
        recogniser = Recogniser(pull("whisper-base"))
        with progress("listening", 1) as advance:
            transcript: Transcript = recogniser.transcribe(audio, read.lines, advance, language)
        document = to_json(transcript) | {"script_faults": faults_to_json(read.faults)}
        if temporary:
            temporary.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    notes([f"script, {fault}" for fault in read.faults])
    notes(language_notes(language, transcript))
    spoken = [
        f"{_clock(segment.start)} - {_clock(segment.end)}  {segment.text}"
        for segment in transcript.segments
    ]
    summary = [
        f"language: {transcript.language}",
        f"voice: {float(sum(part.length for part in transcript.voice)):.1f} s",
    ]
    result(document, "\n".join([*spoken, *summary, *([f"written to {out}"] if out else [])]))


def _clock(time: Fraction) -> str:
    """h:mm:ss.hh, rounded to the hundredth."""
    hundredths = round(time * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"
