"""Deadlines, dates and classes as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobs.batch_limits import Retry, moment, retried_classes, seconds_until
from mytalk_core.errors import BadInputError, ErrorClass

NOW = datetime(2026, 11, 30, 22, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8h", 8 * 3600),
        ("1.5h", 5400),
        ("90m", 5400),
        ("23:30", 5400),
        ("06:30", 8.5 * 3600),
        ("22:00", 24 * 3600),
        ("2026-12-01", 7200),
        ("2026-11-30T22:30", 1800),
        ("2026-11-30T21:30:00+00:00", 1800),
    ],
)
def test_deadlines(text: str, seconds: float) -> None:
    assert seconds_until(text, NOW) == seconds


@pytest.mark.parametrize("text", ["soon", "24:00", "8", "2026-11-30", "2026-11-30T21:00"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="--deadline"):
        seconds_until(text, NOW)


def test_a_date_without_a_zone_is_of_this_place() -> None:
    assert moment("2026-11-29", "--since", NOW) == datetime(2026, 11, 28, 23, 0, tzinfo=UTC)


def test_classes_of_failures() -> None:
    assert retried_classes([Retry.NONE]) == frozenset()
    assert retried_classes([Retry.FAILED]) == frozenset(ErrorClass)
    assert retried_classes([Retry.TRANSIENT, Retry.BUG]) == {ErrorClass.TRANSIENT, ErrorClass.BUG}
