"""Load whisperx without network access, usage metrics or console output."""

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from types import ModuleType

from mytalk_core.lean_imports import unused_packages

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # pyannote, imported by whisperx, reports every loaded model unless this is 0.
    "PYANNOTE_METRICS_ENABLED": "0",
}


# Packages that whisperx imports, directly or through transformers, for what is not used here: its
# own voice detector, pictures and a decoding strategy. They take more than half of its import.
_REPLACED = (
    "pyannote",
    "pyannote.audio",
    "pyannote.audio.core",
    "pyannote.audio.core.io",
    "pyannote.audio.pipelines",
    "pyannote.audio.pipelines.utils",
    "pyannote.core",
)
_ABSENT = ("torchvision", "sklearn")


def whisperx_module(name: str) -> ModuleType:
    """Import `whisperx.<name>`; sets the process's environment to offline mode of model hubs.

    Packages of `_REPLACED` and `_ABSENT` are not imported with it, unless they were before.
    """
    os.environ.update(_OFFLINE)
    log = logging.getLogger("whisperx")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # otherwise whisperx adds one that writes to stdout
    with quiet(), unused_packages(_REPLACED, _ABSENT):
        return import_module(f"whisperx.{name}")


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the output and warnings of third-party code while it loads."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
