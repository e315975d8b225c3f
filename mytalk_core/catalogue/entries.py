"""What a row of a catalogue is: a title that can be dubbed, or one with problems."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mytalk_core.dubbing.title_document import with_files
from mytalk_core.dubbing.title_outputs import title_outputs
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.errors import BadInputError, ErrorClass, Reason
from mytalk_core.redaction import redacted


@dataclass(frozen=True)
class Labels:
    """By what the results of a title are added up; empty where its row does not say."""

    studio: str = ""
    show: str = ""


NO_LABELS = Labels()


@dataclass(frozen=True)
class CatalogueTitle:
    """A title of a catalogue. Its addresses may have secrets: it is never printed or stored."""

    number: int  # of its row, from 0
    where: str  # the list and the line, for messages
    # Unique in its catalogue regardless of case, and a safe name of a folder: an id in a script
    # other than Latin is written as its ASCII part and a digest.
    id: str
    # Keys of a title specification without id and output; files by absolute path or URL.
    document: Mapping[str, Any]
    output: str  # the film, relative to the folder of the results
    # What changes with the content of its files, by their addresses without secrets.
    files: Mapping[str, str] = field(default_factory=dict)
    public_only: frozenset[str] = frozenset()  # addresses that must be public, redirects included
    labels: Labels = NO_LABELS

    @property
    def language(self) -> str:
        """BCP 47 tag of the dub."""
        return str(self.document["language"])

    @property
    def film(self) -> str:
        """Address of the film without secrets."""
        return redacted(self.document["film"])

    @property
    def film_bytes(self) -> int:
        """Size of the film as its storage states it; 0 where it does not."""
        size = self.files.get(self.film, "").partition("-")[0]
        return int(size) if size.isdecimal() else 0


@dataclass(frozen=True)
class RefusedTitle:
    """A row that cannot be dubbed. It has no secrets; values that could not be read are empty."""

    number: int  # of its row, from 0
    where: str
    id: str
    language: str
    film: str
    problems: tuple[TitleProblem, ...]
    # Whether the same row may be good later: a storage did not answer.
    transient: bool = False
    reason: Reason = Reason.BAD_CATALOGUE  # of its first problem
    labels: Labels = NO_LABELS

    @property
    def error_class(self) -> ErrorClass:
        """Whether somebody has to mend it."""
        return ErrorClass.TRANSIENT if self.transient else ErrorClass.BAD_INPUT

    def error(self) -> BadInputError:
        """One error that names every problem."""
        text = " ".join(str(problem) for problem in self.problems)
        return BadInputError(text, reason=self.reason, where=self.where)


@dataclass(frozen=True)
class UnaskedTitle:
    """A row that was not asked for; its files were not looked at."""

    number: int  # of its row, from 0


Entry = CatalogueTitle | RefusedTitle | UnaskedTitle


def content_id(title: CatalogueTitle, recipe: Mapping[str, object]) -> str:
    """Return a digest of everything that decides a title's film: document, files and recipe.

    A file counts by what its storage states of it, because reading films of many gigabytes takes
    longer than dubbing a short one. Signing an address again changes nothing.

    Args:
        recipe: JSON values that are the same for all titles, such as weights and versions.
    """
    document = with_files(title.document, lambda where, name: redacted(name))
    text = json.dumps([document, dict(title.files), title.output, recipe], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def written_names(output: str) -> tuple[str, ...]:
    """The film of a title and what is written beside it, relative to the folder of the results."""
    return tuple(path.as_posix() for path in title_outputs(Path(output)))
