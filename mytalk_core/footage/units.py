"""Cut footage of any amount into units of work that one worker completes in minutes.

The stream of sources is cut into chunks, by the sources' titles alone. The sources of a chunk are
probed and cut into segments, and segments are packed into units. So 100,000 short clips and one
long film both give units of about the same size. A source that is added to a folder changes its own
chunk only.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

from mytalk_core.footage.listing import Source, public_address
from mytalk_core.media.clock import MOTION_FPS

_UNIT_DIGITS = 4


@dataclass(frozen=True)
class UnitConfig:
    """Sizes of chunks, units and segments."""

    # Sources of a chunk, on average and at most.
    chunk_mean: int = 48
    chunk_most: int = 96
    # Footage of a unit, in seconds; a longer source is cut into segments of this duration.
    unit_seconds: int = 90
    # Shortest last segment, as a share of the others; a shorter rest joins the segment before.
    last_segment: float = 0.25


@dataclass(frozen=True)
class Segment:
    """Consecutive frames of a source, at the canonical rate."""

    source: Source
    number: int  # within the source
    count: int  # segments of the source
    first: int  # frame
    end: int | None  # frame after the last; None: to the end of the source
    seconds: float  # as planned

    @property
    def where(self) -> str:
        """The source's address and, where it has several segments, the time of this one."""
        if self.count == 1:
            return self.source.address
        minutes, seconds = divmod(int(self.first / MOTION_FPS), 60)
        return f"{self.source.address}, from {minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


@dataclass(frozen=True)
class Unit:
    """Segments that one worker extracts in one call; the unit of commit and of retry."""

    name: str  # of its shards and its record
    segments: tuple[Segment, ...]

    @property
    def seconds(self) -> float:
        """Seconds of footage."""
        return sum(segment.seconds for segment in self.segments)


def group_sources(sources: Iterable[Source], config: UnitConfig) -> Iterator[tuple[Source, ...]]:
    """Cut a stream of sources into groups, at places that depend only on the sources near them."""
    group: list[Source] = []
    for source in sources:
        group.append(source)
        digest = hashlib.blake2b(source.title.encode(), digest_size=8).digest()
        closes = int.from_bytes(digest) % config.chunk_mean == 0
        if closes or len(group) == config.chunk_most:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def chunk_name(
    config_id: str, sources: Sequence[Source], identities: Sequence[str], attempt: int = 0
) -> str:
    """Return the name of a chunk, which depends on its content, configuration and attempt.

    Args:
        config_id: id of the configuration.
        sources: the chunk's sources in order.
        identities: for each source a text that changes with its content.
        attempt: 0, or the number of the retry.
    """
    text = json.dumps([config_id, attempt, list(map(_public, sources)), list(identities)])
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def cut_segments(source: Source, seconds: Fraction, config: UnitConfig) -> list[Segment]:
    """Cut a source of a duration into segments: one where it is not longer than a unit."""
    length = config.unit_seconds * int(MOTION_FPS)
    frames = int(seconds * MOTION_FPS)
    count = max(1, frames // length + (frames % length >= config.last_segment * length))
    return [
        Segment(
            source=source,
            number=number,
            count=count,
            first=number * length,
            end=(number + 1) * length if number + 1 < count else None,
            seconds=min(
                float(seconds) - number * config.unit_seconds,
                config.unit_seconds if number + 1 < count else float(seconds),
            ),
        )
        for number in range(count)
    ]


def pack_units(chunk: str, segments: Iterable[Segment], config: UnitConfig) -> list[Unit]:
    """Pack segments, in order, into units of about `unit_seconds` each."""
    units: list[Unit] = []
    held: list[Segment] = []
    seconds = 0.0

    def close() -> None:
        units.append(Unit(f"{chunk}-{len(units):0{_UNIT_DIGITS}d}", tuple(held)))

    for segment in segments:
        if held and seconds + segment.seconds > config.unit_seconds:
            close()
            held, seconds = [], 0.0
        held.append(segment)
        seconds += segment.seconds
    if held:
        close()
    return units


def with_addresses(units: Iterable[Unit], sources: Iterable[Source]) -> tuple[Unit, ...]:
    """Replace the sources of stored units by those given, because records omit secrets of URLs."""
    by_title = {source.title: source for source in sources}
    return tuple(
        replace(
            unit,
            segments=tuple(
                replace(each, source=by_title.get(each.source.title, each.source))
                for each in unit.segments
            ),
        )
        for unit in units
    )


def units_to_json(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Convert units to JSON, without the secrets of their sources' URLs."""
    return [
        {
            "name": unit.name,
            "segments": [asdict(each) | {"source": _public(each.source)} for each in unit.segments],
        }
        for unit in units
    ]


def _public(source: Source) -> dict[str, Any]:
    fields = asdict(source) | {"url": public_address(source.url)}
    del fields["public_only"]  # decides how the source is fetched, not what it is
    return fields


def units_from_json(fields: list[dict[str, Any]]) -> list[Unit]:
    """Convert the JSON of `units_to_json` to units."""
    return [
        Unit(
            unit["name"],
            tuple(
                Segment(**(segment | {"source": Source(**segment["source"])}))
                for segment in unit["segments"]
            ),
        )
        for unit in fields
    ]
