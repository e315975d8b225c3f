"""The funnel of curation: how many clips and hours each step took, and how many were left.

Every input is counted at the first step that took it, and at every step that would have, so that
one sees both where the hours went and what loosening a single limit could bring back at most.
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
    """How much footage. Milliseconds are whole, so that sums are the same in any order."""

    count: int = 0
    milliseconds: int = 0

    @property
    def hours(self) -> float:
        """The same in hours."""
        return self.milliseconds / 3_600_000


@dataclass(frozen=True)
class FunnelLine:
    """One step of the funnel."""

    step: Step
    reason: Reason
    rule: str  # what stays, in words; empty where there is no limit to name
    first: Amount  # taken here and by no step above
    would: Amount  # all that this step takes on its own
    unmeasured: int  # inputs that it could not judge
    left: Amount  # what remains below this line


@dataclass(frozen=True)
class SpeakerLine:
    """What became of one speaker's footage."""

    speaker: str  # empty where unknown
    split: Split
    input: Amount
    kept: Amount
    first: dict[str, int]  # inputs by the reason that took them first


@dataclass(frozen=True)
class LicenceLine:
    """What became of the footage under one licence."""

    licence: str  # empty where unknown
    sources: int  # titles
    input: Amount
    kept: Amount


@dataclass(frozen=True)
class Funnel:
    """The account of one curation, up to single sources."""

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
    """Lay funnel tables, of which each holds all of its names, out as a funnel."""
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
    return _left(rows[0])  # the line of the input, at which nothing has gone yet


def _left(row: dict[str, Any]) -> Amount:
    return Amount(row["left_clips"], row["left_ms"])


def _first_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows[1:]:
        if row["first_clips"]:
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["first_clips"]
    return counts


def _lines(rows: list[dict[str, Any]], rules: Sequence[StepRule]) -> Iterator[FunnelLine]:
    """Every step in order; limits that took nothing are listed too, what did not occur is not."""
    left = _input(rows) if rows else Amount()
    for number, rule in enumerate(rules):
        taken = [row for row in rows if row["number"] == number]
        if not taken and rule.reason is not None:
            yield FunnelLine(rule.step, rule.reason, rule.rule, Amount(), Amount(), 0, left)
        for row in taken:
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
    """The funnel as JSON, field by field."""
    return json.dumps(asdict(funnel), indent=2, sort_keys=True) + "\n"


def funnel_from_json(text: str) -> Funnel:
    """The inverse of `funnel_json`."""
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
