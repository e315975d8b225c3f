"""A night: how the titles of a catalogue are chosen, and when no further ones are taken."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from mytalk_core.catalogue.entries import (
    CatalogueTitle,
    Entry,
    RefusedTitle,
    UnaskedTitle,
    content_id,
)
from mytalk_core.catalogue.planning import NIGHTLY, Choice, ChosenTitle, choose, delivered_films
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.names import short_slug
from mytalk_core.data.run_records import ROW_MARK, RunEnd
from mytalk_core.errors import ErrorClass, StorageError

_LONGEST_PART = 60  # characters of an id that is none
_CANCEL_SECONDS = 5.0  # between two looks for a wish to end


@dataclass(frozen=True)
class NightPlan:
    """What a run finds to do."""

    chosen: tuple[ChosenTitle, ...]  # largest film first
    refused: tuple[RefusedTitle, ...]  # rows that cannot be dubbed
    choices: Mapping[Choice, int]  # titles by what was decided
    unasked: int = 0  # rows that were not asked for

    @property
    def titles(self) -> int:
        """Rows of the catalogue."""
        return sum(self.choices.values()) + len(self.refused) + self.unasked


def plan_night(
    entries: Iterable[Entry],
    ledger: Ledger,
    recipe: Mapping[str, object],
    retry: frozenset[ErrorClass] = NIGHTLY,
) -> NightPlan:
    """Decide about every entry of a catalogue; only titles that are to be dubbed stay in memory.

    Args:
        recipe: everything but the titles' own files and options that decides a film.
        retry: classes of failures that are tried again.

    Raises:
        BadInputError, StorageError: as the ledger and the catalogue.
    """
    known = ledger.titles().known()
    films = delivered_films(ledger.store, known.values())
    chosen: list[ChosenTitle] = []
    refused: list[RefusedTitle] = []
    choices: Counter[Choice] = Counter()
    unasked = 0
    for entry in entries:
        match entry:
            case CatalogueTitle():
                config_id = content_id(entry, recipe)
                choice = choose(entry, config_id, known, films, retry)
                choices[choice] += 1
                if choice.is_work:
                    chosen.append(ChosenTitle(entry, config_id, choice))
            case RefusedTitle():
                refused.append(entry)
            case UnaskedTitle():
                unasked += 1
    chosen.sort(key=lambda each: -each.title.film_bytes)
    return NightPlan(tuple(chosen), tuple(refused), choices, unasked)


def refused_id(row: RefusedTitle) -> str:
    """Return the id under which the ledger has a row that cannot be dubbed.

    It is that of its title, unless that is bad, or belongs to another row.
    """
    if row.id and all(each.where != "id" for each in row.problems):
        return row.id
    return f"{short_slug(row.id or 'row', _LONGEST_PART)}{ROW_MARK}{row.number + 1}"


class Limits:
    """When a run takes no further titles."""

    def __init__(
        self,
        seconds: float | None,
        cpu_hours: float | None,
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Args: seconds from now; processor hours; whether somebody asked the run to end."""
        self.spent = 0.0  # processor seconds of titles that ended
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._cpu_hours, self._is_cancelled = cpu_hours, is_cancelled
        self._asked_at = -_CANCEL_SECONDS
        self._cancelled = False

    def reached(self) -> RunEnd | None:
        """Return why no further title is taken; None where one may be."""
        now = time.monotonic()
        if now - self._asked_at >= _CANCEL_SECONDS:
            self._asked_at = now
            with suppress(StorageError):  # the run goes on while its storage fails
                self._cancelled = self._is_cancelled()
        if self._cancelled:
            return RunEnd.CANCELLED
        if self._deadline is not None and now >= self._deadline:
            return RunEnd.DEADLINE
        if self._cpu_hours is not None and self.spent >= self._cpu_hours * 3600:
            return RunEnd.BUDGET
        return None
