"""`mytalk preprocess`: footage to training shards and an account of every input."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import EXIT_SOME_FAILED, progress, result


def preprocess(
    sources: Annotated[
        list[Path], typer.Argument(show_default=False, help="Footage: files or folders.")
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for the shards.")],
    per_shard: Annotated[
        int, typer.Option(min=1, help="Sources whose clips stand in one shard.")
    ] = 16,
    crop_size: Annotated[
        int, typer.Option(min=64, help="Pixels of a face crop's side; as the renderer's size.")
    ] = 128,
) -> None:
    """Turn footage into shards of audio, landmarks and face crops, and a manifest.

    The folder that a file lies in names its speaker. The same command again does what is missing.

    \b
    mytalk preprocess footage/ --out shards/
    mytalk --json preprocess interview.mp4 --out shards/
    """
    from mytalk_core.data.footage import FootageConfig
    from mytalk_core.data.model_store import pull
    from mytalk_core.faces.crop import CropConfig
    from pipelines.preprocess import PreprocessConfig, PreprocessModels
    from pipelines.preprocess import preprocess as run

    models = PreprocessModels(pull("face-landmarker"), pull("whisper-base"))
    footage = FootageConfig(crop=CropConfig(size=crop_size))
    config = PreprocessConfig(footage, sources_per_shard=per_shard)
    seen = 0
    with progress("preprocessing sources", None) as advance:

        def report(done: int, total: int, lost: int) -> None:
            nonlocal seen
            advance(done - seen, total)
            seen = done

        rows = run(sources, out, models, config, report)
    inputs = [row for row in rows if row.kind == "source"]
    clips = [row for row in rows if row.kind == "clip"]
    status = Counter(row.status.value for row in inputs)
    reasons = Counter(row.reason.value for row in inputs if row.reason)
    hours = sum(row.duration_seconds for row in clips) / 3600
    lines = [
        f"{len(inputs)} sources: "
        + ", ".join(f"{count} {name}" for name, count in sorted(status.items())),
        f"{len(clips)} clips, {hours:.3f} hours, in {out}",
        *(f"{count} x {reason}" for reason, count in reasons.most_common()),
        f"account of every input: {out / 'manifest.parquet'}",
    ]
    data = {
        "sources": len(inputs),
        "status": dict(status),
        "reasons": dict(reasons),
        "clips": len(clips),
        "hours": hours,
        "manifest": str(out / "manifest.parquet"),
    }
    result(data, "\n".join(lines))
    if status["failed"]:
        raise typer.Exit(EXIT_SOME_FAILED)
