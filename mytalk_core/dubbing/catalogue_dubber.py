"""Dub the titles of a catalogue one after the other, in one process that keeps its models."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.catalogue import CatalogueRow
from mytalk_core.data.model_store import model
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.data.title_status import DubbedTitle
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.models import JUDGE, NamedModels, model_digests, named_models
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.notes import title_notes
from mytalk_core.dubbing.opening import ClipFiles, open_clip
from mytalk_core.dubbing.title import (
    dub_title,
    length_warning,
    nothing_drawn_warning,
)
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.dubbing.work_store import work_store
from mytalk_core.media.damage import damage_text


class TitleDubber:
    """Dubs the titles of a catalogue; loads its models once."""

    def __init__(self, models: NamedModels, config: DubConfig, artifacts: Artifacts) -> None:
        self._models = models
        self._config = config
        self._artifacts = artifacts
        self._tools = DubTools(models.here())

    def __call__(self, row: CatalogueRow, film: Path, beat: Callable[[], None]) -> DubbedTitle:
        """Dub one title into `film`, with its report beside it; call `beat` on progress.

        Raises:
            BadInputError, ModelError, OutputError: as `open_clip` and `dub_title`.
        """
        files = ClipFiles(
            row.video,
            row.speech,
            film,
            row.script,
            language=row.language,
            even_size=self._config.even_size,
        )
        with self._artifacts.in_use():
            title = open_clip(files, self._artifacts)
            runner = InlineRunner(self._artifacts, self._tools, lambda *_: beat())
            context = TitleContext(runner, title.film, self._config, model_digests(self._models))
            result = dub_title(context, title, film, Monitor())
        warnings = (
            *title_notes(title, result.transcripts),
            result.cut_off,
            length_warning(result),
            damage_text(result.damage),
            nothing_drawn_warning(result),
        )
        return DubbedTitle(
            result.film,
            result.page,
            result.frames,
            "; ".join(filter(None, warnings)),
            result.rendered_frames,
            {reason.value: frames for reason, frames in result.left_alone.items()},
        )


def stored_dubber(config: DubConfig) -> TitleDubber:
    """A dubber with the models of the store and the shipped weights.

    Raises:
        ModelError: as `NamedModels.here`.
    """
    return TitleDubber(named_models(None, None), config, work_store(None))


def recipe(models: NamedModels, config: DubConfig) -> dict[str, object]:
    """Everything but the title's own files that decides a film, as JSON values."""
    return {
        "versions": made_with(ResultKind.DUBBING),
        "weights": {name: checksums(path) for name, path in asdict(models).items()},
        "judge": [file.sha256 for file in model(JUDGE).files] if config.adapt_seconds else [],
        "config": json.loads(json.dumps(asdict(config), default=str)),
    }
