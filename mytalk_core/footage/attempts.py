"""Attempts at a chunk: how they are called, and what the next one takes up again."""

from collections.abc import Iterable
from typing import Literal

from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.errors import ErrorClass
from mytalk_core.footage.listing import Source

Retry = Literal["none", "failed", "transient"]
"""Which failures of an earlier run are tried again: none, all, or those that may pass."""


def attempt_name(base: str, attempt: int) -> str:
    """The name under which a chunk is tried; attempt 0 is the first."""
    return f"{base}-r{attempt}" if attempt else base


def attempts_until(name: str) -> list[str]:
    """The names of all attempts up to this one, the first of them first."""
    base, _, attempt = name.partition("-r")
    return [attempt_name(base, number) for number in range(int(attempt or 0) + 1)]


def failed_sources(
    rows: Iterable[ManifestRow], sources: tuple[Source, ...], retry: Retry, unwritten: set[str]
) -> tuple[Source, ...]:
    """The sources that failed in a way that is to be retried; always those not written."""
    titles = set(unwritten)
    for row in rows:
        if (
            row.kind is Kind.SOURCE
            and row.status is Status.FAILED
            and retry != "none"
            and (retry == "failed" or row.error_class is ErrorClass.TRANSIENT)
        ):
            titles.add(row.title)
    return tuple(source for source in sources if source.title in titles)
