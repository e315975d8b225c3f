"""Times and classes that people give to a run of a catalogue, as values."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from mytalk_core.errors import BadInputError, ErrorClass, Reason

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|m)")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_UNITS = {"h": 3600.0, "m": 60.0}


class Retry(StrEnum):
    """Failures of earlier runs that a run tries again."""

    TRANSIENT = "transient"
    BAD_INPUT = "bad_input"
    BUG = "bug"
    FAILED = "failed"  # all of them
    NONE = "none"


def retried_classes(given: Sequence[Retry]) -> frozenset[ErrorClass]:
    """Return the classes of failures that are tried again."""
    if Retry.FAILED in given:
        return frozenset(ErrorClass)
    return frozenset(ErrorClass(each.value) for each in given if each is not Retry.NONE)


def seconds_until(text: str, now: datetime) -> float:
    """Return the seconds until a deadline: `8h`, `90m`, `06:30` (the next one), or a date and time.

    Args:
        now: with a time zone, which times without one are in.

    Raises:
        BadInputError: BAD_CONFIGURATION where the text is none of these, or is in the past.
    """
    if duration := _DURATION.fullmatch(text):
        return float(duration[1]) * _UNITS[duration[2]]
    if clock := _CLOCK.fullmatch(text):
        time = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return (time - now).total_seconds() if time > now else _tomorrow(time, now)
    time = moment(text, "--deadline", now)
    if time <= now:
        raise _bad(f"{text} is in the past.", "--deadline", "Name a time to come.")
    return (time - now).total_seconds()


def moment(text: str, option: str, now: datetime) -> datetime:
    """Return a date, or a date and time, with its time zone or that of `now`.

    Raises:
        BadInputError: BAD_CONFIGURATION.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        remedy = "Write it as 2026-11-30 or 2026-11-30T06:30."
        raise _bad(f"{text!r} is not a time.", option, remedy) from None
    return time if time.tzinfo else time.replace(tzinfo=now.tzinfo)


def _tomorrow(time: datetime, now: datetime) -> float:
    return (time + timedelta(days=1) - now).total_seconds()


def _bad(what: str, where: str, remedy: str) -> BadInputError:
    return BadInputError(what, reason=Reason.BAD_CONFIGURATION, where=where, remedy=remedy)
