"""The funnel of every split, licence, speaker and source as a table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mytalk_core.curation.decisions import StepRule, first_loss
from mytalk_core.curation.exchange import hashes
from mytalk_core.errors import Reason

_KEY = [
    ("scope", pa.string()),  # "all", "split", "licence", "speaker" or "source" (a title)
    ("name", pa.string()),  # of the speaker, ...; empty where unknown
    ("split", pa.string()),  # of a split or speaker
    ("licence", pa.string()),  # of a source
    ("number", pa.int64()),  # of the step, in order of application; -1 is the input
    ("reason", pa.string()),
]
_SUMS = ["first_clips", "first_ms", "would_clips", "would_ms", "unmeasured_clips"]

SCOPES = ("all", "split", "licence", "speaker", "source")

TALLY_SCHEMA = pa.schema([*_KEY, *((name, pa.int64()) for name in _SUMS)])
"""Sums over some rows. Amounts of the input are negative; amounts of steps are positive."""

FUNNEL_SCHEMA = pa.schema(
    [
        *_KEY,
        ("step", pa.string()),
        ("first_clips", pa.int64()),  # removed here and by no earlier step
        ("first_hours", pa.float64()),
        ("would_clips", pa.int64()),  # removed by this step alone
        ("would_hours", pa.float64()),
        ("unmeasured_clips", pa.int64()),  # that this step could not judge
        ("left_clips", pa.int64()),  # kept after this step
        ("left_ms", pa.int64()),
        ("left_hours", pa.float64()),
    ]
)
"""`funnel.parquet`: for each scope and name an input line, then the steps with any count."""


def tally(rows: pa.Table, rules: Sequence[StepRule]) -> pa.Table:
    """Compute the sums of decided rows for all scopes, as `TALLY_SCHEMA`."""
    events = _events(rows, len(rules))
    of_event = events["row"]
    # The last entry is for the input, whose number is -1.
    reasons = pa.array([*(rule.reason for rule in rules), ""], pa.string())
    named = pc.take(reasons, _from_the_end(events["number"], len(rules)))
    own = pc.fill_null(pc.take(rows["reason"], of_event), Reason.INTERNAL)
    events = events.append_column("reason", pc.coalesce(named, own)).drop_columns(["row"])

    def column(name: str) -> pa.ChunkedArray:
        return pc.take(rows[name], of_event)

    nothing = pa.chunked_array([pa.repeat("", events.num_rows)])
    split, licence = column("split"), column("licence")
    scopes = {
        "all": (nothing, nothing, nothing),
        "split": (split, split, nothing),
        "licence": (licence, nothing, licence),
        "speaker": (column("speaker"), split, nothing),
        "source": (column("title"), nothing, licence),
    }
    sums = []
    for scope, keys in scopes.items():
        scoped = events.append_column("scope", pa.repeat(scope, events.num_rows))
        for name, values in zip(("name", "split", "licence"), keys, strict=True):
            scoped = scoped.append_column(name, values)
        sums.append(add_up(scoped))
    return pa.concat_tables(sums)


def _events(rows: pa.Table, steps: int) -> pa.Table:
    """Return an event per row and step with an effect: `row`, `number` of the step, and sums."""
    losses, unmeasured = rows["losses"].to_numpy(), rows["unmeasured"].to_numpy()
    first = first_loss(losses)
    every = np.arange(rows.num_rows)
    events = [(every, -1, np.full(len(every), -1), 0, 0)]  # row, step, first, would, unmeasured
    for number in range(steps):
        lost = np.flatnonzero(losses >> np.uint32(number) & np.uint32(1))
        events.append((lost, number, (first[lost] == number).astype(np.int64), 1, 0))
        unknown = np.flatnonzero(unmeasured >> np.uint32(number) & np.uint32(1))
        events.append((unknown, number, np.zeros(len(unknown), np.int64), 0, 1))
    milliseconds = np.rint(rows["duration_seconds"].to_numpy() * 1000).astype(np.int64)
    tables = []
    for row, number, as_first, would, unjudged in events:
        one, spent = np.ones(len(row), np.int64), milliseconds[row]
        sums = (as_first, as_first * spent, would * one, would * spent, unjudged * one)
        head = {"row": row.astype(np.int64), "number": number * one}
        tables.append(pa.table(head | dict(zip(_SUMS, sums, strict=True))))
    return pa.concat_tables(tables)


def _from_the_end(numbers: pa.ChunkedArray, count: int) -> pa.ChunkedArray:
    return pc.if_else(pc.less(numbers, 0), pc.add(numbers, count + 1), numbers)


def add_up(tallies: pa.Table) -> pa.Table:
    """Sum tallies with the same key."""
    keys = [name for name, _ in _KEY]
    grouped = tallies.group_by(keys, use_threads=False)
    total = grouped.aggregate([(name, "sum") for name in _SUMS])
    names = keys + _SUMS
    return total.select(keys + [f"{name}_sum" for name in _SUMS]).rename_columns(names)


def name_hashes(tallies: pa.Table) -> NDArray[np.uint64]:
    """Hash scope and name of each tally, (N,)."""
    pairs = zip(tallies["scope"].to_pylist(), tallies["name"].to_pylist(), strict=True)
    return hashes(f"{scope}/{name}" for scope, name in pairs)


def funnel_table(tallies: pa.Table, rules: Sequence[StepRule]) -> pa.Table:
    """Convert the tallies of some names to `FUNNEL_SCHEMA`, sorted by scope and hash of the name.

    Args:
        tallies: all tallies of these names.
        rules: the steps.
    """
    keys = [name for name, _ in _KEY]
    sums = add_up(tallies)
    sums = sums.append_column("place", pa.array(name_hashes(sums)))
    by = ["scope", "place", *keys[1:]]
    sums = sums.take(pc.sort_indices(sums, [(name, "ascending") for name in by]))
    starts = np.flatnonzero(sums["number"].to_numpy() < 0)
    lengths = np.diff(np.append(starts, sums.num_rows))
    left = {}
    for name in ("first_clips", "first_ms"):
        removed = np.cumsum(sums[name].to_numpy())
        before = np.concatenate([[0], removed])[starts]
        left[name] = np.repeat(before, lengths) - removed
    steps = pa.array([*(rule.step for rule in rules), "input"], pa.string())
    columns = {name: sums[name] for name in keys} | {
        "step": pc.take(steps, _from_the_end(sums["number"], len(rules))),
        "first_clips": pc.max_element_wise(sums["first_clips"], 0),
        "first_hours": _hours(pc.max_element_wise(sums["first_ms"], 0)),
        "would_clips": sums["would_clips"],
        "would_hours": _hours(sums["would_ms"]),
        "unmeasured_clips": sums["unmeasured_clips"],
        "left_clips": left["first_clips"],
        "left_ms": left["first_ms"],
        "left_hours": _hours(pa.array(left["first_ms"])),
    }
    return pa.table(columns, schema=FUNNEL_SCHEMA)


def _hours(milliseconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(pc.cast(milliseconds, pa.float64()), 3_600_000.0)


def licence_sources(table: pa.Table) -> dict[str, int]:
    """Count the titles of a funnel table by licence."""
    sources = table.filter(
        pc.and_(pc.equal(table["scope"], "source"), pc.equal(table["step"], "input"))
    )
    counted = pc.value_counts(sources["licence"])
    return {each["values"]: each["counts"] for each in counted.to_pylist()}
