"""Checkpoints of a run in a folder or object store, each one file that appears when complete.

Ray Train stores a checkpoint as a folder, file by file, and lists it in a file that it rewrites in
place, so a process that is killed may leave a part of either. Here the listing of the store counts.
"""

from io import BytesIO

import torch

from mytalk_core.data.storage import Store
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.training.state import TrainingState

CHECKPOINTS = "checkpoints"
"""The folder of the checkpoints of all runs, relative to their store."""

_KEPT = 2  # the one before the last is for a process that is reading it
_SUFFIX = ".pt"


class Checkpoints:
    """The last checkpoints of one run."""

    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._prefix = f"{CHECKPOINTS}/{run}/step-"

    def last(self) -> int:
        """Return the step of the last checkpoint; 0 without any.

        Raises:
            BadInputError, StorageError: as `Store.names`.
        """
        return max(self._steps(), default=0)

    def read(self, step: int) -> TrainingState:
        """Return a checkpoint, with its tensors on the CPU. It is read without pickle.

        Raises:
            BadInputError: NOT_FOUND if there is none at this step.
            StorageError: the storage does not answer.
        """
        content = BytesIO(self._store.read(self._name(step)))
        return TrainingState(**torch.load(content, weights_only=True, map_location="cpu"))

    def add(self, state: TrainingState) -> None:
        """Store a state, and remove all but the last two checkpoints.

        Raises:
            OutputError, StorageError: as `Store.publish` and `Store.remove`.
        """
        with self._store.publish(self._name(state.step)) as temporary:
            torch.save(vars(state), temporary)
        for old in sorted(self._steps())[:-_KEPT]:
            self._store.remove(self._name(old))
        path = self._store.local_path(self._name(state.step))
        if path is not None:
            sweep_leftovers(path.parent)

    def _name(self, step: int) -> str:
        return f"{self._prefix}{step:09d}{_SUFFIX}"

    def _steps(self) -> list[int]:
        names = self._store.names(self._prefix)
        return [int(name.removeprefix(self._prefix).removesuffix(_SUFFIX)) for name in names]
