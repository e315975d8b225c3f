"""A renderer that learnt an actor, on disk: weights like any other's, with what came of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mytalk_core.appearance.adaptation import AdaptationRecord, Adapted, Look
from mytalk_core.appearance.adaptation_exam import Scores
from mytalk_core.appearance.checkpoint import load_renderer, save_renderer
from mytalk_core.errors import ModelError, Reason
from mytalk_core.media.output import atomic_path
from mytalk_core.training.weights_file import read_notes

_ENTRY = "adaptation"


def save_adapted(adapted: Adapted, path: Path) -> None:
    """Write the renderer as `save_renderer` does, and its record; complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    with atomic_path(path) as temporary:
        save_renderer(adapted.renderer, temporary, {_ENTRY: json.dumps(asdict(adapted.record))})


def load_adapted(path: Path) -> Adapted:
    """Read what `save_adapted` wrote.

    Raises:
        ModelError: where the file is missing or is no renderer that learnt an actor.
    """
    renderer = load_renderer(path)
    try:
        record = _record(json.loads(read_notes(path)[_ENTRY]))
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"does not say what it learnt ({type(error).__name__}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
            remedy="Delete it and learn the actor again.",
        ) from error
    return Adapted(renderer, record)


def _record(fields: dict[str, Any]) -> AdaptationRecord:
    looks = [
        Look(look["step"], look["seconds"], Scores(**look["scores"])) for look in fields["looks"]
    ]
    before, after = Scores(**fields["before"]), Scores(**fields["after"])
    return AdaptationRecord(**(fields | {"before": before, "after": after, "looks": tuple(looks)}))
