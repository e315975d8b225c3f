"""Structured log of the work of every process, on request: one JSON object a line.

`MYTALK_LOG` is a file to which all processes of a machine append, or "-" for the standard error of
each. Without it nothing is logged. Every line has `time`, `event`, `host`, `process`, and what the
process works on: `run` and `id` of the title, as in the ledger, `stage` and `key` of the artifact.
"""

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache

from mytalk_core.redaction import redacted

VARIABLE = "MYTALK_LOG"
"""Environment variable: file of the log, "-" for standard error; none where it is empty."""

_subject: dict[str, object] = {}
"""What this process works on. All threads share it: a process works on one title at a time."""


@contextmanager
def working_on(**fields: object) -> Iterator[None]:
    """Add fields to every line that this process logs within the block."""
    global _subject
    before = _subject
    _subject = {**before, **fields}
    try:
        yield
    finally:
        _subject = before


def log(event: str, **fields: object) -> None:
    """Log an event, such as "artifact made"; secrets in addresses are removed from texts.

    Args:
        fields: JSON values; others are written as texts, and None is left out.
    """
    target = os.environ.get(VARIABLE, "")
    if target:
        _logger(target, os.getpid()).info("%s", _line(event, {**_subject, **fields}))


def _line(event: str, fields: Mapping[str, object]) -> str:
    known = {name: value for name, value in fields.items() if value is not None}
    values = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": event,
        **known,
        "host": socket.gethostname(),
        "process": os.getpid(),
    }
    return json.dumps({name: _public(value) for name, value in values.items()})


def _public(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted(str(value))


@lru_cache(maxsize=1)
def _logger(target: str, process: int) -> logging.Logger:
    """Return the logger of a process; a forked one opens the file again.

    A line is written by one call to a file that is opened for appending, so the lines of several
    processes do not mix. What cannot be written is lost: a log never fails the work.
    """
    logger = logging.Logger("mytalk", logging.INFO)
    try:
        logger.addHandler(
            logging.StreamHandler(sys.stderr) if target == "-" else logging.FileHandler(target)
        )
    except OSError as error:
        logger.addHandler(logging.NullHandler())
        sys.stderr.write(f"{VARIABLE}={target}: {error.strerror}; nothing is logged.\n")
    return logger
