"""Layout and tables of the folder that curation writes and training reads."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.data.lease import is_lease
from mytalk_core.data.manifest import MANIFEST_SCHEMA
from mytalk_core.data.output_check import Output
from mytalk_core.data.splits import SPLITS, Split
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason

# Names of the files and folders, in the order in which they are written.
STARTED = "_CONFIGURATION.json"  # the configuration of the curation
WORK = "_work"  # intermediate results of an unfinished curation
SPEAKERS = "speakers.parquet"  # groups of faces of unknown speakers, with their confidence
MANIFEST = "manifest.parquet"  # every input with its decision, in the order of the shuffle
INDEX = "index.parquet"  # byte range of every kept clip
FUNNEL_TABLE = "funnel.parquet"  # the complete funnel with all sources
CARD = "dataset_card.html"  # the dataset card as one file
CARD_TEXT = "dataset_card.md"  # the same as Markdown, with its pictures in CARD_PICTURES
CARD_PICTURES = "dataset_card"
FUNNEL = "funnel.json"  # totals and speakers
COMPLETED = "_SUCCESS.json"  # marks the folder as complete


@dataclass(frozen=True)
class IndexRow:
    """Byte range of a kept clip; a row of the index."""

    key: str
    split: str
    shard: str  # relative to the folder
    speaker: str  # a name, a face group, or empty
    offset: int  # bytes, start of the first header
    size: int  # bytes, with padding


INDEX_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        ("speaker", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
    ]
)

# A manifest with two more columns, so it can be curated again: the split, and all reasons, the
# first of which is also in `reason`.
CURATED_SCHEMA = MANIFEST_SCHEMA.append(pa.field("split", pa.string())).append(
    pa.field("reasons", pa.list_(pa.string()))
)

_ROWS_PER_GROUP = 16384


def shard_name(split: str, number: int) -> str:
    """Return the name of a shard, relative to the folder."""
    return f"{split}/shard-{number:05d}.tar"


def curated_outputs() -> list[Output]:
    """Return all outputs of curation, relative to their folder."""
    tables = (INDEX, MANIFEST, SPEAKERS, FUNNEL, FUNNEL_TABLE)
    files = (STARTED, COMPLETED, *tables, CARD, CARD_TEXT)
    return [Output(name) for name in files] + [
        Output(name, is_folder=True) for name in (WORK, CARD_PICTURES, *SPLITS)
    ]


def is_complete(store: Store, configuration_id: str) -> bool:
    """Return whether a folder contains the complete result of this configuration."""
    return bool(_record(store, COMPLETED).get("configuration_id") == configuration_id)


def start(store: Store, configuration_id: str, configuration: Mapping[str, object]) -> None:
    """Record the configuration of a folder, or continue one of the same configuration.

    The result of a dry run is replaced by any other configuration.

    Raises:
        BadInputError: the folder contains something else.
        OutputError, StorageError: it cannot be written.
    """
    _make_room(store, configuration_id)
    # First, so that a run killed after this line can be continued.
    write_record(store, STARTED, configuration_id, {"configuration": configuration})


def _make_room(store: Store, configuration_id: str) -> None:
    held = _record(store, STARTED)
    if held.get("configuration_id") == configuration_id:
        return
    if held.get("configuration", {}).get("dry_run"):
        store.remove(COMPLETED)
        store.remove_folder(WORK)
    elif any(not is_lease(name) for name in store.names()):
        raise BadInputError(
            "this folder contains other files, or the result of another configuration.",
            reason=Reason.BAD_CONFIGURATION,
            where=store.url,
            remedy="Give another --out, or delete it first.",
        )


def write_record(
    store: Store, name: str, configuration_id: str, content: Mapping[str, object]
) -> None:
    """Write a record with its configuration id atomically as JSON."""
    record = {"configuration_id": configuration_id, **content}
    write_text(store, name, json.dumps(record, indent=2, sort_keys=True) + "\n")


def write_text(store: Store, name: str, text: str) -> None:
    """Write a text file atomically.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    with store.publish(name) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _record(store: Store, name: str) -> dict[str, Any]:
    if not store.exists(name):
        return {}
    recorded: dict[str, Any] = json.loads(store.read(name))
    return recorded


def shards_of(root: Path, split: Split) -> list[Path]:
    """Return the complete shards of a split, in order.

    Raises:
        BadInputError: there is none.
    """
    shards = sorted((root / split).glob("shard-*.tar"))
    if not shards:
        raise BadInputError(
            f"has no shards of the split {split!r}.",
            reason=Reason.NOT_FOUND,
            where=str(root),
            remedy="Give a folder that `mytalk curate` wrote, with clips in that split.",
        )
    return shards


def write_index(store: Store, rows: Iterable[IndexRow]) -> None:
    """Write the index of a folder atomically, ordered by shard and offset."""
    ordered = sorted(rows, key=lambda row: (row.shard, row.offset))
    table = pa.Table.from_pylist([asdict(row) for row in ordered], schema=INDEX_SCHEMA)
    write_table(store, INDEX, INDEX_SCHEMA, [table])


def write_table(store: Store, name: str, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """Concatenate tables into one Parquet file, written atomically.

    The bytes depend on the rows only, not on their division into parts.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    with (
        store.publish(name) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for rows in _even_groups(parts, schema):
            writer.write_table(rows, row_group_size=_ROWS_PER_GROUP)


def _even_groups(parts: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    pending = schema.empty_table()
    for part in parts:
        pending = pa.concat_tables([pending, part.select(schema.names).cast(schema)])
        while pending.num_rows >= _ROWS_PER_GROUP:
            yield pending.slice(0, _ROWS_PER_GROUP).combine_chunks()
            pending = pending.slice(_ROWS_PER_GROUP)
    yield pending.combine_chunks()
