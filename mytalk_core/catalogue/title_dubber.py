"""Dub the titles of a catalogue: the files of a row on this machine, and the graph of its title."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mytalk_core.catalogue.delivery import DubbedTitle, DubLink
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.portable import FileAddress, local_file_of
from mytalk_core.data.retrying import while_waiting
from mytalk_core.dubbing.making import Effort
from mytalk_core.dubbing.models import NamedModels, model_digests
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
from mytalk_core.media.damage import damage_text


class TitleDubber:
    """Dubs the titles of a catalogue with these models, which it does not load."""

    def __init__(self, models: NamedModels) -> None:
        self._models = models

    def __call__(self, row: CatalogueTitle, film: Path, link: DubLink) -> DubbedTitle:
        """Dub one title into `film`, with its report beside it.

        Raises:
            BadInputError, ModelError, OutputError: as `open_title` and `dub_title`.
            StorageError: as `local_copy`.
        """

        def made(stage: str, key: str, effort: Effort) -> None:
            link.made(stage, effort.seconds)
            if stage == DRAW.name:
                link.drawn(key, effort.seconds, effort.units)

        artifacts = link.artifacts
        with artifacts.in_use(), while_waiting(link.beat), _local_files(row) as files:
            spec, _ = specified(row.document, row.id, film, lambda name: files[_address(row, name)])
            title = open_title(spec, artifacts)
            runner = link.runner({path: address for address, path in files.items()}, made)
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
def _local_files(row: CatalogueTitle) -> Iterator[Mapping[FileAddress, Path]]:
    """Yield the files of a title on this machine."""
    with ExitStack() as held:
        addresses = {_address(row, name) for _, name in named_files(row.document)}
        yield {each: held.enter_context(local_file_of(each)).absolute() for each in addresses}


def _address(row: CatalogueTitle, name: str) -> FileAddress:
    """The address of a file that the document of a title names."""
    return FileAddress(name, name in row.public_only)
