"""`mytalk inspect`: contents of a shard, a manifest or an index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.console import note, result
from jobs.options import with_options

if TYPE_CHECKING:
    from rich.table import Table

    from mytalk_core.data.clip_reader import Members
    from mytalk_core.data.shard_contents import SampleEntry
    from mytalk_core.data.storage import Store
    from mytalk_core.data.table_contents import Row

_SPEAKERS_SHOWN = 20
# Columns that fit on a terminal; --key and --json give all.
_COLUMNS = {
    "manifest": ("id", "kind", "status", "reason", "speaker", "duration_seconds"),
    "index": ("key", "split", "speaker", "shard", "offset", "size"),
}


@dataclass(frozen=True)
class InspectOptions:
    """What `mytalk inspect` takes."""

    data: Annotated[str, typer.Argument(metavar="SHARD_OR_MANIFEST", show_default=False)]
    """A .tar, a .parquet, or a folder of preprocessed or curated data; path or URL."""

    key: Annotated[str | None, typer.Option(show_default=False)] = None
    """Show one sample or row in full."""

    html: Annotated[str | None, typer.Option(show_default=False)] = None
    """Draw a contact sheet into this file; path or URL."""

    limit: Annotated[int, typer.Option(min=1)] = 24
    """Most rows listed and samples drawn."""


@with_options
def inspect(options: InspectOptions) -> None:
    """Show the contents of a shard, a manifest or an index.

    The contact sheet shows crops with their landmarks, and the mouth opening over
    the loudness.

    \b
    mytalk inspect work/shard-00000.tar
    mytalk inspect curated/ --html sheet.html
    mytalk inspect work/manifest.parquet --key film-00000-00-000
    """
    from rich.console import Group

    from mytalk_core.data.clip_index import described_by, stored_file
    from mytalk_core.data.output_check import check_output_files

    key, html = options.key, options.html
    is_shard = options.data.endswith(".tar")
    store, name = stored_file(options.data) if is_shard else described_by(options.data)
    if html:
        # A table names shards in its own folder.
        given = [f"{store.url}/{name}", *([] if is_shard else [store.url])]
        check_output_files([html], given, "--html", suffixes=(".html", ".htm"))
    samples: Callable[[], Iterator[Members]]
    if is_shard:
        samples = partial(_samples_of_shard, store, name, key)
        data, tables = _shard(store, name) if key is None else _sample(key, next(samples()))
    else:
        samples = partial(_samples_of_table, store, name, key)
        data, tables = _table(store, name, options.limit) if key is None else _row(store, name, key)
    if html:
        _draw(html, f"{store.url}/{name}", islice(samples(), options.limit))
        data["contact_sheet"] = html
    result(data, Group(*tables))
    if html:
        note(f"The contact sheet: {html}")


Findings = tuple[dict[str, Any], "list[Table]"]
"""The content as JSON values, and as tables for a terminal."""


def _samples_of_shard(store: Store, name: str, key: str | None) -> Iterator[Members]:
    from mytalk_core.data.clip_reader import read_range
    from mytalk_core.data.shard_contents import iter_entries, read_sample

    if key is not None:
        yield read_sample(store, name, key)
        return
    for entry in iter_entries(store, name):
        yield read_range(store, name, entry.offset, entry.size)


def _samples_of_table(store: Store, name: str, key: str | None) -> Iterator[Members]:
    from mytalk_core.data.shard_contents import read_sample
    from mytalk_core.data.table_contents import find_row, iter_clip_rows

    rows = iter_clip_rows(store, name) if key is None else [find_row(store, name, key)]
    for row in rows:
        if row["shard"] and row["key"]:
            # Manifests of older versions lack the byte range of a sample.
            place = row.get("offset") or 0, row.get("size") or 0
            yield read_sample(store, row["shard"], row["key"], *place)


def _shard(store: Store, name: str) -> Findings:
    from mytalk_core.data.shard_contents import iter_entries
    from mytalk_core.data.shards import clip_seconds

    entries = list(iter_entries(store, name))
    table = _empty(name, "key", "speaker", "seconds", "frames", "crop", "late", "sync", "MB")
    for entry in entries:
        meta = entry.meta
        table.add_row(
            entry.key,
            meta.speaker or "unknown",
            f"{float(clip_seconds(meta)):.2f}",
            str(meta.frame_count),
            str(meta.crop_size),
            f"{meta.sync_offset:+.1f}",
            f"{meta.sync_confidence:.2f}",
            f"{entry.size / 1e6:.2f}",
        )
    data = {"shard": f"{store.url}/{name}", "samples": [asdict(entry) for entry in entries]}
    return data, [table, _members_table(entries)]


def _members_table(entries: Iterable[SampleEntry]) -> Table:
    sizes: dict[str, list[int]] = {}
    for entry in entries:
        for kind, size in entry.members.items():
            sizes.setdefault(kind, []).append(size)
    table = _empty("members", "member", "samples", "MB", "mean bytes")
    for kind, found in sizes.items():
        mean = f"{sum(found) / len(found):.0f}"
        table.add_row(kind, str(len(found)), f"{sum(found) / 1e6:.2f}", mean)
    return table


def _table(store: Store, name: str, limit: int) -> Findings:
    from mytalk_core.data.table_contents import table_contents

    contents = table_contents(store, name, limit)
    title = f"{name}: {contents.rows} rows"
    speakers = contents.speakers[:_SPEAKERS_SHOWN]
    hidden = len(contents.speakers) - len(speakers)
    more = f", {hidden} more" if hidden else ""
    first = [{c: row.get(c) for c in _COLUMNS[contents.kind]} for row in contents.first]
    return {"table": f"{store.url}/{name}", **asdict(contents)}, [
        _rows_table(title, contents.groups),
        _rows_table(f"speakers of usable clips{more}", speakers),
        _rows_table(f"first {len(first)} rows", first),
    ]


def _row(store: Store, name: str, key: str) -> Findings:
    from mytalk_core.data.table_contents import find_row
    from mytalk_core.errors import BadInputError, Reason

    row = find_row(store, name, key)
    facts = _empty(key, "column", "value")
    for column, value in row.items():
        if value not in (None, "", []):
            facts.add_row(column, _text(value))
    data: dict[str, Any] = {"row": row}
    try:
        sample = next(_samples_of_table(store, name, key), None)
    except BadInputError as error:
        if error.reason is not Reason.NOT_FOUND:  # a manifest may be copied without its shards
            raise
        sample = None
    if sample is None:
        return data, [facts]
    described, tables = _sample(key, sample)
    return data | described, [facts, *tables]


def _sample(key: str, members: Members) -> Findings:
    from mytalk_core.data.shard_contents import describe_sample

    described = describe_sample(members)
    media = _empty(key, "member", "bytes", "dtype", "shape", "content")
    for kind, facts in described.items():
        shape = " x ".join(map(str, facts.get("shape", [])))
        media.add_row(kind, str(facts["bytes"]), facts.get("dtype", ""), shape, _holding(facts))
    content = _empty("json", "field", "value")
    for field, value in described["json"]["content"].items():
        content.add_row(field, _text(value))
    return {"sample": described}, [media, content]


def _holding(facts: dict[str, Any]) -> str:
    if "peak" in facts:
        level = f"peak {facts['peak']} dBFS, RMS {facts['rms']} dBFS"
        return f"{facts['seconds']:.3f} s, {level}"
    if facts.get("min") is None:
        return ""
    broken = f", {facts['not_finite']} not finite" if facts["not_finite"] else ""
    return f"{facts['min']:.4g} to {facts['max']:.4g}{broken}"


def _draw(html: str, title: str, samples: Iterator[Members]) -> None:
    from mytalk_core.data.contact_sheet import write_contact_sheet
    from mytalk_core.data.shards import decode_sample
    from mytalk_core.data.stored_files import published_file

    with published_file(html) as temporary:
        write_contact_sheet(temporary, title, map(decode_sample, samples))


def _rows_table(title: str, rows: list[Row]) -> Table:
    table = _empty(title, *(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    return table


def _empty(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        # The first column is the argument of --key, so it is not wrapped.
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=number == 0)
    return table


def _text(value: object) -> Any:
    from rich.text import Text

    if isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, list) and len(value) > 8:
        text = f"{len(value)} numbers"
    else:
        text = "" if value is None else str(value)
    return Text(text)  # not markup: names may contain brackets
