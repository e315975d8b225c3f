"""Makes the artifacts that titles order, in a worker that keeps its models."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.portable import loaded_portable
from mytalk_core.data.retrying import while_waiting
from mytalk_core.dubbing.making import make_artifact, stored_artifact
from mytalk_core.work_log import working_on
from pipelines.local_worker import limit_arenas, return_memory
from pipelines.pool_worker import Beat
from pipelines.processor_time import processor_seconds
from pipelines.stage_orders import Answer

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

# Between two sweeps of the store of a machine, each of which looks at every artifact.
_SWEEP_SECONDS = 300.0


class StageMaker:
    """One process with its models. It computes on one thread, so that all give the same bytes."""

    def __init__(
        self,
        make_tools: Callable[[], DubTools],
        open_artifacts: Callable[[], Artifacts],
        run: int,
        beat: Beat,
    ) -> None:
        """Raises:
        ModelError: where this machine lacks a model.
        """
        import cv2
        import torch

        limit_arenas()
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        self._tools = make_tools()
        self._artifacts = open_artifacts()
        self._run, self._beat = run, beat
        self._swept_at = -_SWEEP_SECONDS
        # What is imported stays: `return_memory` need not look through it after every artifact.
        gc.freeze()

    def make(self, message: bytes, title: str) -> Answer:
        """Make one artifact, unless it is stored.

        Args:
            message: that of an order.
            title: its id, for the log.

        Raises:
            MytalkError: as the stage.
        """
        self._sweep()
        cpu = processor_seconds()
        with (
            working_on(run=self._run, id=title),
            while_waiting(self._beat),
            self._artifacts.kept(),
            loaded_portable(message, self._artifacts) as (stage, request, key),
        ):
            effort = None
            if stored_artifact(self._artifacts, stage, key) is None:
                effort = make_artifact(
                    self._artifacts, stage, request, key, self._tools, lambda *_: self._beat()
                )
            # Also where an earlier run stored it on this machine alone.
            self._artifacts.share(self._artifacts.folder(stage.name, key))
        return_memory()
        return Answer(effort=effort, cpu_seconds=processor_seconds() - cpu)

    def _sweep(self) -> None:
        """Keep the store within its bound, but what is in use."""
        if time.monotonic() - self._swept_at >= _SWEEP_SECONDS:
            with self._artifacts.in_use():
                self._swept_at = time.monotonic()
