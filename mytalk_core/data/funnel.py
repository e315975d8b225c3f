"""The funnel of curation: how many clips and hours each step took, and how many were left.

Every input is counted at the first step that took it, and at every step that would have, so that
one sees both where the hours went and what loosening a single limit could bring back at most.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple

from mytalk_core.data.curation import Decision, Step
from mytalk_core.data.filters import FilterConfig, filters
from mytalk_core.data.splits import SPLITS, Split
from mytalk_core.errors import Reason


@dataclass(frozen=True)
class Amount:
    """How much footage. Milliseconds are whole, so that sums are the same in any order."""

    count: int = 0
    milliseconds: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.count + other.count, self.milliseconds + other.milliseconds)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.count - other.count, self.milliseconds - other.milliseconds)

    @property
    def hours(self) -> float:
        """The same in hours."""
        return self.milliseconds / 3_600_000


class Counter(NamedTuple):
    """What an amount counts; a tuple of strings, so that every Beam runner can group by it."""

    column: Literal["input", "kept", "first", "would", "unmeasured"]
    speaker: str
    split: Split
    step: str = ""
    reason: str = ""


def counts(decision: Decision) -> Iterator[tuple[Counter, Amount]]:
    """Everything that one decision adds to the funnel."""
    speaker, split = decision.row.speaker, decision.split
    one = Amount(1, round(decision.row.duration_seconds * 1000))
    yield Counter("input", speaker, split), one
    if decision.kept:
        yield Counter("kept", speaker, split), one
    for loss in decision.losses[:1]:
        yield Counter("first", speaker, split, loss.step, loss.reason), one
    for loss in decision.losses:
        yield Counter("would", speaker, split, loss.step, loss.reason), one
    for reason in decision.unmeasured:
        yield Counter("unmeasured", speaker, split, "filter", reason), one


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
class Funnel:
    """The whole account of one curation."""

    configuration_id: str
    input: Amount
    kept: Amount
    lines: tuple[FunnelLine, ...]
    splits: dict[Split, Amount]  # kept footage
    speakers: tuple[SpeakerLine, ...]


def build_funnel(
    amounts: Mapping[Counter, Amount], configuration_id: str, config: FilterConfig
) -> Funnel:
    """Lay the summed counters out as a funnel."""
    left = _total(amounts, column="input")
    lines = []
    for step, reason, rule in _steps(amounts, config):
        first = _total(amounts, column="first", step=step, reason=reason)
        would = _total(amounts, column="would", step=step, reason=reason)
        unmeasured = _total(amounts, column="unmeasured", step=step, reason=reason)
        left -= first
        lines.append(FunnelLine(step, reason, rule, first, would, unmeasured.count, left))
    return Funnel(
        configuration_id=configuration_id,
        input=_total(amounts, column="input"),
        kept=_total(amounts, column="kept"),
        lines=tuple(lines),
        splits={split: _total(amounts, column="kept", split=split) for split in SPLITS},
        speakers=tuple(_speaker_lines(amounts)),
    )


def _total(amounts: Mapping[Counter, Amount], **fields: str) -> Amount:
    wanted = fields.items()
    matching = (
        amount for counter, amount in amounts.items() if wanted <= counter._asdict().items()
    )
    return sum(matching, Amount())


def _steps(
    amounts: Mapping[Counter, Amount], config: FilterConfig
) -> Iterator[tuple[Step, Reason, str]]:
    """Every step in order; limits that took nothing are listed too, what did not occur is not."""
    for reason in sorted({each.reason for each in amounts if each.step == "before"}):
        yield "before", Reason(reason), ""
    yield "gather", Reason.NOT_FOUND, "the clip is in its shard"
    yield "gather", Reason.DUPLICATE, "first row of its key"
    for each in filters(config):
        yield "filter", each.reason, each.rule


def _speaker_lines(amounts: Mapping[Counter, Amount]) -> Iterator[SpeakerLine]:
    def owner(item: tuple[Counter, Amount]) -> tuple[str, Split]:
        return item[0].speaker, item[0].split

    for (speaker, split), group in groupby(sorted(amounts.items(), key=owner), owner):
        own = dict(group)
        first: dict[str, int] = {}
        for counter, amount in own.items():
            if counter.column == "first":
                first[counter.reason] = first.get(counter.reason, 0) + amount.count
        yield SpeakerLine(
            speaker=speaker,
            split=split,
            input=_total(own, column="input"),
            kept=_total(own, column="kept"),
            first=first,
        )


def funnel_json(funnel: Funnel) -> str:
    """The funnel as JSON, field by field."""
    return json.dumps(asdict(funnel), indent=2, sort_keys=True) + "\n"


def funnel_from_json(text: str) -> Funnel:
    """The inverse of `funnel_json`."""
    fields: dict[str, Any] = json.loads(text)
    return Funnel(
        configuration_id=fields["configuration_id"],
        input=Amount(**fields["input"]),
        kept=Amount(**fields["kept"]),
        lines=tuple(
            FunnelLine(
                step=line["step"],
                reason=Reason(line["reason"]),
                rule=line["rule"],
                first=Amount(**line["first"]),
                would=Amount(**line["would"]),
                unmeasured=line["unmeasured"],
                left=Amount(**line["left"]),
            )
            for line in fields["lines"]
        ),
        splits={split: Amount(**fields["splits"][split]) for split in SPLITS},
        speakers=tuple(
            SpeakerLine(
                speaker=line["speaker"],
                split=line["split"],
                input=Amount(**line["input"]),
                kept=Amount(**line["kept"]),
                first=line["first"],
            )
            for line in fields["speakers"]
        ),
    )


def funnel_markdown(funnel: Funnel) -> str:
    """The funnel as tables for people."""
    steps = [
        f"| {line.step} | {line.reason} | {line.rule} | {_cells(line.first)} "
        f"| {_cells(line.would)} | {line.unmeasured} | {_cells(line.left)} |"
        for line in funnel.lines
    ]
    splits = [f"| {split} | {_cells(amount)} |" for split, amount in funnel.splits.items()]
    speakers = [
        f"| {line.speaker or 'unknown'} | {line.split} | {_cells(line.input)} "
        f"| {_cells(line.kept)} | {_reason_counts(line.first)} |"
        for line in funnel.speakers
    ]
    return "\n".join(
        [
            f"# Curation {funnel.configuration_id}",
            "",
            f"{funnel.input.count} inputs ({funnel.input.hours:.3f} h), "
            f"{funnel.kept.count} kept ({funnel.kept.hours:.3f} h).",
            "",
            "| step | reason | what stays | taken first | hours | would take | hours "
            "| not measured | left | hours |",
            "|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
            *steps,
            "",
            "| split | clips | hours |",
            "|---|--:|--:|",
            *splits,
            "",
            "| speaker | split | inputs | hours | kept | hours | taken first by |",
            "|---|---|--:|--:|--:|--:|---|",
            *speakers,
            "",
        ]
    )


def _cells(amount: Amount) -> str:
    return f"{amount.count} | {amount.hours:.3f}"


def _reason_counts(first: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(first.items()))
