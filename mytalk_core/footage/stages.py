"""What each stage of preprocessing did: counts and seconds that add up over workers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The stages in the order in which footage passes them, and what each of them counts."""

    PROBE = "probe"  # sources
    SHOTS = "shots"  # segments: decoded, and cut into shots
    TRACKS = "tracks"  # tracks: faces found in frames and linked
    CROPS = "crops"  # clips: decoded again and cut out
    SYNC = "sync"  # clips: measured against their sound
    SPEECH = "speech"  # clips: encoded
    SHARD = "shard"  # clips: written


@dataclass
class StageTally:
    """One stage's account."""

    done: int = 0
    failed: int = 0
    filtered: int = 0
    media_seconds: float = 0.0  # footage that passed
    busy_seconds: float = 0.0  # time of one core, roughly

    def add(self, other: "StageTally") -> None:
        """Add another worker's account to this one."""
        self.done += other.done
        self.failed += other.failed
        self.filtered += other.filtered
        self.media_seconds += other.media_seconds
        self.busy_seconds += other.busy_seconds


class StageLog:
    """The accounts of all stages, and the stage that work is in or failed in."""

    def __init__(self, alive: Callable[[], None] = lambda: None) -> None:
        """`alive` is called whenever a stage begins: in a film, several times a frame."""
        self._alive = alive
        self.tallies = {stage: StageTally() for stage in Stage}
        self.current = Stage.PROBE
        self.damaged_frames = 0  # of the segment that was looked through last

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Time spent inside counts for the stage."""
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
        """Note what a stage did, with the seconds of footage that passed."""
        self.tallies[stage].add(StageTally(done, failed, filtered, seconds))

    def merge(self, other: dict[str, dict[str, float]]) -> None:
        """Add what another process noted, as `to_json` gives it."""
        for name, fields in other.items():
            self.tallies[Stage(name)].add(StageTally(**fields))  # type: ignore[arg-type]

    def to_json(self) -> dict[str, dict[str, float]]:
        """The accounts as JSON has them."""
        return {stage.value: asdict(tally) for stage, tally in self.tallies.items()}
