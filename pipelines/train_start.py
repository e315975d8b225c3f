"""What Ray Train calls in each worker of a run.

Ray's controller receives the function and its settings, too, and would take seconds to import what
they refer to.
"""

import pickle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.train_worker import TrainRun

RUN = "run"


def settings_of(run: "TrainRun") -> dict[str, bytes]:
    """Return the settings of `start_worker`."""
    return {RUN: pickle.dumps(run)}


def start_worker(settings: dict[str, bytes]) -> None:
    """Train as one process of a run."""
    from pipelines.train_worker import train_worker  # not in the controller

    train_worker(pickle.loads(settings[RUN]))
