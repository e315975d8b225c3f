"""Decide on each input of curation, with every reason for which it is removed.

Rows are Arrow tables, because there may be millions. Each reason is a bit of a row's `losses`: bit
i stands for `steps(config)[i]`, and the lowest set bit is the step that removed the row.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mytalk_core.curation.duplicates import DuplicateConfig
from mytalk_core.curation.face_groups import FaceGroupConfig
from mytalk_core.curation.filters import FilterConfig, filters, measured
from mytalk_core.curation.packing import PackingConfig
from mytalk_core.data.manifest import Kind, Status
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.data.splits import SplitConfig, assign_split
from mytalk_core.errors import ErrorClass, Reason

STAGE = "curate"

Step = Literal["before", "gather", "filter", "copies"]
"""The phase in which an input is removed: before curation, while its clip is located in its shard,
by a filter, or as a copy of another."""


@dataclass(frozen=True)
class CurateConfig:
    """All settings that affect the result of curation."""

    filters: FilterConfig = field(default_factory=FilterConfig)
    """Limits of measurements."""

    duplicates: DuplicateConfig = field(default_factory=DuplicateConfig)
    """Limits of near copies."""

    faces: FaceGroupConfig = field(default_factory=FaceGroupConfig)
    """Grouping of faces without a speaker name."""

    splits: SplitConfig = field(default_factory=SplitConfig)
    """Shares of the splits."""

    holdout: frozenset[str] = frozenset()
    """Speakers that always go to the test split."""

    packing: PackingConfig = field(default_factory=PackingConfig)
    """Sizes of shards."""

    dry_run: bool = False
    """Write decisions and reports only; shards are not needed and none is written."""


def configuration(config: CurateConfig, manifest_digests: Iterable[str]) -> dict[str, object]:
    """Return everything that affects the result as JSON-able fields, for manifests in any order.

    Args:
        config: the settings.
        manifest_digests: a digest of each manifest's values; paths have no effect.
    """
    return asdict(config) | {
        "holdout": sorted(config.holdout),
        "manifests": sorted(manifest_digests),
        "versions": made_with(ResultKind.CURATION),
    }


def configuration_id(configuration: Mapping[str, object]) -> str:
    """Return the id of a configuration, 16 hexadecimal digits."""
    canonical = json.dumps(configuration, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class StepRule:
    """One step that can remove an input."""

    step: Step
    reason: Reason | None  # None where the row has its own
    rule: str  # the condition for keeping a row; empty where there is no limit


BEFORE, NOT_FOUND, REPEATED = range(3)


def steps(config: CurateConfig) -> tuple[StepRule, ...]:
    """Return all steps that can remove an input, in the order in which they are applied."""
    limits = config.duplicates
    near = f"within {limits.max_audio_bits} + {limits.max_picture_bits} bits"
    return (
        StepRule("before", None, ""),
        StepRule("gather", Reason.NOT_FOUND, "the clip is in its shard"),
        StepRule("gather", Reason.DUPLICATE, "first row of its key"),
        *(StepRule("filter", each.reason, each.rule) for each in filters(config.filters)),
        StepRule("copies", Reason.DUPLICATE, "best of the same content"),
        StepRule("copies", Reason.NEAR_DUPLICATE, f"best of near copies ({near})"),
    )


def is_input(rows: pa.RecordBatch) -> pa.Array:
    """Return which rows are inputs: every clip, and every source that is not ok.

    A source that is ok is represented by its clips.
    """
    return pc.or_(pc.equal(rows["kind"], Kind.CLIP), pc.not_equal(rows["status"], Status.OK))


def judge(rows: pa.Table, config: CurateConfig) -> pa.Table:
    """Apply all steps that need no other row than those with the same name.

    Args:
        rows: all rows of some names, in any order: manifest columns and `name` (key or, without
            one, id), `place` (of the name in the shuffle), `found` (its bytes exist), `manifest`
            (digest) and `path` (of the shard).
        config: the configuration.

    Returns:
        The rows sorted by place, with the one to keep first among rows of one name; `losses` and
        `unmeasured` (bits, uint32) are added.
    """
    lost = pc.not_equal(rows["status"], Status.OK)
    ranked = rows.append_column("lost", lost).append_column("absent", pc.invert(rows["found"]))
    by = ("place", "name", "lost", "absent", "manifest", "id", "path")
    rows = rows.take(pc.sort_indices(ranked, [(name, "ascending") for name in by]))
    names = rows["name"].to_numpy()
    repeated = np.concatenate([np.zeros(min(1, len(names)), bool), names[1:] == names[:-1]])
    before = _flags(pc.not_equal(rows["status"], Status.OK))
    found = _flags(rows["found"])
    losses = (
        before * np.uint32(1 << BEFORE)
        | (~before & ~found) * np.uint32(1 << NOT_FOUND)
        | (~before & found & repeated) * np.uint32(1 << REPEATED)
    )
    unmeasured = np.zeros(len(losses), np.uint32)
    clip = _flags(pc.equal(rows["kind"], Kind.CLIP))
    for bit, each in enumerate(filters(config.filters), REPEATED + 1):
        values = measured(rows, each.column)
        losses |= (clip & each.rejects(values)) * np.uint32(1 << bit)
        unmeasured |= (clip & np.isnan(values)) * np.uint32(1 << bit)
    return rows.append_column("losses", pa.array(losses, pa.uint32())).append_column(
        "unmeasured", pa.array(unmeasured, pa.uint32())
    )


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = column.to_numpy().astype(bool)
    return flags


def first_loss(losses: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the step that removed each row, (N,); -1 where it is kept."""
    lowest = losses & (~losses + np.uint32(1))
    return np.where(losses == 0, -1, np.log2(np.maximum(lowest, 1)).astype(np.int64))


def decide(
    rows: pa.Table, copies: pa.Table, speakers: Mapping[int, str], config: CurateConfig
) -> pa.Table:
    """Complete the decision on judged rows with their copies and speakers.

    Args:
        rows: from `judge`.
        copies: `number` (of a row, 0..), `bit` (the step that removes it) and `kept` (the key of
            the copy that is kept).
        speakers: by number of a row, the group of its face, where its speaker is unknown.
        config: the configuration.

    Returns:
        The rows with `speaker` filled in from `speakers`; `status`, `reason`, `error_class`,
        `message` and `stage` of the first loss (unless it was before curation); and the new
        columns `reasons` (of all losses) and `split`.
    """
    losses = rows["losses"].to_numpy().copy()
    numbers, bits = copies["number"].to_numpy(), copies["bit"].to_numpy()
    np.bitwise_or.at(losses, numbers, np.uint32(1) << bits.astype(np.uint32))
    first = first_loss(losses)
    kept_instead = {
        (number, bit): key
        for number, bit, key in zip(numbers, bits, copies["kept"].to_pylist(), strict=True)
    }
    rules = steps(config)
    shards = rows["shard"].to_pylist()
    texts = {name: rows[name].to_pylist() for name in _REWRITTEN}
    for number in np.flatnonzero(first > BEFORE):
        rule = rules[first[number]]
        texts["stage"][number] = STAGE
        texts["reason"][number] = rule.reason
        missing = rule.reason is Reason.NOT_FOUND
        texts["status"][number] = Status.FAILED if missing else Status.FILTERED
        texts["error_class"][number] = ErrorClass.BAD_INPUT if missing else None
        texts["message"][number] = _message(
            rule, shards[number], kept_instead.get((number, first[number]))
        )
    for row, name in speakers.items():
        texts["speaker"][row] = name
    groups = list(zip(texts["speaker"], rows["title"].to_pylist(), strict=True))
    split = {each: assign_split(*each, config.holdout, config.splits) for each in set(groups)}
    for name in _REWRITTEN:
        column = pa.array(texts[name], pa.string())
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return (
        rows.set_column(rows.schema.get_field_index("losses"), "losses", pa.array(losses))
        .append_column("split", pa.array([split[each] for each in groups], pa.string()))
        .append_column("reasons", _reasons(losses, texts["reason"], rules))
    )


_REWRITTEN = ("speaker", "status", "reason", "error_class", "message", "stage")


def _message(rule: StepRule, shard: str, kept: str | None) -> str:
    if rule.reason is Reason.NOT_FOUND:
        return f"shard {shard!r} is missing, or ends before this clip does"
    if rule.step == "gather":
        return "another row has the same key"
    if rule.reason is Reason.DUPLICATE:
        return f"same content as {kept}"
    if rule.reason is Reason.NEAR_DUPLICATE:
        return f"nearly the same sound and picture as {kept}"
    return rule.rule


def _reasons(
    losses: NDArray[np.uint32], first_reasons: list[str | None], rules: tuple[StepRule, ...]
) -> pa.Array:
    named: dict[tuple[int, str | None], list[str]] = {}
    lists = []
    for bits, first in zip(losses.tolist(), first_reasons, strict=True):
        if (bits, first) not in named:
            every = [rule.reason for bit, rule in enumerate(rules) if bits >> bit & 1]
            named[bits, first] = [str(each or first or Reason.INTERNAL) for each in every]
        lists.append(named[bits, first])
    return pa.array(lists, pa.list_(pa.string()))
