"""The lines of a title as they are fitted, written beside its film."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mytalk_core.media.output import atomic_path
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.as_fitted import FittedRow, as_fitted_csv, as_fitted_vtt

if TYPE_CHECKING:
    # Imports every network library, which the check of outputs does not need.
    from mytalk_core.dubbing.title_graph import PlannedTitle


def fitted_paths(film: Path) -> tuple[Path, Path]:
    """The WebVTT and the CSV file of a film."""
    return (
        film.with_name(f"{film.name}.as-fitted.vtt"),
        film.with_name(f"{film.name}.as-fitted.csv"),
    )


def write_fitted(film: Path, planned: PlannedTitle, start: Timecode) -> None:
    """Write the lines as WebVTT with voices, and as CSV with all that was changed.

    Args:
        start: timecode of the film's first frame.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    names = {member.id: member.name for member in planned.film.cast.members}
    rows = [
        FittedRow(line, fitted, names.get(speaker.decision.member or "", ""))
        for line, fitted, speaker in zip(
            planned.lines.lines, planned.lines.fitted, planned.speakers, strict=True
        )
    ]
    subtitles, table = fitted_paths(film)
    for path, text in ((subtitles, as_fitted_vtt(rows)), (table, as_fitted_csv(rows, start))):
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
