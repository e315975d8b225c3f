"""whisperx without its habits: no network, no usage metrics, no printing."""

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from types import ModuleType

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # pyannote, which whisperx imports, reports every model it loads unless this says no.
    "PYANNOTE_METRICS_ENABLED": "0",
}


def whisperx_module(name: str) -> ModuleType:
    """The module `whisperx.<name>`. Sets the process's environment: hubs stay unasked after it."""
    os.environ.update(_OFFLINE)
    log = logging.getLogger("whisperx")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it gives itself one that writes to stdout
    with quiet():
        return import_module(f"whisperx.{name}")


@contextmanager
def quiet() -> Iterator[None]:
    """Swallows what third-party code prints and warns of while it loads."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
