"""The folder that curation writes and training reads: its names, and the tables in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.data.curation import Decision
from mytalk_core.data.manifest import MANIFEST_SCHEMA
from mytalk_core.data.splits import SPLITS, Split
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.output import atomic_path


@dataclass(frozen=True)
class IndexRow:
    """Where a kept clip stands, so that a reader can fetch it without its neighbours."""

    key: str
    split: str
    shard: str  # relative to the folder
    speaker: str
    offset: int  # bytes, of the first header
    size: int  # bytes, padding included


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

# The manifest of curation is a manifest like any other, so it can be curated again; it adds
# the split and every reason, of which `reason` is the first.
CURATED_SCHEMA = MANIFEST_SCHEMA.append(pa.field("split", pa.string())).append(
    pa.field("reasons", pa.list_(pa.string()))
)


def shard_name(split: Split, number: int) -> str:
    """Name of a shard, relative to the folder."""
    return f"{split}/shard-{number:05d}.tar"


@dataclass(frozen=True)
class CuratedFolder:
    """The names of everything in a folder of curated data."""

    root: Path

    @property
    def started(self) -> Path:
        """First file written: the configuration whose result this folder is going to hold."""
        return self.root / "_CONFIGURATION.json"

    @property
    def completed(self) -> Path:
        """Last file written; without it the folder is unfinished."""
        return self.root / "_SUCCESS.json"

    @property
    def index(self) -> Path:
        """Byte range of every kept clip."""
        return self.root / "index.parquet"

    @property
    def manifest(self) -> Path:
        """Every input with its decision."""
        return self.root / "manifest.parquet"

    @property
    def funnel(self) -> Path:
        """The funnel for machines."""
        return self.root / "funnel.json"

    @property
    def funnel_report(self) -> Path:
        """The funnel for people."""
        return self.root / "funnel.md"

    def shard(self, name: str) -> Path:
        """Path of a shard by its name."""
        return self.root / name


def is_complete(folder: CuratedFolder, configuration_id: str) -> bool:
    """Whether the folder holds all of this configuration's result."""
    return _recorded_id(folder.completed) == configuration_id


def start(
    folder: CuratedFolder, configuration_id: str, configuration: Mapping[str, object]
) -> None:
    """Make the folder and record what it is going to hold; a folder of the same is continued.

    Raises:
        BadInputError: where the folder holds something else.
        OutputError: where it cannot be made.
    """
    try:
        occupied = folder.root.exists() and any(folder.root.iterdir())
        if occupied and _recorded_id(folder.started) != configuration_id:
            raise BadInputError(
                "this folder holds something else, or the result of another configuration.",
                reason=Reason.BAD_CONFIGURATION,
                where=str(folder.root),
                remedy="Give another --out, or delete it first.",
            )
        for split in SPLITS:
            (folder.root / split).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"this folder cannot be made: {error.strerror}.",
            reason=Reason.OUTPUT_NOT_WRITABLE,
            where=str(folder.root),
        ) from error
    write_record(folder.started, configuration_id, {"configuration": configuration})


def write_record(path: Path, configuration_id: str, content: Mapping[str, object]) -> None:
    """Write a record that names its configuration, as JSON, complete or not at all."""
    record = {"configuration_id": configuration_id, **content}
    write_text(path, json.dumps(record, indent=2, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _recorded_id(record: Path) -> str | None:
    if not record.is_file():
        return None
    recorded: str = json.loads(record.read_text(encoding="utf-8"))["configuration_id"]
    return recorded


def shards_of(root: Path, split: Split) -> list[Path]:
    """The finished shards of a split, in order.

    Raises:
        BadInputError: where there is none.
    """
    shards = sorted((root / split).glob("shard-*.tar"))
    if not shards:
        raise BadInputError(
            f"holds no shards of the split {split!r}.",
            reason=Reason.NOT_FOUND,
            where=str(root),
            remedy="Give a folder that `mytalk curate` wrote, with clips in that split.",
        )
    return shards


def write_index(path: Path, rows: Iterable[IndexRow]) -> None:
    """Write the index, ordered as the clips stand in the shards, complete or not at all."""
    ordered = sorted(rows, key=lambda row: (row.shard, row.offset))
    table = pa.Table.from_pylist([asdict(row) for row in ordered], schema=INDEX_SCHEMA)
    _write_table(path, table)


def write_curated_manifest(path: Path, decisions: Iterable[tuple[Decision, str]]) -> None:
    """Write decisions and the shard of each (empty where not kept), ordered by key and id."""
    rows = [
        asdict(decision.row)
        | {
            "shard": shard,
            "split": decision.split,
            "reasons": [str(loss.reason) for loss in decision.losses],
        }
        for decision, shard in decisions
    ]
    rows.sort(key=lambda row: (row["key"], row["id"], row["reason"] or "", row["source"]))
    _write_table(path, pa.Table.from_pylist(rows, schema=CURATED_SCHEMA))


def _write_table(path: Path, table: pa.Table) -> None:
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
