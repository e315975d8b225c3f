"""Dub the titles of a catalogue one after the other, in one process that keeps its models."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from mytalk_core.catalogue.delivery import DubbedTitle, DubProgress
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.fetch import local_copy
from mytalk_core.data.model_store import model
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.data.retrying import while_waiting
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.making import Effort
from mytalk_core.dubbing.models import JUDGE, NamedModels, model_digests, named_models
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.notes import title_notes
from mytalk_core.dubbing.opening import open_title
from mytalk_core.dubbing.piece_drawing import DRAW
from mytalk_core.dubbing.title import (
    dub_title,
    length_warning,
    nothing_drawn_warning,
)
from mytalk_core.dubbing.title_configuration import title_config
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_document import named_files, specified
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.dubbing.work_store import work_store
from mytalk_core.media.damage import damage_text
from mytalk_core.media.limits import MediaLimits
from mytalk_core.media.output import temporary_root


class TitleDubber:
    """Dubs the titles of a catalogue; loads its models once."""

    def __init__(self, models: NamedModels, artifacts: Artifacts) -> None:
        self._models = models
        self._artifacts = artifacts
        self._tools = DubTools(models.here())

    def __call__(self, row: CatalogueTitle, film: Path, progress: DubProgress) -> DubbedTitle:
        """Dub one title into `film`, with its report beside it.

        Raises:
            BadInputError, ModelError, OutputError: as `open_title` and `dub_title`.
            StorageError: as `local_copy`.
        """

        def made(stage: str, key: str, effort: Effort) -> None:
            progress.made(stage, effort.seconds)
            if stage == DRAW.name:
                progress.drawn(key, effort.seconds, effort.units)

        with self._artifacts.in_use(), while_waiting(progress.beat), _local_files(row) as files:
            spec, _ = specified(row.document, row.id, film, files.__getitem__)
            title = open_title(spec, self._artifacts)
            runner = InlineRunner(self._artifacts, self._tools, lambda *_: progress.beat(), made)
            config, digests = title_config(spec.options), model_digests(self._models)
            context = TitleContext(runner, title.film, config, digests)
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
            result.frames,
            float(result.duration),
            "; ".join(filter(None, warnings)),
            result.rendered_frames,
            {reason.value: frames for reason, frames in result.left_alone.items()},
        )


@contextmanager
def _local_files(row: CatalogueTitle) -> Iterator[Mapping[str, Path]]:
    """Yield the files of a title on this machine, by their addresses in its document."""
    with ExitStack() as held:
        files: dict[str, Path] = {}
        for _, address in named_files(row.document):
            with public_addresses_only(address in row.public_only):
                copy = local_copy(address, temporary_root(), MediaLimits())
                files[address] = held.enter_context(copy)
        yield files


def stored_dubber() -> TitleDubber:
    """A dubber with the models of the store and the shipped weights.

    Raises:
        ModelError: as `NamedModels.here`.
    """
    return TitleDubber(named_models(None, None), work_store(None))


def recipe(models: NamedModels) -> dict[str, object]:
    """Everything but the title's own files and options that decides a film, as JSON values."""
    return {
        "versions": made_with(ResultKind.DUBBING),
        "weights": {name: checksums(path) for name, path in asdict(models).items()},
        "judge": [file.sha256 for file in model(JUDGE).files],
        # What titles do not state.
        "config": json.loads(json.dumps(asdict(DubConfig()), default=str)),
    }
