"""Which titles of a catalogue a run dubs: what is new, changed, lost, or worth another try."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.run_records import KnownTitle, TitleStatus
from mytalk_core.data.storage import Store
from mytalk_core.errors import ErrorClass

NIGHTLY = frozenset({ErrorClass.TRANSIENT})
"""Classes of failures that every run tries again."""


class Choice(StrEnum):
    """Why a title is dubbed in a run, or why not."""

    NEW = "new"  # no run has tried it
    CHANGED = "changed"  # its row, files, models or software
    LOST = "lost"  # its film is not there any more, or has another size
    RETRY = "retry"  # it failed, and another try may help
    FINISHED = "finished"  # an earlier run made the same film
    LEFT_OUT = "left_out"  # it failed, and the same try would fail again

    @property
    def is_work(self) -> bool:
        """Whether the title is dubbed."""
        return self not in (Choice.FINISHED, Choice.LEFT_OUT)


@dataclass(frozen=True)
class ChosenTitle:
    """A title that a run dubs."""

    title: CatalogueTitle
    config_id: str
    choice: Choice


def choose(
    title: CatalogueTitle,
    config_id: str,
    known: Mapping[str, KnownTitle],
    films: Mapping[str, int],
    retry: frozenset[ErrorClass] = NIGHTLY,
) -> Choice:
    """Decide about a title.

    Args:
        config_id: of the title, as `content_id` returns it.
        known: last results by id.
        films: bytes of the films that are there, by their names.
        retry: classes of failures that are tried again.
    """
    before = known.get(title.id)
    if before is None:
        return Choice.NEW
    if before.config_id != config_id:
        return Choice.CHANGED
    if before.status is TitleStatus.FAILED:
        return Choice.RETRY if before.error_class in retry else Choice.LEFT_OUT
    if films.get(before.output) != before.film_bytes:
        return Choice.LOST
    return Choice.FINISHED


def delivered_films(store: Store, known: Iterable[KnownTitle]) -> dict[str, int]:
    """Return the bytes of the films of earlier runs that are still there, by their names.

    The folder of the results is listed once, instead of asking for every film.

    Raises:
        StorageError: the storage does not answer.
    """
    expected = {each.output for each in known if each.status is TitleStatus.OK}
    if not expected:
        return {}
    return {name: size for name, size in store.sizes() if name in expected}
