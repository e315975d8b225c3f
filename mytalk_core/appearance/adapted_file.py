"""The file of an adapted renderer: weights as of any renderer, with the record of adaptation."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mytalk_core.appearance.adaptation import AdaptationRecord, Adapted, ValidationPoint
from mytalk_core.appearance.adaptation_scores import Scores
from mytalk_core.appearance.checkpoint import load_renderer, save_renderer
from mytalk_core.errors import ModelError, Reason
from mytalk_core.media.output import atomic_path
from mytalk_core.training.weights_file import read_notes

_ENTRY = "adaptation"


def save_adapted(adapted: Adapted, path: Path) -> None:
    """Write the renderer as `save_renderer` does, with its record, atomically.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    with atomic_path(path) as temporary:
        save_renderer(adapted.renderer, temporary, {_ENTRY: json.dumps(asdict(adapted.record))})


def load_adapted(path: Path) -> Adapted:
    """Read a file of `save_adapted`.

    Raises:
        ModelError: where the file is missing or holds no adapted renderer.
    """
    renderer = load_renderer(path)
    try:
        record = _record(json.loads(read_notes(path)[_ENTRY]))
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"holds no valid record of adaptation ({type(error).__name__}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
            remedy="Delete it and adapt the renderer again.",
        ) from error
    return Adapted(renderer, record)


def _record(fields: dict[str, Any]) -> AdaptationRecord:
    looks = [
        ValidationPoint(look["step"], look["seconds"], Scores(**look["scores"]))
        for look in fields["looks"]
    ]
    before, after = Scores(**fields["before"]), Scores(**fields["after"])
    return AdaptationRecord(**(fields | {"before": before, "after": after, "looks": tuple(looks)}))
