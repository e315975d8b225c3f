"""`mytalk curate`: select, split and pack clips into training shards."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.beam_options import LOCAL_RUNNER, Runner, RunnerOptions, beam_engine
from jobs.console import EXIT_SOME_FAILED, counted, note, result
from jobs.options import with_options

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from mytalk_core.curation.decisions import CurateConfig
    from mytalk_core.curation.funnel import Funnel


_SPEAKERS_SHOWN = 20


@dataclass(frozen=True)
class CurateOptions:
    """Options of `mytalk curate`."""

    manifests: Annotated[list[str], typer.Argument(metavar="MANIFEST", show_default=False)]
    """The manifest.parquet beside the shards; path or URL."""

    out: Annotated[str, typer.Option(show_default=False)]
    """Folder for training shards and reports; path or URL."""

    holdout: Annotated[str, typer.Option()] = ""
    """Speakers for the test split only, separated by commas; a name with a comma in double
    quotes."""

    val_share: Annotated[float, typer.Option(min=0.0, max=1.0)] = 0.1
    """Share of the other speakers for validation."""

    min_seconds: Annotated[float, typer.Option(min=0.0)] = 1.0
    """Shortest clip."""

    min_face: Annotated[float, typer.Option(min=0.0)] = 64.0
    """Smallest median face height, in pixels."""

    max_yaw: Annotated[float, typer.Option(min=0.0, max=180.0)] = 45.0
    """Largest head turn, in degrees."""

    min_sharpness: Annotated[float | None, typer.Option(min=0.0)] = None
    """Smallest sharpness; off unless given."""

    max_jitter: Annotated[float | None, typer.Option(min=0.0)] = None
    """Largest landmark jitter, in inter-ocular units; off unless given."""

    max_offset: Annotated[float | None, typer.Option(min=0.0)] = None
    """Largest sync offset, in frames; off unless given."""

    min_sync: Annotated[float | None, typer.Option(min=0.0, max=2.0)] = None
    """Smallest sync confidence; off unless given."""

    min_speech: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None
    """Smallest share of speech; off unless given."""

    max_faces: Annotated[int | None, typer.Option(min=1)] = None
    """Most faces in one frame; off unless given."""

    near_audio: Annotated[int, typer.Option(min=0, max=256)] = 56
    """Most differing bits of the audio hashes of near copies."""

    near_picture: Annotated[int, typer.Option(min=0, max=128)] = 14
    """Most differing bits of the picture hashes of near copies."""

    face_distance: Annotated[float, typer.Option(min=0.0)] = 0.5
    """Largest distance of faces without a name that are joined."""

    clips_per_shard: Annotated[int, typer.Option(min=1)] = 64
    """Most clips in one shard."""

    megabytes_per_shard: Annotated[int, typer.Option(min=1)] = 256
    """Most megabytes of one shard."""

    dry_run: Annotated[bool, typer.Option("--dry-run")] = False
    """Write decisions and reports only; shards are not needed and none is written."""

    rows_per_task: Annotated[int, typer.Option(min=1)] = 32768
    """Rows that a task holds; increase it for tens of millions of rows. Memory is proportional."""

    runner: Runner = LOCAL_RUNNER
    runner_option: RunnerOptions = None


@with_options
def curate(options: CurateOptions) -> None:
    """Filter clips, split them by speaker and pack them into the shards that `train` reads.

    No speaker is in two splits, and added speakers do not change the split of
    others. The same command again continues. Beside the shards it writes
    dataset_card.html (clips and hours that each filter removes), manifest.parquet
    (the reasons for each clip) and index.parquet (the byte range of each clip).
    Where Beam runs on several machines, give URLs, or paths that all of them see.

    \b
    mytalk curate work/manifest.parquet --out try --dry-run --min-face 100
    mytalk curate work/manifest.parquet --out training
    mytalk curate a/manifest.parquet b/manifest.parquet --out training --holdout s33,s5,s26
    mytalk curate work/manifest.parquet --out training \\
        --runner-option=--direct_running_mode=multi_processing \\
        --runner-option=--direct_num_workers=4
    """
    from mytalk_core.data.curated import curated_outputs
    from mytalk_core.data.output_check import check_output_folder
    from mytalk_core.data.splits import SPLITS
    from mytalk_core.data.stored_files import store_and_name

    out, manifests = options.out.rstrip("/") or "/", options.manifests
    # The manifest of a curated folder names shards in its folders of splits.
    folders = [store_and_name(manifest)[0].url for manifest in manifests]
    shards = [f"{folder}/{split}" for folder in folders for split in SPLITS]
    check_output_folder(out, curated_outputs(), [*manifests, *shards])
    config = _config(options)
    funnel = _run(options, config)
    result({"out": out, **asdict(funnel)}, _tables(funnel))
    for warning in _warnings(funnel, config.holdout):
        note(warning)
    note(f"The full report is {out}/dataset_card.html")
    if _lost(funnel) or not funnel.splits["train"].count:
        raise typer.Exit(EXIT_SOME_FAILED)


def _config(options: CurateOptions) -> CurateConfig:
    from mytalk_core.curation.decisions import CurateConfig
    from mytalk_core.curation.duplicates import DuplicateConfig
    from mytalk_core.curation.face_groups import FaceGroupConfig
    from mytalk_core.curation.filters import FilterConfig
    from mytalk_core.curation.held_out import held_out_names
    from mytalk_core.curation.packing import PackingConfig
    from mytalk_core.data.splits import SplitConfig

    return CurateConfig(
        filters=FilterConfig(
            min_seconds=options.min_seconds,
            min_face_height=options.min_face,
            max_yaw_degrees=options.max_yaw,
            min_sharpness=options.min_sharpness,
            max_jitter=options.max_jitter,
            max_sync_offset=options.max_offset,
            min_sync_confidence=options.min_sync,
            min_speech_share=options.min_speech,
            max_faces=options.max_faces,
        ),
        duplicates=DuplicateConfig(options.near_audio, options.near_picture),
        faces=FaceGroupConfig(options.face_distance),
        splits=SplitConfig(options.val_share),
        holdout=held_out_names(options.holdout),
        packing=PackingConfig(options.clips_per_shard, options.megabytes_per_shard * 10**6),
        dry_run=options.dry_run,
    )


def _run(options: CurateOptions, config: CurateConfig) -> Funnel:
    """Run the pipeline with a progress bar."""
    with (
        counted(f"curating into {options.out}", None) as report,
        beam_engine(options.runner, options.runner_option) as engine,
    ):
        from pipelines.curate import Execution
        from pipelines.curate import curate as run_curation

        execution = Execution(engine, options.rows_per_task)
        return run_curation(options.manifests, options.out, config, execution, report, note)


def _tables(funnel: Funnel) -> RenderableType:
    from rich.console import Group

    totals = ", ".join(f"{split} {amount.count}" for split, amount in funnel.splits.items())
    kept = f"{funnel.kept.count} of {funnel.input.count} inputs kept: {totals}"
    return Group(_step_table(funnel), _speaker_table(funnel), kept)


def _step_table(funnel: Funnel) -> Table:
    from rich import box
    from rich.table import Table

    steps = Table("condition", title="funnel", box=box.SIMPLE_HEAD)
    for column in ("removed first", "removed alone", "not measured", "left", "hours"):
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
    return steps


def _speaker_table(funnel: Funnel) -> Table:
    from rich import box
    from rich.table import Table

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
    return speakers


def _warnings(funnel: Funnel, held_out: frozenset[str]) -> list[str]:
    from mytalk_core.data.names import case_clashes

    warnings = []
    speakers = {line.speaker for line in funnel.speakers}
    if absent := held_out - speakers:  # face groups; other names were checked before the run
        warnings.append(f"The held-out speakers {', '.join(sorted(absent))} have no input.")
    for names in case_clashes(speakers):
        warnings.append(
            f"The speakers {' and '.join(names)} differ only by letter case and count as"
            " different people; they are in the same split."
        )
    if lost := _lost(funnel):
        warnings.append(f"{lost} clips were not found in their shards.")
    for split in ("train", "val"):
        if not funnel.splits[split].count:
            warnings.append(f"The split {split} is empty.")
    return warnings


def _lost(funnel: Funnel) -> int:
    """Count the clips that are missing from their shards."""
    from mytalk_core.errors import Reason

    return sum(
        line.first.count
        for line in funnel.lines
        if line.step == "gather" and line.reason is Reason.NOT_FOUND
    )
