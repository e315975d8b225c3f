"""Check the shape of a title specification by its JSON Schema, every problem at once."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mytalk_core.data.names import near_names
from mytalk_core.dubbing.title_problems import TitleProblem

_SCHEMA = "title.schema.json"
_KINDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a group of keys",
    "array": "a list",
}


@cache
def title_schema() -> Mapping[str, Any]:
    """The JSON Schema of a title specification."""
    text = files("mytalk_core.dubbing").joinpath(_SCHEMA).read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def shape_problems(
    document: Mapping[str, Any], schema: Mapping[str, Any] | None = None
) -> list[TitleProblem]:
    """What does not fit a schema: unknown and missing keys, kinds, forms and limits.

    Args:
        schema: that of a title specification by default.
    """
    schema = title_schema() if schema is None else schema
    errors = Draft202012Validator(schema).iter_errors(document)
    found = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    # One error a missing key; each of them names all missing keys.
    return list(dict.fromkeys(each for error in found for each in _problems(error, schema)))


def place(path: Any) -> str:
    """A path in a document as people write it, such as `cast[0].tracks[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _problems(error: ValidationError, schema: Mapping[str, Any]) -> Iterator[TitleProblem]:
    where = place(error.absolute_path)
    match error.validator:
        case "additionalProperties" if isinstance(error.schema.get("properties"), dict):
            known = error.schema["properties"]
            for key in sorted(set(error.instance) - set(known)):
                yield _unknown_key([*error.absolute_path, key], str(key), known)
        case "required":
            for key in error.validator_value:
                if key not in error.instance:
                    described = error.schema["properties"][key].get("description", "")
                    path = place([*error.absolute_path, key])
                    yield TitleProblem(path, "is missing", described)
        case "anyOf":
            yield from _of_any(error, where, schema)
        case _:
            yield TitleProblem(where, _clause(error), _remedy(error, schema))


def _unknown_key(path: list[Any], key: str, known: Mapping[str, Any]) -> TitleProblem:
    near = near_names(key, known, 1)
    remedy = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
    return TitleProblem(place(path), "is not a known key", remedy)


def _of_any(
    error: ValidationError, where: str, schema: Mapping[str, Any]
) -> Iterator[TitleProblem]:
    """The problem within the alternative that was meant, or of the value as a whole."""
    for part in error.context or ():
        if part.validator != "type" or part.relative_path:
            within = place([*error.absolute_path, *part.relative_path])
            yield TitleProblem(within, _clause(part), _remedy(error, schema))
            return
    yield TitleProblem(where, f"cannot be {_shown(error.instance)}", _remedy(error, schema))


def _clause(error: ValidationError) -> str:
    value = error.validator_value
    match error.validator:
        case "type":
            return f"is {_shown(error.instance)}, but must be {_KINDS[value]}"
        case "minimum":
            return f"is {error.instance}, but must be at least {value}"
        case "maximum":
            return f"is {error.instance}, but must be at most {value}"
        case "minItems" | "minProperties" | "minLength":
            return "is empty"
        case "pattern" if not str(error.instance).strip():
            return "is empty"
        case _:
            return f"cannot be {_shown(error.instance)}"


def _remedy(error: ValidationError, schema: Mapping[str, Any]) -> str:
    text_needed = error.validator == "type" and error.validator_value == "string"
    if text_needed and isinstance(error.instance, int | float):
        return "Put it in quotes."
    return _described(error, schema)


def _described(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """The description in the schema that is nearest to the error's place in the document."""
    node: Any = schema
    found = ""
    for part in error.absolute_path:
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {})
        node = node if isinstance(part, int) else node.get(part, {})
        found = node.get("description", found)
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
            found = node.get("description", found)
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
