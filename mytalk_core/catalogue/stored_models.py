"""Titles of catalogues and the models that dub them: those of the store and the shipped weights.

The driver of a catalogue imports this module, which imports the network libraries only where they
are used.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from mytalk_core.data.model_store import model
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.models import JUDGE, NamedModels, named_models

if TYPE_CHECKING:
    from mytalk_core.catalogue.title_dubber import TitleDubber
    from mytalk_core.dubbing.tools import DubTools


def stored_dubber() -> TitleDubber:
    """A dubber with the models of the store and the shipped weights."""
    from mytalk_core.catalogue.title_dubber import TitleDubber

    return TitleDubber(named_models(None, None))


def stored_tools() -> DubTools:
    """The networks of the same models, of which each computes on one thread.

    Raises:
        ModelError: as `NamedModels.here`.
    """
    from mytalk_core.dubbing.tools import DubTools

    return DubTools(named_models(None, None).here(), threads=1)


def recipe(models: NamedModels) -> dict[str, object]:
    """Everything but the title's own files and options that decides a film, as JSON values."""
    return {
        "versions": made_with(ResultKind.DUBBING),
        "weights": {name: checksums(path) for name, path in asdict(models).items()},
        "judge": [file.sha256 for file in model(JUDGE).files],
        # What titles do not state.
        "config": json.loads(json.dumps(asdict(DubConfig()), default=str)),
    }
