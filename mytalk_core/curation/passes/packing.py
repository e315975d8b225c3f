"""Pack kept clips into shards: sort by speaker, assign round-robin, copy."""

import json
from collections.abc import Iterator
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mytalk_core.curation.packing import shard_count, shards_of_clips
from mytalk_core.curation.passes.work import Work
from mytalk_core.data.curated import INDEX_SCHEMA, shard_name, write_text
from mytalk_core.data.shard_index import SampleBytes, copy_samples
from mytalk_core.data.splits import SPLITS

_SPLITS = sorted(SPLITS)  # the order of the shards' names
_PLACED_SCHEMA = pa.schema([("row", pa.int64()), ("shard", pa.string()), ("offset", pa.int64())])


def order_by_speaker(work: Work, number: int) -> None:
    """Sort the clips of a range of speakers into the order of assignment."""
    clips = work.read("kept", number)
    by = [("group", "ascending"), ("place", "ascending"), ("row", "ascending")]
    clips = clips.take(pc.sort_indices(clips, by))
    of_splits = (clips.filter(pc.equal(clips["split"], split)) for split in _SPLITS)
    work.write_part("ordered", number, clips.schema, of_splits)


def plan(work: Work, _: int) -> None:
    """Compute the number of shards of each split, and the first clip number of each range."""
    planned = {}
    for place, split in enumerate(_SPLITS):

        def sizes(place: int = place) -> Iterator[NDArray[np.int64]]:
            for number in range(work.ranges):
                clips = work.read_part("ordered", number, place, ["size"])
                yield clips["size"].to_numpy()

        planned[split] = {
            "shards": shard_count(sizes, work.config.packing),
            "first": [0, *accumulate(len(some) for some in sizes())],
        }
    write_text(work.store, _plan_file(work), json.dumps(planned))


def _plan_file(work: Work) -> str:
    return f"{work.root}/plan.json"


def assign(work: Work, number: int) -> None:
    """Assign the clips of a range of speakers to shards, and partition them by shard."""
    planned = json.loads(work.store.read(_plan_file(work)))
    total = sum(split["shards"] for split in planned.values())
    tables, before = [], 0
    for place, split in enumerate(_SPLITS):
        clips = work.read_part("ordered", number, place)
        shards = planned[split]["shards"]
        if shards:
            own = shards_of_clips(planned[split]["first"][number], clips.num_rows, shards)
            numbered = clips.append_column("shard", pa.array(own))
            tables.append(numbered.append_column("number", pa.array(before + own)))
        before += shards
    if tables:
        assigned = pa.concat_tables(tables)
        ranges = assigned["number"].to_numpy() * work.ranges // total
        work.write("assigned", number, assigned, ranges)


def pack(work: Work, number: int) -> None:
    """Write a range of shards, and record the place of each clip."""
    index, placed = [INDEX_SCHEMA.empty_table()], [_PLACED_SCHEMA.empty_table()]
    for clips in _shards(work, number):
        name = shard_name(clips["split"][0].as_py(), clips["shard"][0].as_py())
        if not work.store.exists(name):  # written by an earlier run of this configuration
            copy_samples(work.store, name, _samples(clips))
        sizes = clips["size"].to_numpy()
        columns = {"shard": pa.repeat(name, len(sizes)), "offset": np.cumsum(sizes) - sizes}
        located = clips.drop_columns(["shard", "offset"])
        for label, values in columns.items():
            located = located.append_column(label, pa.array(values))
        index.append(located.select(INDEX_SCHEMA.names))
        placed.append(located.select(_PLACED_SCHEMA.names))
    work.write_part("index", number, INDEX_SCHEMA, [pa.concat_tables(index)])
    work.write_by_row("placed", number, pa.concat_tables(placed))


def _shards(work: Work, number: int) -> Iterator[pa.Table]:
    """Yield the clips of each shard in their order in the shard."""
    if not work.written("assigned"):  # no clip is kept
        return
    clips = work.read("assigned", number)
    by = [("number", "ascending"), ("place", "ascending"), ("row", "ascending")]
    clips = clips.take(pc.sort_indices(clips, by))
    _, starts, counts = np.unique(clips["number"].to_numpy(), return_index=True, return_counts=True)
    for start, count in zip(starts, counts, strict=True):
        yield clips.slice(start, count)


def _samples(clips: pa.Table) -> Iterator[SampleBytes]:
    columns = (clips[name].to_pylist() for name in ("path", "key", "offset", "size"))
    for path, key, offset, size in zip(*columns, strict=True):
        yield SampleBytes(path, key, offset, size)
