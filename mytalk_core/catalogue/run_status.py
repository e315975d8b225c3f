"""How a run of a catalogue stands, and what its titles came to, from the ledger alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mytalk_core.data.lease import Holder, lease_holder
from mytalk_core.data.ledger import LEASE, Ledger, TitleResults
from mytalk_core.data.run_records import RunEnded, RunStart, TitleRecord, TitleStatus
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason


@dataclass(frozen=True)
class RunStatus:
    """The latest run of a folder of results."""

    start: RunStart
    ended: RunEnded | None  # None where it runs, or was killed
    holder: Holder | None  # the process whose heartbeats renew its lease; None where none does
    ok: int  # titles of this run so far
    failed: Mapping[str, int]  # titles of this run so far, by class of the failure
    in_work: Mapping[str, int]  # titles that are being dubbed, with the pieces drawn so far
    cancelled: bool  # whether somebody asked it to end

    @property
    def left(self) -> int:
        """Titles that were chosen and have not ended."""
        tried = self.ok + sum(self.failed.values()) - self.start.refused
        return max(self.start.chosen - tried, 0)

    @property
    def is_running(self) -> bool:
        """Whether a process holds the lease of the run; it may have died within a minute."""
        return self.ended is None and self.holder is not None


class StatusReader:
    """Reads the status of a folder again and again; what does not change is read once."""

    def __init__(self, store: Store) -> None:
        self._store, self._ledger = store, Ledger(store)
        self._results: TitleResults | None = None

    def read(self) -> RunStatus:
        """Return the status of the latest run.

        Raises:
            BadInputError: NOT_FOUND where the folder has no ledger; UNREADABLE for a damaged one.
            StorageError: the storage does not answer.
        """
        runs = self._ledger.runs()
        if not runs:
            raise no_ledger(self._store)
        run = runs[-1]
        holder = lease_holder(self._store, LEASE)
        self._results = self._ledger.titles(self._results)
        counts: Counter[str] = Counter()
        for record in self._results.of_run(run):
            counts[str(record.error_class or "")] += 1
        names = holder.notes.get("in_work", ()) if holder else ()
        drawn = self._ledger.segments(run) if holder else {}
        in_work = {str(name): drawn.get(str(name), 0) for name in _listed(names)}
        return RunStatus(
            start=self._ledger.run(run),
            ended=self._ledger.ended(run),
            holder=holder,
            ok=counts.pop("", 0),
            failed=dict(sorted(counts.items())),
            in_work=in_work,
            cancelled=self._ledger.is_cancelled(run),
        )


@dataclass(frozen=True)
class CatalogueReport:
    """What became of all titles of a folder of results, whichever run ended them."""

    titles: int
    ok: int
    failed: int
    by_reason: Mapping[str, int]  # failed titles
    by_class: Mapping[str, int]  # failed titles
    by_language: Mapping[str, Mapping[str, int]]  # titles by status
    film_hours: float  # of dubbed films
    lips_hours: float  # of these with new lips
    cpu_hours: float
    warnings: int  # dubbed titles that somebody should look at


def catalogue_report(store: Store) -> tuple[CatalogueReport, Iterator[TitleRecord]]:
    """Return the report of a folder of results, and the results that need attention, streamed.

    Raises:
        BadInputError, StorageError: as `StatusReader.read`.
    """
    ledger = Ledger(store)
    if not ledger.runs():
        raise no_ledger(store)
    results = ledger.titles()
    statuses: Counter[TitleStatus] = Counter()
    reasons: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    languages: dict[str, Counter[str]] = {}
    film = lips = cpu = 0.0
    warnings = 0
    for each in results.latest():
        statuses[each.status] += 1
        languages.setdefault(each.language, Counter())[each.status.value] += 1
        cpu += each.cpu_seconds
        if each.status is TitleStatus.OK:
            film += each.film_seconds
            lips += each.lips_seconds
            warnings += bool(each.warning)
        else:
            reasons[str(each.reason)] += 1
            classes[str(each.error_class)] += 1
    report = CatalogueReport(
        titles=statuses.total(),
        ok=statuses[TitleStatus.OK],
        failed=statuses[TitleStatus.FAILED],
        by_reason=dict(reasons.most_common()),
        by_class=dict(classes.most_common()),
        by_language={key: dict(value) for key, value in sorted(languages.items())},
        film_hours=film / 3600,
        lips_hours=lips / 3600,
        cpu_hours=cpu / 3600,
        warnings=warnings,
    )
    attention = (
        each for each in results.latest() if each.status is TitleStatus.FAILED or each.warning
    )
    return report, attention


def no_ledger(store: Store) -> BadInputError:
    """The error of a folder in which no catalogue was dubbed."""
    return BadInputError(
        "has no ledger of a catalogue.",
        reason=Reason.NOT_FOUND,
        where=store.url,
        remedy="Name the folder that was given to `mytalk batch` with --out.",
    )


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
