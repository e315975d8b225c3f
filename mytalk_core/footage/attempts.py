"""Attempts at a chunk: their names, and the sources that a retry repeats."""

from collections.abc import Iterable
from typing import Literal

from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.errors import ErrorClass
from mytalk_core.footage.listing import Source

Retry = Literal["none", "failed", "transient"]
"""Which failures of an earlier run are repeated: none, all, or the transient ones."""


def attempt_name(base: str, attempt: int) -> str:
    """Name of an attempt at a chunk; attempt 0 is the first."""
    return f"{base}-r{attempt}" if attempt else base


def attempts_until(name: str) -> list[str]:
    """Names of all attempts up to and including this one, in order."""
    base, _, attempt = name.partition("-r")
    return [attempt_name(base, number) for number in range(int(attempt or 0) + 1)]


def failed_sources(
    rows: Iterable[ManifestRow], sources: tuple[Source, ...], retry: Retry, unwritten: set[str]
) -> tuple[Source, ...]:
    """Select the sources to repeat: those whose failure matches `retry`, and all of `unwritten`.

    Args:
        rows: the account of the chunk.
        unwritten: titles of sources with units that have no record.
    """
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
