"""Read manifests, decide on their rows, and write the output tables."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mytalk_core.curation import decisions
from mytalk_core.curation.distributions import count_values
from mytalk_core.curation.duplicates import COPY_SCHEMA, SKETCH_SCHEMA
from mytalk_core.curation.exchange import hashes, range_of
from mytalk_core.curation.face_groups import DIMENSIONS
from mytalk_core.curation.funnel_table import (
    FUNNEL_SCHEMA,
    SCOPES,
    funnel_table,
    name_hashes,
    tally,
)
from mytalk_core.curation.packing import shuffle_place
from mytalk_core.curation.passes.work import ROWS_PER_RANGE, Work, place_in_range, row_numbers
from mytalk_core.data.curated import (
    CURATED_SCHEMA,
    FUNNEL_TABLE,
    INDEX,
    INDEX_SCHEMA,
    MANIFEST,
    write_table,
)
from mytalk_core.data.manifest import Kind, with_normal_speakers
from mytalk_core.data.manifest_stream import manifest_batches
from mytalk_core.data.splits import speaker_group
from mytalk_core.data.storage import is_local
from mytalk_core.data.stored_files import remote_size
from mytalk_core.errors import BadInputError, Reason


@dataclass(frozen=True)
class ManifestPiece:
    """A row group of a manifest, the input of one task."""

    number: int
    path: str  # absolute, or a URL; the shards are in the same folder
    digest: str
    row_group: int


def scatter(work: Work, piece: ManifestPiece) -> None:
    """Read rows, check that their clips exist, and partition them by place in the shuffle."""
    folder = piece.path.rpartition("/")[0]
    batches = manifest_batches(piece.path, ROWS_PER_RANGE, piece.row_group)
    for number, batch in enumerate(batches):
        rows = pa.Table.from_batches([batch]).filter(decisions.is_input(batch))
        rows = with_normal_speakers(rows)
        names = pc.if_else(pc.equal(rows["key"], ""), rows["id"], rows["key"])
        places = [shuffle_place(name, work.config.packing.seed) for name in names.to_pylist()]
        paths = [f"{folder}/{shard}" if shard else "" for shard in rows["shard"].to_pylist()]
        found = _found(paths, rows) if not work.config.dry_run else np.ones(len(paths), bool)
        columns = {
            "name": names,
            "place": pa.array(places, pa.binary()),
            "manifest": pa.repeat(piece.digest, rows.num_rows),
            "path": pa.array(paths, pa.string()),
            "found": pa.array(found),
        }
        for label, values in columns.items():
            rows = rows.append_column(label, values)
        hashed = np.frombuffer(b"".join(place[:8] for place in places), ">u8").astype(np.uint64)
        # A piece has fewer than 4096 batches, because Parquet writers limit the size of row groups.
        work.write("rows", piece.number << 12 | number, rows, range_of(hashed, work.ranges))


def _found(paths: list[str], rows: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each clip's shard exists and is long enough; one request per shard."""
    length = {path: _length(path) for path in set(paths)}
    ends = rows["offset"].to_numpy() + rows["size"].to_numpy()
    reach = np.array([length[path] for path in paths], np.int64)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (rows["size"].to_numpy() > 0) & (
        ends <= reach
    )
    return found


def _length(path: str) -> int:
    try:
        return os.stat(path).st_size if is_local(path) else remote_size(path)
    except OSError:
        return -1
    except BadInputError as error:
        if error.reason is Reason.NOT_FOUND:
            return -1
        raise


def judge(work: Work, number: int) -> None:
    """Apply the filters, then partition hashes by content and faces by title."""
    rows = decisions.judge(work.read("rows", number), work.config)
    rows = rows.append_column("row", row_numbers(number, rows.num_rows))
    work.write_part("judged", number, rows.schema, [rows])
    clean = pc.equal(rows["losses"], 0)
    sketches = rows.append_column("clean", clean).select(SKETCH_SCHEMA.names)
    contents = pc.if_else(pc.equal(rows["content_hash"], ""), rows["name"], rows["content_hash"])
    by_content = range_of(hashes(contents.to_pylist()), work.ranges)
    work.write("sketches", number, sketches.cast(SKETCH_SCHEMA), by_content)
    has_face = pc.equal(pc.list_value_length(rows["embedding"]), DIMENSIONS)
    nameless = pc.and_(pc.equal(rows["speaker"], ""), pc.equal(rows["kind"], Kind.CLIP))
    faces = rows.filter(pc.and_(pc.fill_null(has_face, False), nameless))
    faces = faces.select(["title", "key", "row", "embedding"])
    by_title = range_of(hashes(faces["title"].to_pylist()), work.ranges)
    work.write("faces", number, faces, by_title)


def decide(work: Work, number: int) -> None:
    """Complete the decisions of a range, count them, and partition kept clips by speaker."""
    rows = work.read_part("judged", number)
    named = work.read("names_of_rows", number)
    places = place_in_range(named["row"].to_numpy()).tolist()
    speakers = dict(zip(places, named["speaker"].to_pylist(), strict=True))
    last = len(work.rules) - 1
    copies = pa.concat_tables(
        [
            _copies(work, "copies", number, last - 1),
            _copies(work, "near_copies", number, last),
        ]
    )
    rows = decisions.decide(rows, copies, speakers, work.config)
    work.write_part("decided", number, rows.schema, [rows])
    tallies = tally(rows, work.rules)
    work.write("tallies", number, tallies, range_of(name_hashes(tallies), work.ranges))
    counts = count_values(rows)
    flat = pa.table({"count": counts.reshape(-1)})
    work.write_part("counts", number, flat.schema, [flat])
    kept = rows.filter(pc.equal(rows["losses"], 0))
    versions = pa.Table.from_batches(
        [pa.RecordBatch.from_struct_array(pc.value_counts(kept["versions"]))]
    )
    work.write_part("versions", number, versions.schema, [versions])
    names = zip(kept["speaker"].to_pylist(), kept["title"].to_pylist(), strict=True)
    groups = hashes(speaker_group(*each) for each in names)
    columns = ["split", "place", "row", "key", "speaker", "path", "offset", "size"]
    sent = kept.select(columns).append_column("group", pa.array(groups))
    work.write("kept", number, sent, range_of(groups, work.ranges))


def _copies(work: Work, written_by: str, number: int, bit: int) -> pa.Table:
    copies = work.read(written_by, number).cast(COPY_SCHEMA)
    return pa.table(
        {
            "number": place_in_range(copies["row"].to_numpy()),
            "bit": np.full(copies.num_rows, bit, np.int64),
            "kept": copies["kept"],
        }
    )


def add_up(work: Work, number: int) -> None:
    """Sum the tallies of a range of names."""
    table = funnel_table(work.read("tallies", number), work.rules)
    work.write_part("funnel", number, table.schema, [table])


def write_tables(work: Work, _: int) -> None:
    """Concatenate the ranges into the output tables."""
    ranges = range(work.ranges)
    manifest = (_manifest_rows(work, number) for number in ranges)
    write_table(work.store, MANIFEST, CURATED_SCHEMA, manifest)
    if not work.config.dry_run:
        index = (work.read_part("index", number) for number in ranges)
        write_table(work.store, INDEX, INDEX_SCHEMA, index)
    write_table(work.store, FUNNEL_TABLE, FUNNEL_SCHEMA, funnel_tables(work))


def _manifest_rows(work: Work, number: int) -> pa.Table:
    """Rows of a range with their new shards; rows that are not kept have none."""
    rows = work.read_part("decided", number)
    shards, offsets = [""] * rows.num_rows, np.zeros(rows.num_rows, np.int64)
    if not work.config.dry_run:
        placed = work.read("placed", number)
        places = place_in_range(placed["row"].to_numpy())
        offsets[places] = placed["offset"].to_numpy()
        for place, shard in zip(places.tolist(), placed["shard"].to_pylist(), strict=True):
            shards[place] = shard
    for name, values in (("shard", pa.array(shards, pa.string())), ("offset", pa.array(offsets))):
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def funnel_tables(work: Work) -> Iterator[pa.Table]:
    """Yield the funnel in parts, in the order of `SCOPES`."""
    for scope in SCOPES:
        for number in range(work.ranges):
            table = work.read_part("funnel", number)
            yield table.filter(pc.equal(table["scope"], scope))
