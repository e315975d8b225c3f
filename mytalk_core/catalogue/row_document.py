"""The columns of a catalogue, and the document of a title that the values of a row make.

A column is a key of a title specification, with a dot where keys are nested: `options.seed`,
`range.start`, `dub.Anna`. Values of lists are texts; they get the kind that the schema states.
"""

import math
from collections.abc import Mapping
from typing import Any

from mytalk_core.data.list_columns import Columns
from mytalk_core.dubbing.title_schema import title_schema

DOCUMENTS = ("cast", "consent")
"""Columns that name a file, which has the key of the same name."""

UPDATED = "updated"
"""The column with the date, or date and time, of the last change of a row."""

LABELS = ("studio", "show")
"""Columns by which results are added up; they change no film."""

_NESTED = ("range", "options")  # keys of which rows, specifications and defaults add up


def _columns() -> Columns:
    keys: dict[str, Any] = dict(title_schema()["properties"])
    nested = [f"{key}.{each}" for key in _NESTED for each in keys[key]["properties"]]
    plain = [key for key in keys if key not in _NESTED]
    return Columns(
        required=(),
        optional=("title", UPDATED, *LABELS, *plain, *nested),
        groups=("dub",),
        any_of=("title", "film"),
    )


COLUMNS = _columns()
"""Those of a catalogue; `title` names a specification of which the other columns replace keys."""


def row_document(values: Mapping[str, str]) -> dict[str, Any]:
    """The document that the values of a row make, without `title`, `cast` and `consent`.

    A value that is not of the kind of its key stays a text, which the schema then refuses.
    """
    document: dict[str, Any] = {}
    for name, text in values.items():
        if not text or name in ("title", UPDATED, *LABELS, *DOCUMENTS):
            continue
        key, dot, within = name.partition(".")
        if not dot:
            document[key] = _typed(text, _schema_of(key))
            continue
        group = document.setdefault(key, {})
        if isinstance(group, dict):  # else the row has one stem for everybody beside single ones
            group[within] = text if key == "dub" else _typed(text, _schema_of(key, within))
        else:
            document[key] = {"": group, within: text}  # refused by the schema
    return document


def merged(*documents: Mapping[str, Any]) -> dict[str, Any]:
    """One document of several: keys of later ones replace those of earlier ones.

    Keys of `range` and `options` are replaced one by one, all others as a whole.
    """
    found: dict[str, Any] = {}
    for document in documents:
        for key, value in document.items():
            before = found.get(key)
            both = key in _NESTED and isinstance(value, dict) and isinstance(before, dict)
            found[key] = {**before, **value} if both else value  # type: ignore[dict-item]
    return found


def _schema_of(key: str, within: str = "") -> Mapping[str, Any]:
    schema: Mapping[str, Any] = title_schema()["properties"][key]
    if not within:
        return schema
    nested: Mapping[str, Any] = schema["properties"][within]
    return {"type": "number"} if "$ref" in nested else nested  # a time: seconds, or a timecode


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "boolean":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "integer" if text.lstrip("-").isdecimal():
            return int(text)
        case "number":
            try:
                number = float(text)
            except ValueError:
                return text
            return number if math.isfinite(number) else text
        case _:
            return text
