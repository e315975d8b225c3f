"""Batch jobs: a catalogue with its defaults, in a file that a person writes."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from mytalk_core.catalogue.documents import stored_document
from mytalk_core.catalogue.quality.limits import NO_LIMITS, QualityLimits, quality_limits
from mytalk_core.catalogue.reading import CatalogueSource
from mytalk_core.data.list_access import ListAccess, list_access, named_address
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.stored_files import absolute
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.dubbing.title_schema import shape_problems, title_schema
from mytalk_core.errors import BadInputError, Reason

_SUFFIXES = (".yaml", ".yml", ".json")
_OF_A_ROW = frozenset({"id", "film", "dub", "output"})  # no default makes sense


@dataclass(frozen=True)
class BatchJob:
    """What a batch works on."""

    source: CatalogueSource
    out: str  # absolute path or URL of the folder of the results; empty where none is given
    limits: QualityLimits = NO_LIMITS  # of the quality of all titles


@cache
def job_schema() -> Mapping[str, Any]:
    """The JSON Schema of a job; its `defaults` have that of a title specification."""
    text = files("mytalk_core.catalogue").joinpath("job.schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def batch_job(given: str, out: str, roots: Sequence[str], private_addresses: bool) -> BatchJob:
    """Return the job in a file, or that of a catalogue alone.

    Args:
        given: path or URL of a job (YAML or JSON) or of a list.
        out: replaces that of the job, where it is not empty.
        roots: are added to those of the job.
        private_addresses: allows them, whatever the job says.

    Raises:
        BadInputError: BAD_CONFIGURATION with every problem of the job; as `stored_document`,
            `named_address` and `list_access`.
        StorageError: STORAGE_ERROR.
    """
    place = absolute(given)
    path = place if is_local(place) else urlsplit(place).path
    if not path.lower().endswith(_SUFFIXES):
        access = list_access(roots, private_addresses)
        return BatchJob(CatalogueSource(place, access=access), _folder(out))
    document = stored_document(place, Reason.BAD_CONFIGURATION)
    defaults = document.get("defaults", {})
    problems = [*shape_problems(document, job_schema()), *_default_problems(defaults)]
    if problems:
        raise BadInputError(
            " ".join(map(str, problems)), reason=Reason.BAD_CONFIGURATION, where=place
        )
    allowed = [_beside(place, root) for root in document.get("allow_roots", ())]
    private = private_addresses or document.get("allow_private_addresses", False)
    source = CatalogueSource(
        _beside(place, document["catalogue"]),
        defaults,
        place,
        list_access([*allowed, *roots], private),
    )
    return BatchJob(
        source,
        _folder(out or _beside(place, document.get("out", ""))),
        quality_limits(document.get("quality", {})),
    )


def _folder(out: str) -> str:
    return absolute(out.rstrip("/") or "/") if out else ""


def _beside(job: str, name: str) -> str:
    """A path or URL in a job. A job of this machine may name any, another one no local file."""
    if not name:
        return ""
    if is_local(job) and is_local(name):
        return os.path.normpath(local_file(job).parent / local_file(name))
    return named_address(name, job, ListAccess(private_addresses=is_local(job)))


def _default_problems(defaults: Any) -> list[TitleProblem]:
    if not isinstance(defaults, dict):
        return []
    schema = {**title_schema(), "required": []}
    problems = [
        TitleProblem(f"defaults.{each.where}", each.what, each.remedy)
        for each in shape_problems(defaults, schema)
    ]
    for key in sorted(_OF_A_ROW & defaults.keys()):
        what, remedy = "is of a single title", "State it in the rows of the catalogue."
        problems.append(TitleProblem(f"defaults.{key}", what, remedy))
    return problems
