"""Columns of a list: their names in a header, and the values of a row by column."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mytalk_core.data.names import near_names, normal_name
from mytalk_core.errors import BadInputError, Reason

_SHOWN = 80  # characters of a value in a message


@dataclass(frozen=True)
class Columns:
    """The columns of a kind of list, in lower case."""

    required: tuple[str, ...]  # every row must have a value
    optional: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # of columns such as `dub.Anna`: any name may follow the dot
    any_of: tuple[str, ...] = ()  # a header has at least one of these; empty: it need not

    @property
    def names(self) -> tuple[str, ...]:
        """Required and optional columns, without those of groups."""
        return self.required + self.optional

    def name(self, text: str) -> str:
        """Return a column's name for comparison: of a group, what follows the dot keeps its case.

        It is normalised, else in lower case.
        """
        group, dot, rest = normal_name(text).partition(".")
        if dot and rest and group.casefold() in self.groups:
            return f"{group.casefold()}.{rest.strip()}"
        return normal_name(text).casefold()

    def is_column(self, name: str) -> bool:
        """Return whether a name is that of a column, also of one in a group."""
        group, dot, _ = name.partition(".")
        return name in self.names or (bool(dot) and group in self.groups)

    def known(self, header: Sequence[str]) -> int:
        """Return how many of the names in a header are columns."""
        return sum(map(self.is_column, {self.name(each) for each in header}))

    def check(self, header: Sequence[str], where: str) -> tuple[str, ...]:
        """Return the columns of a header in its order; the empty string for unnamed ones.

        Raises:
            BadInputError: BAD_CATALOGUE if columns are unknown, missing or repeated.
        """
        found = tuple(map(self.name, header))
        if not self.known(found):
            raise self.unusable(
                f"its first line {shortened(' '.join(header))!r} contains none of the columns"
                f" {', '.join(self.names)}.{self.suggestion(found)}",
                where,
            )
        unknown = [name for name in found if name and not self.is_column(name)]
        if unknown:
            raise self.unusable(
                f"unknown column{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))}."
                f"{self.suggestion(unknown, found)}",
                where,
            )
        missing = [name for name in self.required if name not in found]
        if missing:
            raise self.unusable(
                f"its first line lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.",
                where,
            )
        if self.any_of and not set(self.any_of) & set(found):
            choice = " or ".join(self.any_of)
            raise self.unusable(f"its first line lacks the column {choice}.", where)
        repeated = [name for name, count in Counter(found).items() if name and count > 1]
        if repeated:
            raise self.unusable(f"the column {repeated[0]!r} appears twice.", where)
        return found

    def suggestion(self, unknown: Sequence[str], given: Sequence[str] = ()) -> str:
        """Return a sentence that suggests columns for unknown names; may be empty."""
        free = [name for name in self.names if name not in given]
        near = [each for name in unknown for each in near_names(name, free, 1)]
        return f" Did you mean {' and '.join(map(repr, dict.fromkeys(near)))}?" if near else ""

    def unusable(self, what: str, where: str) -> BadInputError:
        """Return the error of a list that cannot be read at all."""
        optional = f" and, optional, {', '.join(self.optional)}" if self.optional else ""
        columns = ", ".join(self.required) + optional if self.required else ", ".join(self.optional)
        return BadInputError(
            what,
            reason=Reason.BAD_CATALOGUE,
            where=where,
            remedy=(f"Give CSV in UTF-8 (or JSON Lines, or Parquet) with the columns {columns}."),
        )

    def fit(self, header: Sequence[str], values: Sequence[str]) -> tuple[dict[str, str], str]:
        """Return the values of a row by column, and its fault or an empty string."""
        named = dict.fromkeys(self.names, "")
        for name, value in zip(header, values, strict=False):
            if name:
                named[name] = value
            elif value:
                return named, f"has the value {shortened(value)!r} in a column without a name"
        if any(values[len(header) :]):
            return named, (
                f"has {len(values)} values for {len(header)} columns;"
                " put values that contain separators in double quotes"
            )
        return named, self.missing_value(named)

    def missing_value(self, values: Mapping[str, str]) -> str:
        """Return the fault of a row without a required value, or an empty string."""
        return next((f"has no {name}" for name in self.required if not values[name]), "")


def shortened(text: str) -> str:
    """Return a text shortened for a message."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
