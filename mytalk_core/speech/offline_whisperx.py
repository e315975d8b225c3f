"""Load whisperx without network access, usage metrics or console output."""

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
    # pyannote, imported by whisperx, reports every loaded model unless this is 0.
    "PYANNOTE_METRICS_ENABLED": "0",
}


def whisperx_module(name: str) -> ModuleType:
    """Import `whisperx.<name>`; sets the process's environment to offline mode of model hubs."""
    os.environ.update(_OFFLINE)
    log = logging.getLogger("whisperx")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # otherwise whisperx adds one that writes to stdout
    with quiet():
        return import_module(f"whisperx.{name}")


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the output and warnings of third-party code while it loads."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
