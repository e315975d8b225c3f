"""Make artifacts in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing.making import Effort, made_artifact, make_artifact
from mytalk_core.dubbing.stage import Pending, Stage
from mytalk_core.dubbing.store_runner import StoreRunner
from mytalk_core.films.progress import Progress

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

R = TypeVar("R")
V = TypeVar("V")


class InlineRunner(StoreRunner):
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
        super().__init__(artifacts)
        self._tell = made
        self._tools = tools
        self._progress = progress
        self._rates = StageRates(artifacts.root)

    def _begin(self, stage: Stage[R, V], request: R, key: str) -> Pending[V]:
        pending: Future[V] = Future()
        try:
            pending.set_result(self._made(stage, request, key))
        except Exception as error:
            pending.set_exception(error)
        return pending

    def _made(self, stage: Stage[R, V], request: R, key: str) -> V:
        effort = make_artifact(self._artifacts, stage, request, key, self._tools, self._progress)
        self._rates.add(stage.name, effort.seconds, effort.units)
        self._rates.save()
        self._account.made(stage.name, key, effort.seconds)
        self._tell(stage.name, key, effort)
        return made_artifact(self._artifacts, stage, key)
