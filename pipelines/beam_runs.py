"""Runs of Beam pipelines: runners by name, and typed errors of their workers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineRunner, create_runner

from mytalk_core.errors import (
    BadInputError,
    MytalkError,
    Reason,
    error_from_json,
    error_to_json,
)
from mytalk_core.media.output import cannot_be_written

# The in-process runner by its own name: "DirectRunner" first tries to download Prism.
LOCAL_RUNNER = "FnApiRunner"


@dataclass(frozen=True)
class BeamEngine:
    """Where a pipeline runs. Nothing here affects a result."""

    runner: str = LOCAL_RUNNER  # name of a Beam runner
    options: tuple[str, ...] = ()  # of that runner, as on a command line


LOCAL_ENGINE = BeamEngine()


def beam_runner(name: str) -> PipelineRunner:
    """Return a runner by its name.

    Raises:
        BadInputError: BAD_CONFIGURATION where there is none.
    """
    try:
        return create_runner(name)
    except (ValueError, ImportError) as error:
        raise BadInputError(
            f"no Beam runner {name!r} is installed.",
            reason=Reason.BAD_CONFIGURATION,
            where="--runner",
            remedy=f"Use {LOCAL_RUNNER} to run on this machine.",
        ) from error


def run_pipeline(engine: BeamEngine, compose: Callable[[beam.Pipeline], None]) -> None:
    """Run a pipeline to its end.

    Args:
        compose: adds the steps. Those that run library code do so `with typed_failures`.

    Raises:
        BadInputError: BAD_CONFIGURATION where the runner does not exist.
        MytalkError: what a worker raised.
    """
    options = PipelineOptions(list(engine.options))
    pipeline = beam.Pipeline(runner=beam_runner(engine.runner), options=options)
    compose(pipeline)
    try:
        pipeline.run().wait_until_finish()
    except (RuntimeError, TaskFailedError) as error:
        typed = TaskFailedError.read(f"{type(error).__name__}: {error}")
        if typed is None:
            raise
        raise typed from error


@contextmanager
def typed_failures(folder: str) -> Iterator[None]:
    """Raise typed errors in a worker so that `run_pipeline` can restore them.

    Args:
        folder: where the worker writes, for errors of the disk that name no file.
    """
    try:
        yield
    except MytalkError as error:
        raise TaskFailedError.of(error) from error
    except OSError as error:
        if error.errno is None:  # a library's own subclass, not an error of the disk
            raise
        failure = cannot_be_written(Path(error.filename or folder), error)
        raise TaskFailedError.of(failure) from error


class TaskFailedError(Exception):
    """A `MytalkError` as JSON, from which it can be restored.

    Runners pass a worker's exception on as text, with its class and message inside a longer one, or
    construct it again from a longer message.
    """

    @classmethod
    def of(cls, error: MytalkError) -> Self:
        """Wrap a typed error."""
        return cls(json.dumps(error_to_json(error)))

    @staticmethod
    def read(text: str) -> MytalkError | None:
        """Restore the typed error in a runner's text; None where it contains none."""
        _, marker, rest = text.partition(f"{TaskFailedError.__name__}: ")
        if not marker:
            return None
        return error_from_json(json.JSONDecoder().raw_decode(rest)[0])
