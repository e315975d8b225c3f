"""`mytalk evaluate`: how good the models are on people they never saw."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import note, progress, result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mytalk_core.evaluation.sections import Section


class Part(StrEnum):
    """What can be measured."""

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


def evaluate(
    data: Annotated[
        list[str],
        typer.Option(
            show_default=False,
            help="What `mytalk curate` wrote, or `mytalk preprocess`; path or URL. For appearance"
            " again and again, with crops of any sizes.",
        ),
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for the tables.")],
    part: Annotated[Part, typer.Argument(metavar="[motion|appearance|all]")] = Part.ALL,
    motion: Annotated[
        Path | None, typer.Option(show_default=False, help="Other weights of the motion model.")
    ] = None,
    renderer: Annotated[
        Path | None, typer.Option(show_default=False, help="Other weights of the renderer.")
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            show_default=False,
            help="Folder with what clips say: .align, .json of `mytalk align`, or scripts, named"
            " SPEAKER/SOURCE or SOURCE. Without it, speech is recognised.",
        ),
    ] = None,
    split: Annotated[SplitName, typer.Option(help="Whose clips are measured.")] = SplitName.TEST,
) -> None:
    """Measure the models on held-out speakers, beside baselines that need little or no training.

    Writes evaluation.html, with every speaker, how to read the numbers and the worst cases drawn,
    and the same without pictures as evaluation.md and evaluation.json.

    \b
    mytalk evaluate --data curated/ --out results/
    mytalk evaluate motion --data curated/ --out results/ --motion trained/motion.safetensors
    mytalk evaluate motion --data curated/ --out results/ --words alignments/
    mytalk evaluate appearance --data curated/ --data curated720/ --out results/
    mytalk --json evaluate --data curated/ --out results/ --split val
    """
    from mytalk_core import __version__
    from mytalk_core.data.checked_file import sha256_of
    from mytalk_core.data.clip_index import clip_index
    from mytalk_core.data.curated import write_text
    from mytalk_core.data.model_store import pull
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.dubbing.models import shipped_weights
    from mytalk_core.errors import BadInputError, Reason
    from mytalk_core.evaluation.evaluation_page import write_evaluation_page
    from mytalk_core.evaluation.sections import as_dict, to_json, to_markdown
    from mytalk_core.media.output import make_folder

    if part is not Part.APPEARANCE and len(data) > 1:
        raise BadInputError(
            "motion is measured on one data set, whose training clips its baselines are fitted to.",
            reason=Reason.BAD_CONFIGURATION,
            where="--data",
            remedy="Give one, or measure appearance alone.",
        )
    given: list[str | Path] = [*data, *(path for path in (motion, renderer) if path)]
    written = [Output(f"evaluation.{suffix}") for suffix in ("html", "md", "json")]
    check_output_folder(out, written, given, read_whole=[words] if words else [])
    for one in data:
        clip_index(one, split.value)  # found out now, not after a minute of loading
    make_folder(out)
    about = {"mytalk": __version__, "data": f"{', '.join(data)}, split {split}"}
    sections: list[Section] = []
    if part in (Part.ALL, Part.MOTION):
        weights = motion or shipped_weights("motion")
        with progress("measuring motion", None) as advance:
            from mytalk_core.evaluation.motion_section import MotionEvaluation, evaluate_motion
            from mytalk_core.evaluation.spoken import Recognised, WordFolder
            from mytalk_core.motion.model import load_model
            from mytalk_core.speech.features import SpeechEncoder

            model = load_model(weights)
            whisper = pull("whisper-base")
            speak = WordFolder(words) if words else Recognised(whisper)
            encoder = SpeechEncoder(whisper)
            options = MotionEvaluation(speak=speak)
            sections.append(evaluate_motion(data[0], split.value, model, encoder, advance, options))
        about["motion weights"] = f"{weights.name}, SHA-256 {sha256_of(weights)[:16]}"
    if part in (Part.ALL, Part.APPEARANCE):
        weights = renderer or shipped_weights("appearance")
        with progress("measuring appearance", None) as advance:
            from mytalk_core.appearance.checkpoint import load_renderer
            from mytalk_core.evaluation.appearance_section import (
                evaluate_appearance,
                stored_judges,
            )

            drawing = load_renderer(weights)
            with stored_judges(
                pull("perceptual-alexnet"), pull("face-landmarker"), pull("face-embedding")
            ) as judges:
                sections.append(evaluate_appearance(data, split.value, drawing, judges, advance))
                if judges.independent and judges.independent.reader is None:
                    note(judges.independent.statement)
        about["renderer weights"] = f"{weights.name}, SHA-256 {sha256_of(weights)[:16]}"

    document = out / "evaluation.html"
    write_evaluation_page(document, sections, about)
    write_text(out / "evaluation.md", to_markdown(sections, about))
    write_text(out / "evaluation.json", to_json(sections, about))
    result({"about": about, **as_dict(sections)}, _tables(sections))
    note(f"The worst cases drawn, and how to read the numbers: {document}")


def _tables(sections: list[Section]) -> RenderableType:
    """The means over speakers, then each speaker's; the best value of each column is bold."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from mytalk_core.evaluation.tables import OVERALL

    fitting = max((get_terminal_size().columns - _METHOD_WIDTH) // _METRIC_WIDTH, 1)
    tables: list[RenderableType] = []
    for section in sections:
        for title, measured in section.tables.items():
            for speaker in (OVERALL, *measured.speakers):
                whose = "mean over speakers" if speaker == OVERALL else speaker
                rows = measured.rows(speaker)
                # A number that is cut off is none: what does not fit goes into a table below.
                for first in range(0, len(measured.metrics), fitting):
                    shown = slice(first, first + fitting)
                    table = Table(title=f"{section.name}: {title}: {whose}", box=box.SIMPLE_HEAD)
                    table.add_column("method", no_wrap=True)
                    for metric in measured.metrics[shown]:
                        table.add_column(metric.title, justify="right")
                    for method, cells in rows:
                        texts = [
                            Text.assemble(
                                (cell.text, "bold" if cell.best else ""),
                                (f"\n{cell.interval}" if cell.interval else "", "dim"),
                            )
                            for cell in cells[shown]
                        ]
                        table.add_row(method, *texts)
                    tables.append(table)
        if section.failures:
            tables.append(Text(f"{section.name}: where it fails", style="italic"))
            tables += [Text(f"- {failure.text}") for failure in section.failures]
    return Group(*tables)
