"""Stages of the graph of a title: pure functions from a request to one stored artifact.

A request is a frozen dataclass that `data.values` can store. It holds everything that decides the
artifact: values of earlier stages, files by their content, configuration. The key of an artifact
is the hash of its request, of the stage's name and version, and of the software's versions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from mytalk_core.dubbing.tools import DubTools
from mytalk_core.films.progress import Progress

R_contra = TypeVar("R_contra", contravariant=True)
V_co = TypeVar("V_co", covariant=True)
R = TypeVar("R")
V = TypeVar("V")


@dataclass(frozen=True)
class StageContext:
    """What a stage may use besides its request; none of it decides the artifact."""

    tools: DubTools
    folder: Path  # exists, empty; files of the artifact are written here, and stay
    scratch: Path  # exists, empty; removed when the stage ends
    progress: Progress


@dataclass(frozen=True)
class Stage(Generic[R, V]):
    """A stage: its request and artifact types, and the function between them."""

    name: str  # of a folder of the store
    version: int  # increased whenever the same request gives another artifact
    request: type[R]
    result: Any  # type of the artifact, as an annotation
    run: Callable[[R, StageContext], V]


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
