"""How long a run has taken, and how fast it is."""

import time

from mytalk_core.training.state import TrainingState


class Clock:
    """Keeps the times of a state: its seconds, and the rate of steps between validations."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._read = self._began = time.monotonic()
        self._step = state.step

    def read(self) -> None:
        """Bring the seconds up to now."""
        now = time.monotonic()
        self._state.seconds += now - self._read
        self._read = now

    def validation_begins(self) -> None:
        """Note the rate of the steps since the last validation, or since this process began."""
        seconds = time.monotonic() - self._began
        self._state.rates.append((self._state.step - self._step) / seconds)

    def validation_ends(self) -> None:
        """Start to measure the next rate."""
        self._began = time.monotonic()
        self._step = self._state.step
