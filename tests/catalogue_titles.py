"""Titles of a catalogue, as if they had been read, and what dubs them in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mytalk_core.catalogue.delivery import DubLink
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.inline_runner import InlineRunner

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools


def catalogue_title(id: str, film: Path, dub: Path, number: int = 0) -> CatalogueTitle:
    """A film in English with one stem; its files exist."""
    files = {str(path): f"{path.stat().st_size}-{path.stat().st_mtime_ns}" for path in (film, dub)}
    document = {"film": str(film), "dub": str(dub), "language": "en"}
    return CatalogueTitle(number, f"row {number}", id, document, f"{id}/{id}.mp4", files)


def inline_link(artifacts: Artifacts, tools: DubTools) -> DubLink:
    """The link of a title whose artifacts this process makes."""
    return DubLink(
        lambda: None,
        artifacts,
        lambda files, made: InlineRunner(artifacts, tools, lambda *_: None, made),
    )
