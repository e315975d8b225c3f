"""Layout and tables of the folder that curation writes and training reads."""

import json
import shutil
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
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.output import atomic_path, cannot_be_written, make_folder


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


@dataclass(frozen=True)
class CuratedFolder:
    """Paths in a folder of curated data."""

    root: Path

    @property
    def started(self) -> Path:
        """First file written: the configuration of the curation."""
        return self.root / "_CONFIGURATION.json"

    @property
    def completed(self) -> Path:
        """Last file written; marks the folder as complete."""
        return self.root / "_SUCCESS.json"

    @property
    def work(self) -> Path:
        """Intermediate results of the passes of an unfinished curation."""
        return self.root / "_work"

    @property
    def index(self) -> Path:
        """Byte range of every kept clip."""
        return self.root / "index.parquet"

    @property
    def manifest(self) -> Path:
        """Every input with its decision, in the order of the shuffle."""
        return self.root / "manifest.parquet"

    @property
    def speakers(self) -> Path:
        """Groups of faces of unknown speakers, with their confidence."""
        return self.root / "speakers.parquet"

    @property
    def funnel(self) -> Path:
        """The funnel as JSON: totals and speakers."""
        return self.root / "funnel.json"

    @property
    def funnel_table(self) -> Path:
        """The complete funnel with all sources."""
        return self.root / "funnel.parquet"

    @property
    def card(self) -> Path:
        """The dataset card as one HTML file."""
        return self.root / "dataset_card.html"

    @property
    def card_text(self) -> Path:
        """The dataset card as Markdown, with its pictures in `card_pictures`."""
        return self.root / "dataset_card.md"

    @property
    def card_pictures(self) -> Path:
        """Pictures of `card_text`."""
        return self.root / "dataset_card"

    def outputs(self) -> list[Output]:
        """Return all outputs of curation."""
        tables = (self.index, self.manifest, self.speakers, self.funnel, self.funnel_table)
        files = (self.started, self.completed, *tables, self.card, self.card_text)
        folders = (self.work, self.card_pictures, *(self.root / split for split in SPLITS))
        return [Output(path) for path in files] + [Output(path, True) for path in folders]

    def shard(self, name: str) -> Path:
        """Return the path of a shard by its name."""
        return self.root / name


def is_complete(folder: CuratedFolder, configuration_id: str) -> bool:
    """Return whether the folder contains the complete result of this configuration."""
    return bool(_record(folder.completed).get("configuration_id") == configuration_id)


def start(
    folder: CuratedFolder, configuration_id: str, configuration: Mapping[str, object]
) -> None:
    """Create the folder and record its configuration, or continue one of the same configuration.

    The result of a dry run is replaced by any other configuration.

    Raises:
        BadInputError: the folder contains something else.
        OutputError: it cannot be created.
    """
    try:
        _make_room(folder, configuration_id)
    except OSError as error:
        raise cannot_be_written(folder.root, error) from error
    make_folder(folder.root)
    # First, so that a run killed after this line can be continued.
    write_record(folder.started, configuration_id, {"configuration": configuration})
    for split in SPLITS:
        make_folder(folder.root / split)


def _make_room(folder: CuratedFolder, configuration_id: str) -> None:
    there = folder.root.iterdir() if folder.root.exists() else iter(())
    occupied = any(not is_lease(path.name) for path in there)
    held = _record(folder.started)
    if not occupied or held.get("configuration_id") == configuration_id:
        return
    if not held.get("configuration", {}).get("dry_run"):
        raise occupied_error(str(folder.root))
    folder.completed.unlink(missing_ok=True)
    shutil.rmtree(folder.work, ignore_errors=True)


def occupied_error(where: str) -> BadInputError:
    """Return the error for an output folder with other content."""
    return BadInputError(
        "this folder contains other files, or the result of another configuration.",
        reason=Reason.BAD_CONFIGURATION,
        where=where,
        remedy="Give another --out, or delete it first.",
    )


def write_record(path: Path, configuration_id: str, content: Mapping[str, object]) -> None:
    """Write a record with its configuration id atomically as JSON."""
    record = {"configuration_id": configuration_id, **content}
    write_text(path, json.dumps(record, indent=2, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
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


def write_index(path: Path, rows: Iterable[IndexRow]) -> None:
    """Write an index atomically, ordered by shard and offset."""
    ordered = sorted(rows, key=lambda row: (row.shard, row.offset))
    table = pa.Table.from_pylist([asdict(row) for row in ordered], schema=INDEX_SCHEMA)
    write_table(path, INDEX_SCHEMA, [table])


def write_table(path: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """Concatenate tables into one Parquet file, written atomically.

    The bytes depend on the rows only, not on their division into parts.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    with (
        atomic_path(path) as temporary,
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
