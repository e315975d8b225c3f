"""Make one artifact: run its stage and store what it returns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.errors import OutputError, Reason
from mytalk_core.films.progress import Progress
from mytalk_core.media.output import output_error
from mytalk_core.work_log import log, working_on

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

R = TypeVar("R")
V = TypeVar("V")


@dataclass(frozen=True)
class Effort:
    """What making an artifact took."""

    seconds: float  # elapsed
    units: int  # of work, as the stage counted them; 0 if it did not


def artifact_key(artifacts: Artifacts, stage: Stage[R, V], request: R) -> str:
    """Return the key of the artifact of a request."""
    return artifacts.key(stage.name, stage.version, request, stage.request)


def stored_artifact(artifacts: Artifacts, stage: Stage[R, V], key: str) -> V | None:
    """Return a stored artifact; None where it is not stored."""
    found: V | None = artifacts.load(stage.name, key, stage.result)
    return found


def made_artifact(artifacts: Artifacts, stage: Stage[R, V], key: str) -> V:
    """Return an artifact that this run has made or found.

    Raises:
        OutputError: it was removed meanwhile.
    """
    if (found := stored_artifact(artifacts, stage, key)) is None:
        raise OutputError(
            "files were removed from the work folder while it was in use.",
            reason=Reason.STORAGE_ERROR,
            where=str(artifacts.root),
            remedy="Run the same command again.",
        )
    return found


def make_artifact(
    artifacts: Artifacts,
    stage: Stage[R, V],
    request: R,
    key: str,
    tools: DubTools,
    progress: Progress,
) -> Effort:
    """Run a stage and store its artifact under `key`.

    Raises:
        OutputError: the store cannot be written.
        Exception: what the stage raised.
    """
    start, units = time.monotonic(), 0

    def report_units(count: int) -> None:
        nonlocal units
        units += count

    with artifacts.draft(stage.name, key) as draft:
        context = StageContext(tools, draft.folder, draft.scratch, progress, report_units)
        with _logged(stage.name, key):
            try:
                value = stage.run(request, context)
            except OSError as error:
                if (failure := output_error(error, str(draft.scratch))) is not None:
                    raise failure from error
                raise
            artifacts.publish(draft, value, stage.result)
            effort = Effort(time.monotonic() - start, units)
            log("artifact made", seconds=round(effort.seconds, 3), units=units)
    return effort


@contextmanager
def _logged(stage: str, key: str) -> Iterator[None]:
    """Log what happens in the block as that of a stage, and its error."""
    with working_on(stage=stage, key=key):
        try:
            yield
        except Exception as error:
            log("stage failed", message=f"{type(error).__name__}: {error}")
            raise


def made_from(stage: Stage[Any, Any], request: Any) -> str:
    """Name an artifact in a message: its stage and the first file of its request."""
    values = (getattr(request, field.name) for field in fields(request))
    media = next((value for value in values if isinstance(value, MediaFile)), None)
    return f"{stage.name} of {media.path}" if media else stage.name
