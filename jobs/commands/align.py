"""`mytalk align`: words of a recording with their times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from jobs.console import EXIT_SOME_FAILED, notes, progress, result
from jobs.options import with_options

if TYPE_CHECKING:
    from mytalk_core.speech.script import Script
    from mytalk_core.speech.script_check import CheckedLine
    from mytalk_core.speech.transcript import Transcript


@dataclass(frozen=True)
class AlignOptions:
    """What `mytalk align` takes."""

    speech: Annotated[Path, typer.Argument(show_default=False)]
    """Any file with audio."""

    script: Annotated[Path | None, typer.Option(show_default=False)] = None
    """The lines of the speech: SRT, WebVTT, TTML, DAPT, SSA, TTAL, CSV, XLSX or DOCX."""

    against: Annotated[Path | None, typer.Option(show_default=False)] = None
    """A script to compare the speech with."""

    audio_track: Annotated[int | None, typer.Option(min=1, show_default="as players choose")] = None
    """Audio track, from 1."""

    language: Annotated[str, typer.Option(metavar="TAG", show_default="as recognised")] = ""
    """Language of the speech, such as `pt-BR`."""

    out: Annotated[str | None, typer.Option(show_default=False)] = None
    """Write the whole transcript as JSON; path or URL."""


@with_options
def align(options: AlignOptions) -> None:
    """Find the language, the words with their times, and the voiced intervals.

    The words of a script, where one is given, replace the recognised ones. With --against, the
    recognised words are compared with a script instead: lines that are missing, extra or different
    are listed, and the exit code is 1 where lines are missing. Everything runs on this machine.

    \b
    mytalk align speech.wav
    mytalk align speech.wav --script lines.srt --out speech.json
    mytalk align speech.wav --language pt-BR
    mytalk align dub.wav --against lines.xlsx
    mytalk --json align speech.wav
    """
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.data.stored_files import published_file
    from mytalk_core.dubbing.notes import language_notes
    from mytalk_core.speech.languages import check_language
    from mytalk_core.speech.script import Script, faults_to_json
    from mytalk_core.speech.script_check import check_against, check_to_json
    from mytalk_core.speech.transcript import to_json

    scripts = _scripts(options)
    if options.out:
        check_output_files([options.out], [options.speech, *scripts])
    if options.language:
        check_language(options.language, "--language")
    script = _script(options, scripts[0]) if scripts else Script()
    with published_file(options.out) if options.out else nullcontext() as temporary:
        transcript = _transcribed(options, Script() if options.against else script)
        document = to_json(transcript) | {"script_faults": faults_to_json(script.faults)}
        checked = check_against(script.lines, transcript) if options.against else ()
        if options.against:
            document["script_check"] = check_to_json(checked)
        if temporary:
            temporary.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    notes([f"script: {note}" for note in script.notes])
    notes([f"script, {fault}" for fault in script.faults])
    notes(language_notes(options.language, transcript))
    written = [f"written to {options.out}"] if options.out else []
    if options.against:
        result(document, Group(_table(checked), "\n".join([_summary(checked), *written])))
    else:
        result(document, "\n".join([*_lines(transcript), *written]))
    if any(line.state == "missing" for line in checked):
        raise typer.Exit(EXIT_SOME_FAILED)


def _scripts(options: AlignOptions) -> list[Path]:
    """Return the script that was given, or nothing."""
    from mytalk_core.errors import BadInputError, Reason

    if options.script and options.against:
        raise BadInputError(
            "a speech is either aligned to a script or compared with one.",
            reason=Reason.BAD_CONFIGURATION,
            where="--script and --against",
            remedy="Give one of them.",
        )
    return [path for path in (options.script, options.against) if path]


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


def _table(checked: Sequence[CheckedLine]) -> Table:
    """Return the lines that were not said as written."""
    table = Table(box=box.SIMPLE)
    for heading in ("line", "state", "sure", "time"):
        table.add_column(heading, no_wrap=True)
    for heading in ("script", "recognised"):
        table.add_column(heading)
    for line in checked:
        if line.state == "said":
            continue
        time = f"{_clock(line.interval.start)} - {_clock(line.interval.end)}"
        character = f"{line.character}: " if line.character else ""
        table.add_row(
            str(line.number or ""),
            line.state,
            f"{line.confidence:.2f}",
            time,
            escape(f"{character}{line.text}" if line.text else ""),
            escape(line.recognised),
        )
    return table


def _summary(checked: Sequence[CheckedLine]) -> str:
    counts = Counter(line.state.value for line in checked)
    listed = ", ".join(f"{counts[state]} {state}" for state in ("different", "missing", "extra"))
    return f"{counts['said']} lines as in the script; {listed}"


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
