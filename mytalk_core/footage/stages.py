"""Counts and seconds of each stage of preprocessing, which add up over workers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum

StageAccount = dict[str, dict[str, float]]
"""Tallies by name of a stage, as `StageLog.to_json` returns them."""


class Stage(StrEnum):
    """Stages in order. The comment names the unit that each one counts."""

    PROBE = "probe"  # sources
    SHOTS = "shots"  # segments: decoded and cut into shots
    TRACKS = "tracks"  # tracks: faces detected and linked
    CROPS = "crops"  # clips: decoded again and cropped
    SYNC = "sync"  # clips: sync offset measured
    SPEECH = "speech"  # clips: encoded
    SHARD = "shard"  # clips: written


@dataclass
class StageTally:
    """Counts and seconds of one stage."""

    done: int = 0
    failed: int = 0
    filtered: int = 0
    media_seconds: float = 0.0  # footage processed
    busy_seconds: float = 0.0  # wall time, about one core

    def add(self, other: "StageTally") -> None:
        """Add another tally to this one."""
        self.done += other.done
        self.failed += other.failed
        self.filtered += other.filtered
        self.media_seconds += other.media_seconds
        self.busy_seconds += other.busy_seconds


class StageLog:
    """Tallies of all stages, and the stage in progress or in which work failed."""

    def __init__(self, alive: Callable[[], None] = lambda: None) -> None:
        """Start with empty tallies; `alive` is called at the start of a stage, up to several
        times per frame."""
        self._alive = alive
        self.tallies = {stage: StageTally() for stage in Stage}
        self.current = Stage.PROBE
        self.damaged_frames = 0  # of the latest segment

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Add the time spent in the `with` block to a stage."""
        self.current = stage
        self._alive()
        start = time.monotonic()
        try:
            yield
        finally:
            self.tallies[stage].busy_seconds += time.monotonic() - start

    def count(
        self, stage: Stage, done: int = 0, failed: int = 0, filtered: int = 0, seconds: float = 0.0
    ) -> None:
        """Add items and seconds of footage to a stage."""
        self.tallies[stage].add(StageTally(done, failed, filtered, seconds))

    def merge(self, other: StageAccount) -> None:
        """Add the tallies of another process, as `to_json` returns them."""
        for name, fields in other.items():
            self.tallies[Stage(name)].add(StageTally(**fields))  # type: ignore[arg-type]

    def to_json(self) -> StageAccount:
        """Tallies as JSON-able values."""
        return {stage.value: asdict(tally) for stage, tally in self.tallies.items()}
