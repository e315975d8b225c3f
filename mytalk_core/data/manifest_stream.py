"""Read manifests of any size in batches, and digest their content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mytalk_core.data.manifest import (
    MANIFEST_SCHEMA,
    Kind,
    Status,
    no_parquet,
    open_manifest,
)
from mytalk_core.data.names import normal_name
from mytalk_core.errors import BadInputError, ErrorClass, Reason

# Columns with a closed list of values, or null.
_WORDS: dict[str, type[StrEnum]] = {
    "kind": Kind,
    "status": Status,
    "reason": Reason,
    "error_class": ErrorClass,
}
# Columns that differ between runs over the same data.
_INCIDENTAL = frozenset({"seconds_spent"})


@dataclass(frozen=True)
class Survey:
    """Summary of a manifest."""

    path: str  # or URL
    digest: str  # of all values except the time spent; 32 hexadecimal digits
    rows: int
    row_groups: int  # of the Parquet file
    speakers: frozenset[str]  # normalised names, without unknown speakers


def survey_manifest(path: str | Path) -> Survey:
    """Check a manifest, count its rows and digest its values in one pass.

    The digest does not depend on compression, row groups or `seconds_spent`.

    Raises:
        BadInputError: the file is missing or not Parquet, lacks a column, or has an unknown value.
    """
    digested = [name for name in MANIFEST_SCHEMA.names if name not in _INCIDENTAL]
    hashers = {name: (hashlib.blake2b(), hashlib.blake2b()) for name in digested}
    rows = 0
    speakers: set[str] = set()
    for batch in manifest_batches(path):
        rows += batch.num_rows
        _check_words(batch, path)
        speakers.update(pc.unique(batch["speaker"]).to_pylist())
        for name, (of_lengths, of_values) in hashers.items():
            lengths, values = _canonical(batch[name])
            of_lengths.update(lengths)
            of_values.update(values)
    whole = hashlib.blake2b(digest_size=16)
    for of_lengths, of_values in hashers.values():
        whole.update(of_lengths.digest() + of_values.digest())
    names = frozenset(normal_name(name or "") for name in speakers) - {""}
    return Survey(str(path), whole.hexdigest(), rows, open_manifest(path).num_row_groups, names)


def manifest_batches(
    path: str | Path, rows: int = 16384, row_group: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a manifest, or of one row group, in batches of at most `rows`.

    Raises:
        BadInputError: as `open_manifest`.
    """
    file = open_manifest(path)
    groups = None if row_group is None else [row_group]
    try:
        for batch in file.iter_batches(rows, row_groups=groups, columns=MANIFEST_SCHEMA.names):
            yield batch.select(MANIFEST_SCHEMA.names).cast(MANIFEST_SCHEMA)
    except (pa.ArrowInvalid, OSError) as error:
        raise no_parquet(path, error) from error


def _check_words(batch: pa.RecordBatch, path: str | Path) -> None:
    for name, words in _WORDS.items():
        found = {word for word in pc.unique(batch[name]).to_pylist() if word}
        if unknown := found - {word.value for word in words}:
            raise BadInputError(
                "the manifest contains values that are unknown to this version:"
                f" {', '.join(sorted(unknown))} in the column {name}",
                reason=Reason.UNREADABLE,
                where=str(path),
            )


def _canonical(column: pa.Array) -> tuple[bytes, bytes]:
    """Return (lengths, values) of a column as bytes that are equal for equal values."""
    if pa.types.is_list(column.type):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        return lengths.to_numpy(zero_copy_only=False).tobytes(), _numbers(column.flatten())
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        lengths = pc.fill_null(pc.binary_length(column), -1)
        joined = b"".join(value for value in column.cast(pa.binary()).to_pylist() if value)
        return lengths.to_numpy(zero_copy_only=False).tobytes(), joined
    return b"", _numbers(column)


def _numbers(column: pa.Array) -> bytes:
    numbers = column.to_numpy(zero_copy_only=False)
    if np.issubdtype(numbers.dtype, np.floating):
        numbers = np.where(np.isnan(numbers), np.nan, numbers)  # NaN has several bit patterns
    return bytes(numbers.tobytes())
