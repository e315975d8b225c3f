"""The columns of a list: which there are, how people write them, and rows that fit them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mytalk_core.data.names import near_names, normal_name
from mytalk_core.errors import BadInputError, Reason

_SHOWN = 80  # characters of a value that are shown


@dataclass(frozen=True)
class Columns:
    """The columns that a list may have. Their names are in lower case."""

    required: tuple[str, ...]  # every row has a value there
    optional: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.required + self.optional

    def known(self, header: Sequence[str]) -> int:
        """How many of the names in a header are columns."""
        return len(set(map(column_name, header)) & set(self.names))

    def check(self, header: Sequence[str], where: str) -> tuple[str, ...]:
        """The columns of a header, in its order; the empty string for those without a name.

        Raises:
            BadInputError: BAD_CATALOGUE where columns are unknown, missing or repeated.
        """
        found = tuple(map(column_name, header))
        if not self.known(found):
            raise self.unusable(
                f"its first line {shortened(' '.join(header))!r} names none of the columns"
                f" {', '.join(self.names)}.{self.meant(found)}",
                where,
            )
        unknown = [name for name in found if name and name not in self.names]
        if unknown:
            raise self.unusable(
                f"unknown column{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))}."
                f"{self.meant(unknown, found)}",
                where,
            )
        missing = [name for name in self.required if name not in found]
        if missing:
            raise self.unusable(
                f"its first line lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.",
                where,
            )
        repeated = [name for name, count in Counter(found).items() if name and count > 1]
        if repeated:
            raise self.unusable(f"the column {repeated[0]!r} stands there twice.", where)
        return found

    def meant(self, unknown: Sequence[str], given: Sequence[str] = ()) -> str:
        """A sentence with the columns that unknown names may stand for; empty if none."""
        free = [name for name in self.names if name not in given]
        near = [each for name in unknown for each in near_names(name, free, 1)]
        return f" Did you mean {' and '.join(map(repr, dict.fromkeys(near)))}?" if near else ""

    def unusable(self, what: str, where: str) -> BadInputError:
        """The error of a list that cannot be read at all."""
        optional = f" and, optional, {', '.join(self.optional)}" if self.optional else ""
        return BadInputError(
            what,
            reason=Reason.BAD_CATALOGUE,
            where=where,
            remedy=(
                "Give CSV in UTF-8 (or JSON Lines, or Parquet) with the columns"
                f" {', '.join(self.required)}{optional}."
            ),
        )

    def fit(self, header: Sequence[str], values: Sequence[str]) -> tuple[dict[str, str], str]:
        """The values of a row by column, empty where there are none, and what is wrong with it."""
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
        return named, self.lacks(named)

    def lacks(self, values: Mapping[str, str]) -> str:
        """What is wrong with a row that lacks a required value; empty where none is lacking."""
        return next((f"has no {name}" for name in self.required if not values[name]), "")


def column_name(text: str) -> str:
    """A column's name as it is compared: normal, in lower case."""
    return normal_name(text).casefold()


def shortened(text: str) -> str:
    """The beginning of a text, for a message."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
