"""`mytalk curate`: choose, split and pack clips into training shards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import EXIT_SOME_FAILED, note, progress, result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mytalk_core.curation.funnel import Funnel


_SPEAKERS_SHOWN = 20


def curate(
    manifests: Annotated[
        list[Path],
        typer.Argument(
            metavar="MANIFEST", show_default=False, help="The manifest.parquet beside the shards."
        ),
    ],
    out: Annotated[
        Path, typer.Option(show_default=False, help="Folder for training shards and their account.")
    ],
    holdout: Annotated[
        str,
        typer.Option(
            help="Speakers that are only ever tested on, separated by commas; a name with a comma"
            " in double quotes."
        ),
    ] = "",
    val_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the other speakers for validation.")
    ] = 0.1,
    min_seconds: Annotated[float, typer.Option(min=0.0, help="Shortest clip.")] = 1.0,
    min_face: Annotated[
        float, typer.Option(min=0.0, help="Smallest median face height, in pixels.")
    ] = 64.0,
    max_yaw: Annotated[
        float, typer.Option(min=0.0, max=180.0, help="Largest head turn, in degrees.")
    ] = 45.0,
    min_sharpness: Annotated[
        float | None, typer.Option(min=0.0, help="Least sharpness; off unless given.")
    ] = None,
    max_jitter: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Most landmark jitter, in inter-ocular units; off unless given."
        ),
    ] = None,
    max_offset: Annotated[
        float | None,
        typer.Option(min=0.0, help="Largest sync offset, in frames; off unless given."),
    ] = None,
    min_sync: Annotated[
        float | None,
        typer.Option(min=0.0, max=2.0, help="Smallest sync confidence; off unless given."),
    ] = None,
    min_speech: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Smallest share of speech; off unless given."),
    ] = None,
    max_faces: Annotated[
        int | None, typer.Option(min=1, help="Most faces at once; off unless given.")
    ] = None,
    near_audio: Annotated[
        int,
        typer.Option(min=0, max=256, help="Bits of sound in which near copies differ at most."),
    ] = 56,
    near_picture: Annotated[
        int,
        typer.Option(min=0, max=128, help="Bits of picture in which they differ at most."),
    ] = 14,
    face_distance: Annotated[
        float,
        typer.Option(min=0.0, help="Largest distance of faces without a name that are joined."),
    ] = 0.5,
    clips_per_shard: Annotated[int, typer.Option(min=1, help="Most clips in one shard.")] = 64,
    megabytes_per_shard: Annotated[
        int, typer.Option(min=1, help="Most megabytes of one shard.")
    ] = 256,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Decide and account for it, but look at no shard and write none."
        ),
    ] = False,
    rows_per_task: Annotated[
        int,
        typer.Option(
            min=1, help="Rows that a task holds; more for tens of millions, memory follows."
        ),
    ] = 32768,
    runner: Annotated[
        str,
        typer.Option(help="Beam runner: FnApiRunner is this process; FlinkRunner, SparkRunner."),
    ] = "FnApiRunner",
    runner_option: Annotated[
        list[str] | None,
        typer.Option(metavar="OPTION", help="Passed on to Beam; may be given several times."),
    ] = None,
) -> None:
    """Filter clips, split them by speaker and pack them into the shards that `train` reads.

    No speaker is in two splits, and speakers that come later move nobody.
    The same command again continues. Beside the shards stand
    dataset_card.html (what each filter took, with pictures), manifest.parquet
    (why each clip went) and index.parquet (where each clip is). Shards and
    DIR are paths that all workers see.

    \b
    mytalk curate work/manifest.parquet --out try --dry-run --min-face 100
    mytalk curate work/manifest.parquet --out training
    mytalk curate a/manifest.parquet b/manifest.parquet --out training --holdout s33,s5,s26
    mytalk curate work/manifest.parquet --out training \\
        --runner-option=--direct_running_mode=multi_processing \\
        --runner-option=--direct_num_workers=4
    """
    from mytalk_core.curation.decisions import CurateConfig
    from mytalk_core.curation.duplicates import DuplicateConfig
    from mytalk_core.curation.face_groups import FaceGroupConfig
    from mytalk_core.curation.filters import FilterConfig
    from mytalk_core.curation.held_out import held_out_names
    from mytalk_core.curation.packing import PackingConfig
    from mytalk_core.data.curated import CuratedFolder
    from mytalk_core.data.output_check import check_output_folder
    from mytalk_core.data.splits import SPLITS, SplitConfig

    # A manifest of curated data names shards beside it, in folders as they are written now.
    shards = [manifest.parent / split for manifest in manifests for split in SPLITS]
    check_output_folder(out, CuratedFolder(Path()).outputs(), [*manifests, *shards])
    held_out = held_out_names(holdout)
    config = CurateConfig(
        filters=FilterConfig(
            min_seconds=min_seconds,
            min_face_height=min_face,
            max_yaw_degrees=max_yaw,
            min_sharpness=min_sharpness,
            max_jitter=max_jitter,
            max_sync_offset=max_offset,
            min_sync_confidence=min_sync,
            min_speech_share=min_speech,
            max_faces=max_faces,
        ),
        duplicates=DuplicateConfig(max_audio_bits=near_audio, max_picture_bits=near_picture),
        faces=FaceGroupConfig(face_distance),
        splits=SplitConfig(val_share),
        holdout=held_out,
        packing=PackingConfig(clips_per_shard, megabytes_per_shard * 10**6),
        dry_run=dry_run,
    )
    seen = 0
    with progress(f"curating into {out}", None) as advance, _silent_engine():
        from pipelines.curate import curate as run_curation

        def report(done: int, total: int) -> None:
            nonlocal seen
            advance(done - seen, total)
            seen = done

        options = runner_option or ()
        funnel = run_curation(manifests, out, config, runner, options, rows_per_task, report, note)
    result({"out": str(out), **asdict(funnel)}, _tables(funnel))
    for warning in _warnings(funnel, held_out):
        note(warning)
    note(f"The whole account is in {out / 'dataset_card.html'}")
    if _lost(funnel) or not funnel.splits["train"].count:
        raise typer.Exit(EXIT_SOME_FAILED)


@contextmanager
def _silent_engine() -> Iterator[None]:
    """Beam logs what it misses when imported, and tracebacks; what fails is told once, by us."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _tables(funnel: Funnel) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table

    steps = Table("what stays", title="funnel", box=box.SIMPLE_HEAD)
    for column in ("taken first", "would take", "unknown", "left", "hours"):
        steps.add_column(column, justify="right")
    for line in funnel.lines:
        steps.add_row(
            line.rule or f"not {line.reason} before",
            str(line.first.count),
            str(line.would.count),
            str(line.unmeasured),
            str(line.left.count),
            f"{line.left.hours:.3f}",
        )
    speakers = Table("speaker", "split", title="speakers", box=box.SIMPLE_HEAD)
    for column in ("inputs", "kept", "hours"):
        speakers.add_column(column, justify="right")
    by_hours = sorted(funnel.speakers, key=lambda line: -line.kept.milliseconds)
    for speaker in by_hours[:_SPEAKERS_SHOWN]:
        speakers.add_row(
            speaker.speaker or "unknown",
            speaker.split,
            str(speaker.input.count),
            str(speaker.kept.count),
            f"{speaker.kept.hours:.3f}",
        )
    if more := len(by_hours[_SPEAKERS_SHOWN:]):
        speakers.caption = f"and {more} more"
    totals = ", ".join(f"{split} {amount.count}" for split, amount in funnel.splits.items())
    kept = f"{funnel.kept.count} of {funnel.input.count} inputs kept: {totals}"
    return Group(steps, speakers, kept)


def _warnings(funnel: Funnel, held_out: frozenset[str]) -> list[str]:
    from mytalk_core.data.names import case_clashes

    warnings = []
    speakers = {line.speaker for line in funnel.speakers}
    if absent := held_out - speakers:  # groups of faces; other names were checked before
        warnings.append(f"No input is of the held-out speakers {', '.join(sorted(absent))}.")
    for names in case_clashes(speakers):
        warnings.append(
            f"The speakers {' and '.join(names)} differ only by letter case and are taken for"
            " different people; they are in the same split."
        )
    if lost := _lost(funnel):
        warnings.append(f"{lost} clips were not found in their shards.")
    for split in ("train", "val"):
        if not funnel.splits[split].count:
            warnings.append(f"No clip is in {split}.")
    return warnings


def _lost(funnel: Funnel) -> int:
    """Clips whose bytes are not where the manifest says: work that failed, not a choice."""
    from mytalk_core.errors import Reason

    return sum(
        line.first.count
        for line in funnel.lines
        if line.step == "gather" and line.reason is Reason.NOT_FOUND
    )
