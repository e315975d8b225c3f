"""The files that a dub of a title writes."""

from pathlib import Path

from mytalk_core.data.page import report_path
from mytalk_core.dubbing.fitted_exports import fitted_paths
from mytalk_core.dubbing.title_report.document import document_path


def title_outputs(film: Path) -> tuple[Path, ...]:
    """The film and what is written beside it; the lines as fitted only where it has a script."""
    return (film, report_path(film), document_path(film), *fitted_paths(film))
