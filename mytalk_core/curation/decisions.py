"""What becomes of each input of curation: the decision, with every reason, as plain functions.

Rows are Arrow tables, because curation decides on millions of them. What takes a row away is a
bit of its `losses`: bit i stands for `steps(config)[i]`, and the lowest one took the row first.
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
"""Where an input can be lost: before curation, while its clip is looked up, by a filter, as a
copy of another."""


@dataclass(frozen=True)
class CurateConfig:
    """All that decides what curation makes of given manifests."""

    filters: FilterConfig = field(default_factory=FilterConfig)
    """What a clip must offer."""

    duplicates: DuplicateConfig = field(default_factory=DuplicateConfig)
    """When two clips are copies of each other."""

    faces: FaceGroupConfig = field(default_factory=FaceGroupConfig)
    """When two faces without a name are the same person."""

    splits: SplitConfig = field(default_factory=SplitConfig)
    """How speakers are split."""

    holdout: frozenset[str] = frozenset()
    """Speakers that always go to the test split."""

    packing: PackingConfig = field(default_factory=PackingConfig)
    """How clips are laid into shards."""

    dry_run: bool = False
    """Decide and account for it, but look at no shard and write none."""


def configuration(config: CurateConfig, manifest_digests: Iterable[str]) -> dict[str, object]:
    """All that decides the result, as JSON has it: the same for manifests in any order.

    Args:
        config: everything that a user can set.
        manifest_digests: a digest of each manifest's values; paths do not count.
    """
    return asdict(config) | {
        "holdout": sorted(config.holdout),
        "manifests": sorted(manifest_digests),
        "versions": made_with(ResultKind.CURATION),
    }


def configuration_id(configuration: Mapping[str, object]) -> str:
    """Short name of a configuration."""
    canonical = json.dumps(configuration, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class StepRule:
    """One thing that can take an input away."""

    step: Step
    reason: Reason | None  # None where the row brings its own
    rule: str  # what stays, in words; empty where there is no limit to name


BEFORE, NOT_FOUND, REPEATED = range(3)


def steps(config: CurateConfig) -> tuple[StepRule, ...]:
    """Everything that can take an input away, in the order in which it is applied."""
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
    """Which rows count: every clip, and every source that came to nothing.

    A source that went well is accounted for by its clips.
    """
    return pc.or_(pc.equal(rows["kind"], Kind.CLIP), pc.not_equal(rows["status"], Status.OK))


def judge(rows: pa.Table, config: CurateConfig) -> pa.Table:
    """Decide on rows of which no key is elsewhere: all that one row or its namesakes can tell.

    Args:
        rows: manifest columns and `name` (key or, without one, id), `place` (of the name in the
            shuffle), `found` (its bytes are there), `manifest` (digest) and `path` (of the shard).
        config: the configuration.

    Returns:
        The rows by place and, of one name, the one to keep first; `losses` and `unmeasured`
        (bits, uint32) are added. The order of the rows given does not matter.
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
        losses |= (clip & each.takes(values)) * np.uint32(1 << bit)
        unmeasured |= (clip & np.isnan(values)) * np.uint32(1 << bit)
    return rows.append_column("losses", pa.array(losses, pa.uint32())).append_column(
        "unmeasured", pa.array(unmeasured, pa.uint32())
    )


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = column.to_numpy().astype(bool)
    return flags


def first_loss(losses: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The step, (N,), that took each row first; -1 where it is kept."""
    lowest = losses & (~losses + np.uint32(1))
    return np.where(losses == 0, -1, np.log2(np.maximum(lowest, 1)).astype(np.int64))


def decide(
    rows: pa.Table, copies: pa.Table, speakers: Mapping[int, str], config: CurateConfig
) -> pa.Table:
    """The decision on judged rows, now that their copies and the faces are known.

    Args:
        rows: as `judge` gives them.
        copies: `number` (of a row, 0..), `bit` (the step that takes it) and `kept` (the key of the
            one that stays).
        speakers: by number of a row, the group of its face, where its speaker is unknown.
        config: the configuration.

    Returns:
        The rows; `speaker` as far as it is known, `status`, `reason`, `error_class`, `message` and
        `stage` are those of the first loss (unless it was before curation), `reasons` names all,
        `split` is added.
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
