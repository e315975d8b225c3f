"""How long the steps of a title take."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Monitor:
    """Adds up the time that each step of one title takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        """By name of the step, in the order in which the steps started."""

    @contextmanager
    def running(self, step: str) -> Iterator[None]:
        """Count the duration of the block for `step`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] += time.monotonic() - start
