"""Shapes of documents: every field exists and has its type."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from infra.check.documents import Document

_HERE = Path(__file__).parent


def shape_problems(document: Document) -> Iterator[str]:
    """Yield what is wrong with the fields of a document."""
    validator = _validators().get(document.kind)
    if validator is None:
        yield f"{document}: no schema is known for this kind"
        return
    for error in validator.iter_errors(document.content):
        yield f"{document}: {error.json_path}: {error.message[:300]}"


@cache
def _validators() -> dict[str, Any]:
    """Return a validator for each kind."""
    ray_job = json.loads((_HERE / "rayjob.schema.json").read_text(encoding="utf-8"))
    kinds = yaml.safe_load((_HERE / "kinds.schema.yaml").read_text(encoding="utf-8"))
    registry: Any = Registry().with_resource(
        "rayjob", Resource.from_contents(ray_job, default_specification=DRAFT202012)
    )
    schemas = {kind: schema for kind, schema in kinds.items() if kind != "$defs"}
    return {
        kind: jsonschema.Draft202012Validator(schema, registry=registry)
        for kind, schema in {**schemas, "RayJob": ray_job}.items()
    }
