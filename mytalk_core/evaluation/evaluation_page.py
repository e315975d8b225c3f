"""The page of an evaluation: tables, notes and the worst cases."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mytalk_core.data.page import page_template
from mytalk_core.evaluation.sections import Section
from mytalk_core.evaluation.tables import OVERALL
from mytalk_core.media.output import atomic_path


def write_evaluation_page(
    path: Path, sections: Sequence[Section], about: Mapping[str, str]
) -> None:
    """Write the page of an evaluation, self-contained and atomically.

    Args:
        about: names weights and data.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    template = page_template("mytalk_core.evaluation", "evaluation_page.html.j2")
    html = template.render(sections=sections, about=about, overall=OVERALL)
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
