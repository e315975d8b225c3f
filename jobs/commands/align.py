"""`mytalk align`: words of a recording with their times."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import notes, progress, result
from jobs.options import with_options

if TYPE_CHECKING:
    from mytalk_core.speech.script import Script
    from mytalk_core.speech.transcript import Transcript


@dataclass(frozen=True)
class AlignOptions:
    """What `mytalk align` takes."""

    speech: Annotated[Path, typer.Argument(show_default=False)]
    """Any file with audio."""

    script: Annotated[Path | None, typer.Option(show_default=False)] = None
    """The lines of the speech: SRT, WebVTT, TTML, DAPT, SSA, TTAL, CSV, XLSX or DOCX."""

    audio_track: Annotated[int | None, typer.Option(min=1, show_default="as players choose")] = None
    """Audio track, from 1."""

    language: Annotated[str, typer.Option(metavar="TAG", show_default="as recognised")] = ""
    """Language of the speech, such as `pt-BR`."""

    out: Annotated[str | None, typer.Option(show_default=False)] = None
    """Write the whole transcript as JSON; path or URL."""


@with_options
def align(options: AlignOptions) -> None:
    """Find the language, the words with their times, and the voiced intervals.

    The words of a script, where one is given, replace the recognised ones. Everything runs on this
    machine.

    \b
    mytalk align speech.wav
    mytalk align speech.wav --script lines.srt --out speech.json
    mytalk align speech.wav --language pt-BR
    mytalk --json align speech.wav
    """
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.data.stored_files import published_file
    from mytalk_core.dubbing.notes import language_notes
    from mytalk_core.speech.languages import check_language
    from mytalk_core.speech.script import Script, faults_to_json
    from mytalk_core.speech.transcript import to_json

    if options.out:
        given = [options.speech, *([options.script] if options.script else [])]
        check_output_files([options.out], given)
    if options.language:
        check_language(options.language, "--language")
    script = _script(options, options.script) if options.script else Script()
    with published_file(options.out) if options.out else nullcontext() as temporary:
        transcript = _transcribed(options, script)
        document = to_json(transcript) | {"script_faults": faults_to_json(script.faults)}
        if temporary:
            temporary.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    notes([f"script: {note}" for note in script.notes])
    notes([f"script, {fault}" for fault in script.faults])
    notes(language_notes(options.language, transcript))
    written = [f"written to {options.out}"] if options.out else []
    result(document, "\n".join([*_lines(transcript), *written]))


def _script(options: AlignOptions, path: Path) -> Script:
    """Read a script whose times count from the start of the speech."""
    from mytalk_core.media.probe import probe_audio
    from mytalk_core.media.stream_choice import StreamChoice
    from mytalk_core.speech.script import read_script
    from mytalk_core.speech.scripts.placing import ScriptFilm

    speech = probe_audio(options.speech, StreamChoice(audio=options.audio_track))
    return read_script(path, ScriptFilm(speech.duration))


def _transcribed(options: AlignOptions, script: Script) -> Transcript:
    from mytalk_core.data.model_store import pull
    from mytalk_core.media.audio import read_audio
    from mytalk_core.media.stream_choice import StreamChoice
    from mytalk_core.speech.recognition import Recogniser
    from mytalk_core.speech.script import segments

    audio = read_audio(options.speech, choice=StreamChoice(audio=options.audio_track))
    recogniser = Recogniser(pull("whisper-base"))
    with progress("recognising speech", 1) as advance:
        return recogniser.transcribe(audio, segments(script.lines), advance, options.language)


def _lines(transcript: Transcript) -> list[str]:
    spoken = [
        f"{_clock(segment.start)} - {_clock(segment.end)}  {segment.text}"
        for segment in transcript.segments
    ]
    voiced_seconds = float(sum(part.length for part in transcript.voice))
    return [*spoken, f"language: {transcript.language}", f"voice: {voiced_seconds:.1f} s"]


def _clock(time: Fraction) -> str:
    """Format as h:mm:ss.hh, rounded to the hundredth."""
    hundredths = round(time * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"
