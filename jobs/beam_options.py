"""The options of every command that runs on Beam."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.beam_runs import BeamEngine

LOCAL_RUNNER = "FnApiRunner"
"""That of `pipelines.beam_runs`, whose import takes seconds."""

Runner = Annotated[
    str, typer.Option(help="Beam runner: FnApiRunner (this process), FlinkRunner, SparkRunner.")
]

RunnerOptions = Annotated[
    list[str] | None,
    typer.Option(metavar="OPTION", help="Option for the Beam runner; may be given several times."),
]


@contextmanager
def beam_engine(runner: str, options: Sequence[str] | None) -> Iterator[BeamEngine]:
    """Yield the engine that these options name, with the log of Beam disabled.

    It reports optional imports and repeats our errors.
    """
    logging.disable(logging.CRITICAL)
    try:
        from pipelines.beam_runs import BeamEngine

        yield BeamEngine(runner, tuple(options or ()))
    finally:
        logging.disable(logging.NOTSET)
