"""Progress and duration of the stages of a dub."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from mytalk_core.films.progress import Progress


class Monitor:
    """Reports the progress of the stages of one title, and adds up the time that each takes."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = defaultdict(float)
        """By name of the stage, in the order in which the stages started."""

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Count the duration of the block for `stage`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] += time.monotonic() - start
