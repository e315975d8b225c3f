"""The funnel of curation: clips and hours that each step removes, and those that are left.

Every input is counted at the first step that removes it, and at every step that would remove it.
The former shows where hours are lost, the latter bounds the gain from relaxing one limit.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mytalk_core.curation.decisions import Step, StepRule
from mytalk_core.curation.funnel_table import licence_sources
from mytalk_core.data.splits import SPLITS, Split
from mytalk_core.errors import Reason


@dataclass(frozen=True)
class Amount:
    """An amount of footage. Milliseconds are integers, so that sums do not depend on the order."""

    count: int = 0
    milliseconds: int = 0

    @property
    def hours(self) -> float:
        """Duration in hours."""
        return self.milliseconds / 3_600_000


@dataclass(frozen=True)
class FunnelLine:
    """One step of the funnel."""

    step: Step
    reason: Reason
    rule: str  # the condition for keeping a clip; empty where there is no limit
    first: Amount  # removed here and by no earlier step
    would: Amount  # removed by this step alone
    unmeasured: int  # inputs that it could not judge
    left: Amount  # kept after this step


@dataclass(frozen=True)
class SpeakerLine:
    """Totals of one speaker."""

    speaker: str  # empty where unknown
    split: Split
    input: Amount
    kept: Amount
    first: dict[str, int]  # inputs by their first reason


@dataclass(frozen=True)
class LicenceLine:
    """Totals of one licence."""

    licence: str  # empty where unknown
    sources: int  # titles
    input: Amount
    kept: Amount


@dataclass(frozen=True)
class Funnel:
    """Totals of one curation by step, split, speaker and licence."""

    configuration_id: str
    input: Amount
    kept: Amount
    lines: tuple[FunnelLine, ...]
    splits: dict[Split, Amount]  # kept footage
    speakers: tuple[SpeakerLine, ...]
    licences: tuple[LicenceLine, ...]


def build_funnel(
    tables: Iterable[pa.Table], configuration_id: str, rules: Sequence[StepRule]
) -> Funnel:
    """Build the funnel from funnel tables; the rows of one name are all in one table."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    sources: dict[str, int] = {}
    for table in tables:
        for licence, count in licence_sources(table).items():
            sources[licence] = sources.get(licence, 0) + count
        few = table.filter(pc.not_equal(table["scope"], "source"))
        for row in few.to_pylist():
            groups.setdefault((row["scope"], row["name"], row["split"]), []).append(row)
    whole = groups.get(("all", "", ""), [])
    of = {key: (_input(rows), _left(rows[-1]), rows) for key, rows in sorted(groups.items())}
    return Funnel(
        configuration_id=configuration_id,
        input=_input(whole) if whole else Amount(),
        kept=_left(whole[-1]) if whole else Amount(),
        lines=tuple(_lines(whole, rules)),
        splits={name: of.get(("split", name, name), (0, Amount()))[1] for name in SPLITS},
        speakers=tuple(
            SpeakerLine(name, split, given, kept, _first_counts(rows))  # type: ignore[arg-type]
            for (scope, name, split), (given, kept, rows) in of.items()
            if scope == "speaker"
        ),
        licences=tuple(
            LicenceLine(name, sources.get(name, 0), given, kept)
            for (scope, name, _), (given, kept, _) in of.items()
            if scope == "licence"
        ),
    )


def _input(rows: list[dict[str, Any]]) -> Amount:
    return _left(rows[0])  # the line of the input, before any step


def _left(row: dict[str, Any]) -> Amount:
    return Amount(row["left_clips"], row["left_ms"])


def _first_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows[1:]:
        if row["first_clips"]:
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["first_clips"]
    return counts


def _lines(rows: list[dict[str, Any]], rules: Sequence[StepRule]) -> Iterator[FunnelLine]:
    """Yield the lines in order: every limit, even if it removed nothing, and only those reasons of
    earlier stages that occur."""
    left = _input(rows) if rows else Amount()
    for number, rule in enumerate(rules):
        removed = [row for row in rows if row["number"] == number]
        if not removed and rule.reason is not None:
            yield FunnelLine(rule.step, rule.reason, rule.rule, Amount(), Amount(), 0, left)
        for row in removed:
            after = _left(row)
            yield FunnelLine(
                step=rule.step,
                reason=Reason(row["reason"]),
                rule=rule.rule,
                first=Amount(row["first_clips"], left.milliseconds - after.milliseconds),
                would=Amount(row["would_clips"], round(row["would_hours"] * 3_600_000)),
                unmeasured=row["unmeasured_clips"],
                left=after,
            )
            left = after


def funnel_json(funnel: Funnel) -> str:
    """Convert a funnel to JSON."""
    return json.dumps(asdict(funnel), indent=2, sort_keys=True) + "\n"


def funnel_from_json(text: str) -> Funnel:
    """Parse the JSON of `funnel_json`."""
    fields: dict[str, Any] = json.loads(text)

    def amount(line: dict[str, Any], name: str) -> Amount:
        return Amount(**line[name])

    return Funnel(
        configuration_id=fields["configuration_id"],
        input=amount(fields, "input"),
        kept=amount(fields, "kept"),
        lines=tuple(
            FunnelLine(
                step=line["step"],
                reason=Reason(line["reason"]),
                rule=line["rule"],
                first=amount(line, "first"),
                would=amount(line, "would"),
                unmeasured=line["unmeasured"],
                left=amount(line, "left"),
            )
            for line in fields["lines"]
        ),
        splits={split: amount(fields["splits"], split) for split in SPLITS},
        speakers=tuple(
            SpeakerLine(
                line["speaker"],
                line["split"],
                amount(line, "input"),
                amount(line, "kept"),
                line["first"],
            )
            for line in fields["speakers"]
        ),
        licences=tuple(
            LicenceLine(
                line["licence"], line["sources"], amount(line, "input"), amount(line, "kept")
            )
            for line in fields["licences"]
        ),
    )
