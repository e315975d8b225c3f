"""Make artifacts in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing.making import (
    Effort,
    artifact_key,
    made_artifact,
    make_artifact,
    stored_artifact,
)
from mytalk_core.dubbing.stage import Pending, Stage
from mytalk_core.dubbing.work_account import StageWork, WorkAccount
from mytalk_core.films.progress import Progress

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

R = TypeVar("R")
V = TypeVar("V")


class InlineRunner:
    """A `Runner` that makes each artifact when it is started.

    Work in `Artifacts.in_use`, so that other runs keep what this one uses.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        tools: DubTools,
        progress: Progress,
        made: Callable[[str, str, Effort], None] = lambda stage, key, effort: None,
    ) -> None:
        """Args: the store; networks; and who is told of progress, and of every artifact made."""
        self._artifacts = artifacts
        self._tell = made
        self._tools = tools
        self._progress = progress
        self._rates = StageRates(artifacts.root)
        self._account = WorkAccount()

    def start(self, stage: Stage[R, V], request: R) -> Pending[V]:
        """Make an artifact, unless it is stored; its errors are raised by the result."""
        pending: Future[V] = Future()
        try:
            pending.set_result(self._made(stage, request))
        except Exception as error:
            pending.set_exception(error)
        return pending

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

    def _made(self, stage: Stage[R, V], request: R) -> V:
        key = artifact_key(self._artifacts, stage, request)
        if (stored := stored_artifact(self._artifacts, stage, key)) is not None:
            self._account.found(stage.name, key)
            return stored
        effort = make_artifact(self._artifacts, stage, request, key, self._tools, self._progress)
        self._rates.add(stage.name, effort.seconds, effort.units)
        self._rates.save()
        self._account.made(stage.name, key, effort.seconds)
        self._tell(stage.name, key, effort)
        return made_artifact(self._artifacts, stage, key)
