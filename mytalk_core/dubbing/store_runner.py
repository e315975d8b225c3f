"""What all runners share: an artifact that is stored is used, and the others are counted."""

from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.making import artifact_key, stored_artifact
from mytalk_core.dubbing.stage import Pending, Stage
from mytalk_core.dubbing.work_account import StageWork, WorkAccount

R = TypeVar("R")
V = TypeVar("V")


class StoreRunner(ABC):
    """A `Runner` whose subclasses decide where what is not stored is made."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._account = WorkAccount()

    def start(self, stage: Stage[R, V], request: R) -> Pending[V]:
        """Begin to make an artifact, unless it is stored; its errors are raised by the result."""
        key = artifact_key(self._artifacts, stage, request)
        if (stored := self._found(stage, key)) is None:
            return self._begin(stage, request, key)
        self._account.found(stage.name, key)
        found: Future[V] = Future()
        found.set_result(stored)
        return found

    def is_stored(self, stage: Stage[R, V], request: R) -> bool:
        """Whether the artifact of a request is stored."""
        key = artifact_key(self._artifacts, stage, request)
        return stored_artifact(self._artifacts, stage, key) is not None

    def seconds(self, stage: Stage[R, V], request: R) -> float | None:
        """What making an artifact took; None where it was stored before this run."""
        key = artifact_key(self._artifacts, stage, request)
        return self._account.seconds(stage.name, key)

    def work(self) -> tuple[StageWork, ...]:
        """The artifacts that this run has used, by stage."""
        return self._account.stages()

    @abstractmethod
    def _begin(self, stage: Stage[R, V], request: R, key: str) -> Pending[V]:
        """Begin to make an artifact that was not found."""

    def _found(self, stage: Stage[R, V], key: str) -> V | None:
        """Return an artifact that need not be made; None where it must be."""
        return stored_artifact(self._artifacts, stage, key)
