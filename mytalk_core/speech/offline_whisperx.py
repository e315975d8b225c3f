"""Load whisperx without network access, usage metrics or console output."""

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from types import ModuleType
from typing import Any

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
    with quiet(), _lean_imports():
        return import_module(f"whisperx.{name}")


class _Unused:
    """Stands for any class of a package that is not imported."""


class _Replacement(ModuleType):
    """A package of which every name is `_Unused`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # a package, so that parts of it can be replaced too

    def __getattr__(self, name: str) -> type[_Unused]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unused


@contextmanager
def _lean_imports() -> Iterator[None]:
    """Replace packages that are not used while others are imported."""
    replaced: dict[str, ModuleType | None] = {name: _Replacement(name) for name in _REPLACED}
    replaced |= dict.fromkeys(_ABSENT)  # None: the import system finds no such package
    added = {name: module for name, module in replaced.items() if name not in sys.modules}
    modules: dict[str, Any] = sys.modules
    modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del modules[name]


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the output and warnings of third-party code while it loads."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
