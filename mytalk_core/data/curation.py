"""What becomes of each input of curation: the decision, with every reason, as plain functions."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from mytalk_core import __version__
from mytalk_core.data.filters import FilterConfig, filters, reasons, unmeasured
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.packing import PackingConfig
from mytalk_core.data.shard_index import SampleBytes
from mytalk_core.data.splits import Split, SplitConfig, assign_split
from mytalk_core.errors import ErrorClass, Reason

STAGE = "curate"

Step = Literal["before", "gather", "filter"]
"""Where an input can be lost: before curation, while its clip is looked up, by a filter."""


@dataclass(frozen=True)
class CurateConfig:
    """All that decides what curation makes of given manifests."""

    filters: FilterConfig = field(default_factory=FilterConfig)
    """What a clip must offer."""

    splits: SplitConfig = field(default_factory=SplitConfig)
    """How speakers are split."""

    holdout: frozenset[str] = frozenset()
    """Speakers that always go to the test split."""

    packing: PackingConfig = field(default_factory=PackingConfig)
    """How clips are laid into shards."""


def configuration(config: CurateConfig, manifest_digests: Iterable[str]) -> dict[str, object]:
    """All that decides the result, as JSON has it: the same for manifests in any order.

    Args:
        config: filters, splits and packing.
        manifest_digests: a digest of each manifest's bytes; paths do not count.
    """
    return asdict(config) | {
        "holdout": sorted(config.holdout),
        "manifests": sorted(manifest_digests),
        "version": __version__,
    }


def configuration_id(configuration: Mapping[str, object]) -> str:
    """Short name of a configuration."""
    canonical = json.dumps(configuration, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Candidate:
    """A row of a manifest that curation must account for."""

    row: ManifestRow
    manifest: str  # digest of the manifest that the row is from
    shard: str  # path of its shard; empty where the row has none


@dataclass(frozen=True)
class Loss:
    """One step that took an input away, or would have."""

    step: Step
    reason: Reason


@dataclass(frozen=True)
class Decision:
    """What became of one input."""

    row: ManifestRow  # as it came, or with status, reason, stage and message of the first loss
    losses: tuple[Loss, ...]  # in order of application; empty where the clip is kept
    unmeasured: tuple[Reason, ...]  # filters that could not judge it
    split: Split
    place: SampleBytes | None  # where the clip's bytes are; None where they were not found

    @property
    def kept(self) -> bool:
        """Whether the clip goes into a training shard."""
        return not self.losses


def is_input(row: ManifestRow) -> bool:
    """Whether the row counts: every clip, and every source that came to nothing.

    A source that went well is accounted for by its clips.
    """
    return row.kind is Kind.CLIP or row.status is not Status.OK


def decide(
    candidates: Iterable[Candidate], places: Iterable[SampleBytes], config: CurateConfig
) -> list[Decision]:
    """Decide on all candidates of one key: at most one of them is kept.

    Args:
        candidates: rows of the same key, from one manifest or several.
        places: where samples of that key were found, in any of the shards.
        config: the configuration.

    Returns:
        One decision per candidate, in an order that does not depend on that of the arguments.
    """
    backwards = sorted(places, key=lambda place: place.offset, reverse=True)
    found = {place.shard: place for place in backwards}  # the first of a shard counts
    ranked = sorted(
        candidates,
        key=lambda each: (
            each.row.status is not Status.OK,
            each.shard not in found,
            each.manifest,
            each.row.id,
            each.shard,
        ),
    )
    return [
        _decide_one(candidate, found.get(candidate.shard), rank > 0, config)
        for rank, candidate in enumerate(ranked)
    ]


def _decide_one(
    candidate: Candidate, place: SampleBytes | None, repeated: bool, config: CurateConfig
) -> Decision:
    row = candidate.row
    losses: list[Loss] = []
    if row.status is not Status.OK:
        losses.append(Loss("before", row.reason or Reason.INTERNAL))
    elif place is None:
        losses.append(Loss("gather", Reason.NOT_FOUND))
    elif repeated:
        losses.append(Loss("gather", Reason.DUPLICATE))
    if row.kind is Kind.CLIP:
        losses += [Loss("filter", reason) for reason in reasons(row, config.filters)]
    return Decision(
        row=_with_first_loss(row, losses, config.filters),
        losses=tuple(losses),
        unmeasured=tuple(unmeasured(row, config.filters)) if row.kind is Kind.CLIP else (),
        split=assign_split(row.speaker, row.title, config.holdout, config.splits),
        place=place,
    )


def _with_first_loss(row: ManifestRow, losses: list[Loss], config: FilterConfig) -> ManifestRow:
    if not losses or losses[0].step == "before":
        return row
    reason = losses[0].reason
    if reason is Reason.NOT_FOUND:
        return replace(
            row,
            status=Status.FAILED,
            reason=reason,
            error_class=ErrorClass.BAD_INPUT,
            message=f"shard {row.shard!r} is missing, damaged or does not hold this clip",
            stage=STAGE,
        )
    rules = {each.reason: each.rule for each in filters(config)}
    message = rules.get(reason, "another row has the same key")
    return replace(row, status=Status.FILTERED, reason=reason, message=message, stage=STAGE)
