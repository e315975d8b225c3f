"""What a night will take, from what earlier nights took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.catalogue.night import NightPlan
from mytalk_core.catalogue.planning import Choice
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.plain_document import read_document
from mytalk_core.data.run_records import TitleRecord, TitleStatus
from mytalk_core.errors import BadInputError, Reason

_PRICES = ("cpu_hour", "storage_gb_month")


@dataclass(frozen=True)
class Prices:
    """What a studio pays."""

    cpu_hour: float  # of one processor
    storage_gb_month: float
    currency: str = ""


@dataclass(frozen=True)
class NightEstimate:
    """What a run would do. Amounts are None where no title was dubbed before."""

    titles: int  # rows of the catalogue
    to_dub: int
    why: Mapping[str, int]  # titles to dub, by the reason
    finished: int
    failed_before: int
    refused: int
    unasked: int
    source_bytes: int  # of the films to dub, once for each title
    unknown_sizes: int  # films to dub whose storage states no size
    film_hours: float | None
    lips_minutes: float | None  # with new lips
    cpu_hours: float | None
    film_bytes: float | None  # of the dubbed films
    cpu_cost: float | None
    storage_cost: float | None  # a month
    currency: str


@dataclass(frozen=True)
class _Rates:
    """What dubbed titles came to, for each byte of their films."""

    film_seconds: float
    lips_seconds: float
    cpu_seconds: float
    film_bytes: float


def read_prices(path: Path) -> Prices:
    """Read a file of prices.

    Raises:
        BadInputError: BAD_CONFIGURATION where it has other keys, or values that are no numbers.
    """
    document = read_document(path, Reason.BAD_CONFIGURATION)
    numbers = {key: document.get(key) for key in _PRICES}
    wrong = [key for key, value in numbers.items() if not isinstance(value, int | float)]
    unknown = sorted(document.keys() - {*_PRICES, "currency"})
    if wrong or unknown:
        raise BadInputError(
            f"{', '.join(wrong) or ', '.join(unknown)}: "
            + ("must be numbers." if wrong else "not known."),
            reason=Reason.BAD_CONFIGURATION,
            where=str(path),
            remedy="Give cpu_hour, storage_gb_month and, optional, currency.",
        )
    return Prices(
        float(document["cpu_hour"]),
        float(document["storage_gb_month"]),
        str(document.get("currency", "")),
    )


def estimate_night(plan: NightPlan, ledger: Ledger, prices: Prices | None) -> NightEstimate:
    """Estimate a run by the rates of the titles in its ledger.

    Titles are compared by the size of their films: hours of a film are not known before it is read.

    Raises:
        BadInputError, StorageError: as the ledger.
    """
    rates = _rates(ledger.titles().latest())
    sizes = [each.title.film_bytes for each in plan.chosen]
    # A film of unknown size counts as one of average size.
    known = [size for size in sizes if size]
    total = sum(known) * len(sizes) / len(known) if known else 0.0

    def amount(rate: float) -> float | None:
        return rate * total if rates and (known or not sizes) else None

    cpu = amount(rates.cpu_seconds / 3600) if rates else None
    films = amount(rates.film_bytes) if rates else None
    why = [Choice.NEW, Choice.CHANGED, Choice.LOST, Choice.RETRY]
    return NightEstimate(
        titles=plan.titles,
        to_dub=len(plan.chosen),
        why={each.value: plan.choices[each] for each in why if plan.choices.get(each)},
        finished=plan.choices.get(Choice.FINISHED, 0),
        failed_before=plan.choices.get(Choice.LEFT_OUT, 0),
        refused=len(plan.refused),
        unasked=plan.unasked,
        source_bytes=sum(sizes),
        unknown_sizes=len(sizes) - len(known),
        film_hours=amount(rates.film_seconds / 3600) if rates else None,
        lips_minutes=amount(rates.lips_seconds / 60) if rates else None,
        cpu_hours=cpu,
        film_bytes=films,
        cpu_cost=None if cpu is None or prices is None else cpu * prices.cpu_hour,
        storage_cost=(
            None if films is None or prices is None else films / 1e9 * prices.storage_gb_month
        ),
        currency=prices.currency if prices else "",
    )


def _rates(records: Iterable[TitleRecord]) -> _Rates | None:
    """What titles came to; None where none was dubbed."""
    sizes, film, lips, cpu, made = 0, 0.0, 0.0, 0.0, 0
    for each in records:
        if each.status is TitleStatus.OK and each.source_bytes:
            sizes += each.source_bytes
            film += each.film_seconds
            lips += each.lips_seconds
            cpu += each.cpu_seconds
            made += each.film_bytes
    return _Rates(film / sizes, lips / sizes, cpu / sizes, made / sizes) if sizes else None
