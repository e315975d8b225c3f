"""Duration and throughput of a training run."""

import time

from mytalk_core.training.state import TrainingState


class Clock:
    """Update the seconds and the steps per second of a training state."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._read = self._started = time.monotonic()
        self._step = state.step

    def read(self) -> None:
        """Add the seconds since the last call to the state."""
        now = time.monotonic()
        self._state.seconds += now - self._read
        self._read = now

    def validation_begins(self) -> None:
        """Record the rate of steps since the last validation or the start of the process."""
        seconds = time.monotonic() - self._started
        self._state.rates.append((self._state.step - self._step) / seconds)

    def validation_ends(self) -> None:
        """Start measuring the next rate."""
        self._started = time.monotonic()
        self._step = self._state.step
