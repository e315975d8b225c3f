"""What is wrong with a title specification, and what deserves a warning."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason


@dataclass(frozen=True)
class TitleProblem:
    """One thing that is wrong."""

    where: str  # in the document, such as "cast[0].tracks[1]"; empty: the document
    what: str  # a clause without a subject, such as "is missing"
    remedy: str = ""  # a sentence; may be empty

    def __str__(self) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.where} {self.what}.{remedy}".strip()


def title_error(path: Path, problems: Iterable[TitleProblem]) -> BadInputError:
    """One error that names every problem of a specification."""
    return BadInputError(
        " ".join(str(problem) for problem in problems),
        reason=Reason.BAD_TITLE,
        where=str(path),
        remedy="`mytalk title check` shows them as a table.",
    )
