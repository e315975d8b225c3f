"""Curation on Beam: manifests -> decisions -> training shards, index, manifest and funnel.

What travels between workers are rows and byte ranges; media goes once, from the shard it is in to
the shard it belongs to. All rows of a split's plan, and all rows of each table written at the end,
pass through one worker: some hundred bytes a clip.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineRunner, create_runner
from apache_beam.transforms.combiners import ToList

from mytalk_core import __version__
from mytalk_core.data.curated import (
    CuratedFolder,
    IndexRow,
    is_complete,
    shard_name,
    start,
    write_curated_manifest,
    write_index,
    write_record,
    write_text,
)
from mytalk_core.data.curation import (
    Candidate,
    CurateConfig,
    Decision,
    configuration,
    configuration_id,
    decide,
    is_input,
)
from mytalk_core.data.funnel import (
    Amount,
    Counter,
    Funnel,
    build_funnel,
    counts,
    funnel_from_json,
    funnel_json,
    funnel_markdown,
)
from mytalk_core.data.manifest import read_manifest
from mytalk_core.data.packing import PackingConfig, plan_shards, shard_of, shuffle_place
from mytalk_core.data.shard_index import SampleBytes, copy_samples, sample_ranges
from mytalk_core.data.splits import Split
from mytalk_core.errors import BadInputError, OutputError, Reason

# The in-process runner by its own name: "DirectRunner" first tries to download Prism.
LOCAL_RUNNER = "FnApiRunner"


def curate(
    manifests: Sequence[Path],
    out: Path,
    config: CurateConfig,
    runner: str = LOCAL_RUNNER,
    runner_options: Sequence[str] = (),
) -> Funnel:
    """Filter, split and pack the clips of manifests into training shards under `out`.

    The same call again does nothing once it is complete; after an interruption it continues with
    the shards that are missing.

    Args:
        manifests: `manifest.parquet` files; the shards they name stand beside them.
        out: folder as `CuratedFolder` describes it; every worker must see it under this path.
        config: filters, splits and packing.
        runner: name of a Beam runner.
        runner_options: further options for that runner, as on a command line.

    Raises:
        BadInputError: where a manifest cannot be read, `out` holds the result of another
            configuration or the runner does not exist.
        OutputError: where `out` cannot be written or the disk is full.
    """
    engine = _runner(runner)
    for path in manifests:
        read_manifest(path)  # a bad one is found before anything is written
    sources = sorted({(_digest(path), str(path.resolve())) for path in manifests})
    decided_by = configuration(config, [digest for digest, _ in sources])
    name = configuration_id(decided_by)
    folder = CuratedFolder(out.resolve())
    if not is_complete(folder, name):
        start(folder, name, decided_by)
        pipeline = beam.Pipeline(runner=engine, options=PipelineOptions(list(runner_options)))
        _compose(pipeline, sources, folder, config, name)
        _run(pipeline)
        write_record(folder.completed, name, {"versions": _versions()})
    return funnel_from_json(folder.funnel.read_text(encoding="utf-8"))


def _compose(
    pipeline: beam.Pipeline,
    manifests: Sequence[tuple[str, str]],
    folder: CuratedFolder,
    config: CurateConfig,
    name: str,
) -> None:
    candidates = (
        pipeline
        | "manifests" >> beam.Create(manifests)
        | "spread manifests" >> beam.Reshuffle()
        | "read rows" >> beam.FlatMap(_candidates)
    )
    places = (
        candidates
        | "name shards" >> beam.FlatMap(lambda each: [each.shard] if each.shard else [])
        | "each shard once" >> beam.Distinct()
        | "spread shards" >> beam.Reshuffle()
        | "find samples" >> beam.FlatMap(_keyed_places)
    )
    decisions = (
        {"candidates": candidates | "by key" >> beam.Map(_keyed), "places": places}
        | "join" >> beam.CoGroupByKey()
        | "decide" >> beam.FlatMap(_decisions, config)
    )
    plans = (
        decisions
        | "kept" >> beam.Filter(lambda decision: decision.kept)
        | "place" >> beam.Map(_split_and_place, config.packing)
        | "by split" >> beam.GroupByKey()
        | "plan shards" >> beam.Map(_plan, config.packing)
    )
    packed = decisions | "pack" >> beam.Map(_pack, config.packing, beam.pvalue.AsDict(plans))
    _ = (
        packed
        | "by shard" >> beam.FlatMap(lambda pair: [(pair[1], pair[0])] if pair[1] else [])
        | "gather shards" >> beam.GroupByKey()
        | "write shards" >> beam.FlatMap(_write_shard, folder, config.packing)
        | "all index rows" >> ToList()
        | "write index" >> beam.Map(lambda rows: write_index(folder.index, rows))
    )
    _ = (
        packed
        | "all decisions" >> ToList()
        | "write manifest" >> beam.Map(lambda rows: write_curated_manifest(folder.manifest, rows))
    )
    _ = (
        decisions
        | "count" >> beam.FlatMap(_counts)
        | "add up" >> beam.CombinePerKey(_sum)
        | "all counts" >> ToList()
        | "write funnel" >> beam.Map(_write_funnel, folder, config, name)
    )


def _candidates(manifest: tuple[str, str]) -> Iterator[Candidate]:
    digest, path = manifest
    for row in read_manifest(Path(path)):
        if is_input(row):
            shard = str(Path(path).parent / row.shard) if row.shard else ""
            yield Candidate(row, digest, shard)


def _keyed(candidate: Candidate) -> tuple[str, Candidate]:
    return candidate.row.key or candidate.row.id, candidate


def _keyed_places(shard: str) -> Iterator[tuple[str, SampleBytes]]:
    for sample in sample_ranges(Path(shard)):
        yield sample.key, SampleBytes(shard, sample.offset, sample.size)


def _decisions(group: tuple[str, dict[str, Iterable[Any]]], config: CurateConfig) -> list[Decision]:
    _, members = group
    return decide(members["candidates"], members["places"], config)


def _split_and_place(decision: Decision, config: PackingConfig) -> tuple[Split, str]:
    return decision.split, shuffle_place(decision.row.key, config.seed)


def _plan(
    group: tuple[Split, Iterable[str]], config: PackingConfig
) -> tuple[Split, tuple[str, ...]]:
    split, places = group
    return split, plan_shards(places, config.clips_per_shard)


def _pack(
    decision: Decision, config: PackingConfig, plans: dict[Split, tuple[str, ...]]
) -> tuple[Decision, str]:
    """The decision and the name of its shard, empty where the clip is not kept."""
    if not decision.kept:
        return decision, ""
    place = shuffle_place(decision.row.key, config.seed)
    return decision, shard_name(decision.split, shard_of(place, plans[decision.split]))


def _write_shard(
    group: tuple[str, Iterable[Decision]], folder: CuratedFolder, config: PackingConfig
) -> list[IndexRow]:
    name, decisions = group
    path = folder.shard(name)
    ordered = sorted(decisions, key=lambda each: shuffle_place(each.row.key, config.seed))
    if not path.exists():  # else an earlier run of this configuration finished it
        copy_samples(path, [each.place for each in ordered if each.place])
    return [
        IndexRow(sample.key, each.split, name, each.row.speaker, sample.offset, sample.size)
        for each, sample in zip(ordered, sample_ranges(path), strict=True)
    ]


def _counts(decision: Decision) -> Iterator[tuple[tuple[str, ...], Amount]]:
    for counter, amount in counts(decision):
        # Runners know how to group by plain tuples and strings, not by named ones and enums.
        yield tuple(str(field) for field in counter), amount


def _sum(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, Amount())


def _write_funnel(
    amounts: list[tuple[Any, Amount]], folder: CuratedFolder, config: CurateConfig, name: str
) -> None:
    named = {Counter(*fields): amount for fields, amount in amounts}
    funnel = build_funnel(named, name, config.filters)
    write_text(folder.funnel, funnel_json(funnel))
    write_text(folder.funnel_report, funnel_markdown(funnel))


def _digest(path: Path) -> str:
    with path.open("rb") as manifest:
        return hashlib.file_digest(manifest, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    return {"mytalk": __version__} | {
        package: version(package) for package in ("apache-beam", "pyarrow")
    }


def _runner(name: str) -> PipelineRunner:
    try:
        return create_runner(name)
    except (ValueError, ImportError) as error:
        raise BadInputError(
            f"there is no Beam runner {name!r} here.",
            reason=Reason.BAD_CONFIGURATION,
            where="--runner",
            remedy=f"The one for this machine is {LOCAL_RUNNER}.",
        ) from error


def _run(pipeline: beam.Pipeline) -> None:
    try:
        pipeline.run().wait_until_finish()
    except RuntimeError as error:
        # Runners hand a worker's exception over as text: its class, message and step.
        ours = re.search(r"mytalk_core\.errors\.OutputError: (.*?)(?: \[while|$)", str(error), re.M)
        if ours is None:
            raise
        raise OutputError(ours[1], reason=Reason.OUTPUT_NOT_WRITABLE) from error
