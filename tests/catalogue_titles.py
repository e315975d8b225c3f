"""Titles of a catalogue, as if they had been read."""

from pathlib import Path

from mytalk_core.catalogue.entries import CatalogueTitle


def catalogue_title(id: str, film: Path, dub: Path, number: int = 0) -> CatalogueTitle:
    """A film in English with one stem; its files exist."""
    files = {str(path): f"{path.stat().st_size}-{path.stat().st_mtime_ns}" for path in (film, dub)}
    document = {"film": str(film), "dub": str(dub), "language": "en"}
    return CatalogueTitle(number, f"row {number}", id, document, f"{id}/{id}.mp4", files)
