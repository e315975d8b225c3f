"""Files in the folder of a preprocessing run, in the order in which they are written.

    plans/{chunk}.json       rows of a chunk's sources as probed, and the units they are cut into
    plans/{sources}.identities.json
                             identities of the content of these sources when they were planned
    shards/{unit}-000.tar    samples
    units/{unit}.parquet     rows of the unit's segments and clips: the unit is done
    chunks/{chunk}.parquet   rows of the chunk's sources and clips: the chunk is done
    manifest.parquet         all rows of all chunks
    report.html              summary of the run for people
    summary.json             counts, hours, time: the run is done

A record is written atomically, after everything that it lists.
"""

import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mytalk_core.data.manifest import (
    Kind,
    ManifestRow,
    Status,
    row_from_dict,
    rows_of,
    write_manifest,
)
from mytalk_core.data.output_check import Output
from mytalk_core.data.storage import Store
from mytalk_core.footage.units import Unit, units_from_json, units_to_json

MANIFEST = "manifest.parquet"
REPORT = "report.html"
SUMMARY = "summary.json"

OUTPUTS = (
    *map(Output, (MANIFEST, REPORT, SUMMARY)),
    *(Output(folder, True) for folder in ("plans", "units", "chunks", "shards")),
)
"""Files and folders that a run writes, relative to its folder."""


@dataclass(frozen=True)
class Plan:
    """A chunk's sources and units."""

    rows: tuple[ManifestRow, ...]  # one per source, as probed; ok ones are cut into units
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Records:
    """Reads and writes the records of a run."""

    store: Store

    def has_unit(self, name: str) -> bool:
        """Return whether a unit is done."""
        return self.store.exists(f"units/{name}.parquet")

    def write_unit(self, name: str, rows: Iterable[ManifestRow]) -> None:
        """Mark a unit as done."""
        self._write(f"units/{name}.parquet", rows)

    def read_unit(self, name: str) -> list[ManifestRow]:
        """Read the rows of segments and clips, each segment before its clips."""
        return self._read(f"units/{name}.parquet")

    def has_chunk(self, name: str) -> bool:
        """Return whether a chunk is done."""
        return self.store.exists(f"chunks/{name}.parquet")

    def write_chunk(self, name: str, rows: Iterable[ManifestRow]) -> None:
        """Mark a chunk as done."""
        self._write(f"chunks/{name}.parquet", rows)

    def read_chunk(self, name: str) -> list[ManifestRow]:
        """Read the rows of sources and clips, each source before its clips."""
        return self._read(f"chunks/{name}.parquet")

    def has_plan(self, name: str) -> bool:
        """Return whether a chunk has a plan."""
        return self.store.exists(f"plans/{name}.json")

    def write_plan(self, name: str, plan: Plan) -> None:
        """Write the plan of a chunk."""
        fields = {
            "rows": [row_to_json(row) for row in plan.rows],
            "units": units_to_json(plan.units),
        }
        self.write_json(f"plans/{name}.json", fields)

    def read_plan(self, name: str) -> Plan:
        """Read a plan that `write_plan` wrote."""
        fields = json.loads(self.store.read(f"plans/{name}.json"))
        rows = tuple(row_from_json(row) for row in fields["rows"])
        return Plan(rows, tuple(units_from_json(fields["units"])))

    def write_identities(self, sources: str, identities: dict[str, str]) -> None:
        """Write the identity of the content of each of a chunk's sources, by title."""
        self.write_json(f"plans/{sources}.identities.json", identities)

    def read_identities(self, sources: str) -> dict[str, str]:
        """Read what `write_identities` wrote; empty where these sources were never planned."""
        name = f"plans/{sources}.identities.json"
        if not self.store.exists(name):
            return {}
        identities: dict[str, str] = json.loads(self.store.read(name))
        return identities

    def write_json(self, name: str, fields: Any) -> None:
        """Write a JSON file atomically."""
        with self.store.publish(name) as temporary:
            temporary.write_text(json.dumps(fields, indent=1, sort_keys=True) + "\n")

    def sweep(self) -> None:
        """Remove unfinished files of killed writers. No other process may be writing."""
        for folder in ("plans", "shards", "units", "chunks"):
            path = self.store.local_path(folder)
            if path is None or not path.is_dir():
                continue
            with os.scandir(path) as entries:  # one by one: there may be millions
                for entry in entries:
                    if entry.name.startswith(".") and ".part." in entry.name:
                        Path(entry).unlink(missing_ok=True)

    def _write(self, name: str, rows: Iterable[ManifestRow]) -> None:
        with self.store.publish(name) as temporary:
            write_manifest(temporary, rows)

    def _read(self, name: str) -> list[ManifestRow]:
        # Read in one piece: records are small, and the store retries a read that fails.
        return rows_of(pq.read_table(io.BytesIO(self.store.read(name))), name)


def row_to_json(row: ManifestRow) -> dict[str, Any]:
    """Convert the row of a source to JSON, without perceptual hashes, which only clips have."""
    fields = asdict(row)
    return {name: value for name, value in fields.items() if not isinstance(value, bytes)}


def row_from_json(fields: dict[str, Any]) -> ManifestRow:
    """Convert the JSON of `row_to_json` to a row."""
    return row_from_dict({"audio_hash": b"", "picture_hash": b""} | fields)


def status_counts(rows: Sequence[ManifestRow]) -> dict[str, int]:
    """Count sources by status; every status is a key."""
    counts = {status.value: 0 for status in Status}
    for row in rows:
        if row.kind is Kind.SOURCE:
            counts[row.status] += 1
    return counts
