"""Import a package without packages that it imports but that are not used here."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any


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
def unused_packages(replaced: Sequence[str], absent: Sequence[str] = ()) -> Iterator[None]:
    """Keep packages from being imported within the block, unless they were imported before.

    Args:
        replaced: packages and their submodules, by full name, that seem to be there; what is
            imported from them cannot be used.
        absent: optional packages that seem not to be installed.
    """
    replacements: dict[str, ModuleType | None] = {name: _Replacement(name) for name in replaced}
    replacements |= dict.fromkeys(absent)  # None: the import system finds no such package
    added = {name: module for name, module in replacements.items() if name not in sys.modules}
    modules: dict[str, Any] = sys.modules
    modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del modules[name]
