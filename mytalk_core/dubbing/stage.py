"""Stages of the graph of a title: pure functions from a request to one stored artifact.

A request is a frozen dataclass that `data.values` can store. It holds everything that decides the
artifact: values of earlier stages, files by their content, configuration. The key of an artifact
is the hash of its request, of the stage's name and version, and of the software's versions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from mytalk_core.dubbing.work_account import StageWork
from mytalk_core.films.progress import Progress

if TYPE_CHECKING:
    # Imports every network library, which the process that starts the stages does not need.
    from mytalk_core.dubbing.tools import DubTools

R_contra = TypeVar("R_contra", contravariant=True)
V_co = TypeVar("V_co", covariant=True)
R = TypeVar("R")
V = TypeVar("V")


def ignore_units(count: int) -> None:
    """Discard a count of units of work."""


@dataclass(frozen=True)
class StageContext:
    """What a stage may use besides its request; none of it decides the artifact."""

    tools: DubTools
    folder: Path  # exists, empty; files of the artifact are written here, and stay
    scratch: Path  # exists, empty; removed when the stage ends
    progress: Progress
    # Adds units of work done, such as frames: estimates are per unit. Without it, an artifact is 1.
    report_units: Callable[[int], None] = ignore_units


@dataclass(frozen=True)
class Stage(Generic[R, V]):
    """A stage: its request and artifact types, and the function between them."""

    name: str  # of a folder of the store: small letters, digits and hyphens
    version: int  # increased whenever the same request gives another artifact
    request: type[R]
    result: Any  # type of the artifact, as an annotation
    run: Callable[[R, StageContext], V]  # at the level of a module, so that workers find it
    # Whether only the report waits for it: it is made with the time that the other stages leave.
    background: bool = False


class Pending(Protocol[V_co]):
    """An artifact that is being made."""

    def result(self) -> V_co:
        """Wait for the artifact.

        Raises:
            MytalkError: what the stage raised.
        """


class Runner(Protocol):
    """Makes artifacts: on this machine or elsewhere, one after the other or side by side."""

    def start(self, stage: Stage[R, V], request: R) -> Pending[V]:
        """Begin to make an artifact, unless it is stored."""

    def is_stored(self, stage: Stage[R, V], request: R) -> bool:
        """Whether the artifact of a request is stored, so that it costs nothing."""

    def seconds(self, stage: Stage[R, V], request: R) -> float | None:
        """What making an artifact took; None where it was stored before this run."""

    def work(self) -> tuple[StageWork, ...]:
        """The artifacts that this run has used, by stage."""
