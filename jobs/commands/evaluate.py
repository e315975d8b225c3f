"""`mytalk evaluate`: measure the models on held-out speakers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import note, progress, result
from jobs.options import with_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from mytalk_core.evaluation.sections import Section
    from mytalk_core.evaluation.tables import MetricTable


class Part(StrEnum):
    """Models to measure."""

    ALL = "all"
    MOTION = "motion"
    APPEARANCE = "appearance"


class SplitName(StrEnum):
    """The splits of curated data."""

    TEST = "test"
    VAL = "val"
    TRAIN = "train"


# Characters that a table's first column takes, and each of the others with its gap.
_METHOD_WIDTH = 28
_METRIC_WIDTH = 12


@dataclass(frozen=True)
class EvaluateOptions:
    """What `mytalk evaluate` takes."""

    data: Annotated[list[str], typer.Option(show_default=False)]
    """Folder that `mytalk curate` or `mytalk preprocess` wrote; path or URL. For appearance
    several may be given, with crops of any sizes."""

    out: Annotated[str, typer.Option(show_default=False)]
    """Folder for the tables; path or URL."""

    part: Annotated[Part, typer.Argument(metavar="[motion|appearance|all]")] = Part.ALL

    motion: Annotated[Path | None, typer.Option(show_default=False)] = None
    """Weights of the motion model instead of the shipped ones."""

    renderer: Annotated[Path | None, typer.Option(show_default=False)] = None
    """Weights of the renderer instead of the shipped ones."""

    words: Annotated[Path | None, typer.Option(show_default=False)] = None
    """Folder with the words of clips: .align, .json of `mytalk align`, or scripts, named
    SPEAKER/SOURCE or SOURCE. Without it, speech is recognised."""

    split: SplitName = SplitName.TEST
    """Split whose clips are measured."""


@with_options
def evaluate(options: EvaluateOptions) -> None:
    """Measure the models on held-out speakers, and baselines that need little or no training.

    Writes evaluation.html, with every speaker, an explanation of the metrics and pictures of the
    worst cases, and the same without pictures as evaluation.md and evaluation.json.

    \b
    mytalk evaluate --data curated/ --out results/
    mytalk evaluate motion --data curated/ --out results/ --motion trained/motion.safetensors
    mytalk evaluate motion --data curated/ --out results/ --words alignments/
    mytalk evaluate appearance --data curated/ --data curated720/ --out results/
    mytalk --json evaluate --data curated/ --out results/ --split val
    """
    _check(options)

    from mytalk_core import __version__
    from mytalk_core.evaluation.sections import as_dict

    about = {"mytalk": __version__}
    about["data"] = f"{', '.join(options.data)}, split {options.split.value}"
    sections: list[Section] = []
    if options.part in (Part.ALL, Part.MOTION):
        section, about["motion weights"] = _measured_motion(options)
        sections.append(section)
    if options.part in (Part.ALL, Part.APPEARANCE):
        section, about["renderer weights"] = _measured_appearance(options)
        sections.append(section)
    page = _write(options.out, sections, about)
    result({"about": about, **as_dict(sections)}, _tables(sections))
    note(f"Pictures of the worst cases, and an explanation of the metrics: {page}")


def _write(out: str, sections: list[Section], about: dict[str, str]) -> str:
    """Write page, Markdown and JSON into a folder or below a URL; return where the page is."""
    from mytalk_core.data.storage import open_store
    from mytalk_core.evaluation.evaluation_page import write_evaluation_page
    from mytalk_core.evaluation.sections import to_json, to_markdown

    store = open_store(out)
    with store.publish("evaluation.html") as temporary:
        write_evaluation_page(temporary, sections, about)
    for suffix, text in (("md", to_markdown), ("json", to_json)):
        with store.publish(f"evaluation.{suffix}") as temporary:
            temporary.write_text(text(sections, about), encoding="utf-8")
    return f"{store.url}/evaluation.html"


def _check(options: EvaluateOptions) -> None:
    """Check inputs and output, and make the output folder, before models are loaded."""
    from mytalk_core.data.clip_index import clip_index
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.data.storage import is_local, local_file
    from mytalk_core.errors import BadInputError, Reason
    from mytalk_core.media.output import make_folder

    if options.part is not Part.APPEARANCE and len(options.data) > 1:
        raise BadInputError(
            "motion is measured on one data set, whose training clips its baselines are fitted to.",
            reason=Reason.BAD_CONFIGURATION,
            where="--data",
            remedy="Give one, or measure appearance alone.",
        )
    weights = [path for path in (options.motion, options.renderer) if path]
    written = [Output(f"evaluation.{suffix}") for suffix in ("html", "md", "json")]
    words = [options.words] if options.words else []
    check_output_folder(options.out, written, [*options.data, *weights], read_whole=words)
    for each in options.data:
        clip_index(each, options.split.value)
    if is_local(options.out):
        make_folder(local_file(options.out))


def _measured_motion(options: EvaluateOptions) -> tuple[Section, str]:
    """Return the measurements of the motion model, and the name and hash of its weights."""
    from mytalk_core.data.model_store import pull
    from mytalk_core.dubbing.models import shipped_weights

    weights = options.motion or shipped_weights("motion")
    with progress("measuring motion", None) as advance:
        from mytalk_core.evaluation.motion_section import MotionEvaluation, evaluate_motion
        from mytalk_core.evaluation.spoken import Recognised, WordFolder
        from mytalk_core.motion.model import load_model
        from mytalk_core.speech.features import SpeechEncoder

        model = load_model(weights)
        whisper = pull("whisper-base")
        speak = WordFolder(options.words) if options.words else Recognised(whisper)
        encoder = SpeechEncoder(whisper)
        (data,) = options.data
        how = MotionEvaluation(speak=speak)
        section = evaluate_motion(data, options.split.value, model, encoder, advance, how)
    return section, _identity(weights)


def _measured_appearance(options: EvaluateOptions) -> tuple[Section, str]:
    """Return the measurements of the renderer, and the name and hash of its weights."""
    from mytalk_core.data.model_store import pull
    from mytalk_core.dubbing.models import shipped_weights

    weights = options.renderer or shipped_weights("appearance")
    with progress("measuring appearance", None) as advance:
        from mytalk_core.appearance.checkpoint import load_renderer
        from mytalk_core.evaluation.appearance_section import evaluate_appearance, stored_judges

        renderer = load_renderer(weights)
        names = ("perceptual-alexnet", "face-landmarker", "face-embedding")
        with stored_judges(*map(pull, names)) as judges:
            section = evaluate_appearance(
                options.data, options.split.value, renderer, judges, advance
            )
            if judges.independent and judges.independent.reader is None:
                note(judges.independent.statement)
    return section, _identity(weights)


def _identity(weights: Path) -> str:
    from mytalk_core.data.checked_file import sha256_of

    return f"{weights.name}, SHA-256 {sha256_of(weights)[:16]}"


def _tables(sections: list[Section]) -> RenderableType:
    """Return the means over speakers, then each speaker's; the best of each column is bold."""
    from rich.console import Group
    from rich.text import Text

    from mytalk_core.evaluation.tables import OVERALL

    tables: list[RenderableType] = []
    for section in sections:
        for title, measured in section.tables.items():
            for speaker in (OVERALL, *measured.speakers):
                whose = "mean over speakers" if speaker == OVERALL else speaker
                tables += _speaker_tables(f"{section.name}: {title}: {whose}", measured, speaker)
        if section.failures:
            tables.append(Text(f"{section.name}: where it fails", style="italic"))
            tables += [Text(f"- {failure.text}") for failure in section.failures]
    return Group(*tables)


def _speaker_tables(title: str, measured: MetricTable, speaker: str) -> Iterator[Table]:
    """Yield one table, or several where its columns do not fit on the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    fitting = max((get_terminal_size().columns - _METHOD_WIDTH) // _METRIC_WIDTH, 1)
    for first in range(0, len(measured.metrics), fitting):
        shown = slice(first, first + fitting)
        table = Table(title=title, box=box.SIMPLE_HEAD)
        table.add_column("method", no_wrap=True)
        for metric in measured.metrics[shown]:
            table.add_column(metric.title, justify="right")
        for method, cells in measured.rows(speaker):
            texts = [
                Text.assemble(
                    (cell.text, "bold" if cell.best else ""),
                    (f"\n{cell.interval}" if cell.interval else "", "dim"),
                )
                for cell in cells[shown]
            ]
            table.add_row(method, *texts)
        yield table
