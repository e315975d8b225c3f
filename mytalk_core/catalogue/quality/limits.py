"""Limits of a catalogue's quality, which a job states, and where they are exceeded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mytalk_core.catalogue.quality.groups import GroupKind

_SHARES: Mapping[str, tuple[str, str]] = {
    "titles_failed": ("titles", "titles failed"),
    "lines_failed": ("lines", "lines failed"),
    "lines_undecided": ("lines", "lines have no certain speaker"),
    "lines_not_drawn": ("lines", "lines on screen have no new lips"),
    "lines_too_long": ("lines_fitted", "lines with sound are too long"),
    "lines_out_of_sync": ("lines_judged", "judged lines are out of sync"),
}
"""What each limit is a share of: the column of `GROUPS`, and words. It is named as its column."""

_BY = "by"


@dataclass(frozen=True)
class QualityLimits:
    """The largest shares that are good enough, 0..1."""

    # By their names in a job.
    shares: Mapping[str, float] = field(default_factory=dict)
    # Kinds of groups of which every one must keep the limits, beside the whole catalogue.
    by: tuple[GroupKind, ...] = ()


NO_LIMITS = QualityLimits()


@dataclass(frozen=True)
class Exceeded:
    """A limit that a group exceeds."""

    kind: str
    group: str  # name; empty for the whole catalogue
    limit: str  # its name in a job
    largest: float  # share that is allowed
    failed: int
    of: int

    @property
    def text(self) -> str:
        """One sentence for people."""
        place = f"{self.kind} {self.group}: " if self.group else ""
        return (
            f"{place}{self.failed / self.of:.1%} of {_SHARES[self.limit][1]}"
            f" ({self.failed:,} of {self.of:,}); {self.limit} allows {self.largest:.1%}"
        )


def quality_limits(document: Mapping[str, Any]) -> QualityLimits:
    """Return the limits that the key `quality` of a job states, of the right shape."""
    shares = {name: float(value) for name, value in document.items() if name != _BY}
    return QualityLimits(shares, tuple(GroupKind(each) for each in document.get(_BY, ())))


def exceeded(limits: QualityLimits, groups: pa.Table) -> Iterator[Exceeded]:
    """Yield the limits that are exceeded.

    Args:
        groups: a table of `GROUPS`.
    """
    kinds = pa.array([GroupKind.ALL.value, *(each.value for each in limits.by)])
    for row in groups.filter(pc.is_in(groups["kind"], kinds)).to_pylist():
        for name, largest in limits.shares.items():
            failed, of = row[name], row[_SHARES[name][0]]
            if failed > largest * of:
                yield Exceeded(row["kind"], row["name"], name, largest, failed, of)
