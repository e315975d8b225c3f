"""Steps of a training run, reported by its first worker to the driver on another machine.

They pass through Ray's key-value store: it lives as long as the cluster, whichever machine is lost,
and needs no process of its own, as an actor would.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ray.exceptions import RayError
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

_SECONDS = 1.0  # between two messages


def step_writer(key: str) -> Callable[[int], None]:
    """Return a function that reports the number of steps taken to the driver, once a second."""
    written_at = 0.0

    def write(step: int) -> None:
        nonlocal written_at
        if time.monotonic() - written_at > _SECONDS:
            _internal_kv_put(key, str(step))
            written_at = time.monotonic()

    return write


class Watching:
    """Calls a function with the number of steps about once a second within the block."""

    def __init__(self, report: Callable[[int], None]) -> None:
        """Ray must be connected until the block ends."""
        self.key = f"mytalk-steps-{secrets.token_hex(8)}"
        """For `step_writer`."""
        self._report = report
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watching":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        with suppress(RayError):
            _internal_kv_del(self.key)

    def _watch(self) -> None:
        with suppress(RayError):  # the run itself raises where the cluster is lost
            while not self._done.wait(_SECONDS):
                if step := _internal_kv_get(self.key):
                    self._report(int(step))
