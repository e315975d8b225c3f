"""Read a YAML or JSON file that a person wrote into plain values.

YAML is read by the rules of its version 1.2: only `true` and `false` are booleans, so that the
language tag `no` stays a text, and `10:00:00:00` is not a number. Aliases are refused, because a
few lines of them expand to gigabytes.
"""

import json
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from mytalk_core.errors import BadInputError, Reason

LARGEST = 1_000_000  # bytes
_DEEPEST = 20  # levels of nesting


def read_document(path: Path, reason: Reason) -> dict[str, Any]:
    """Return the mapping in a file; keys without a value are left out at every level.

    Args:
        reason: of errors in its content.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, OVER_LIMIT where the file is too large, or `reason`
            where it is not UTF-8, not YAML, no mapping, too deep, or has a key twice.
    """
    return parsed_document(_content(path), str(path), reason)


def parsed_document(data: bytes, where: str, reason: Reason) -> dict[str, Any]:
    """Return the mapping in the bytes of a file; keys without a value are left out.

    Args:
        data: at most `LARGEST` + 1 of its bytes.
        where: names the file in errors.
        reason: of errors in its content.

    Raises:
        BadInputError: OVER_LIMIT where there are more than `LARGEST` bytes, else `reason`.
    """
    text = _text(data, where, reason)
    try:
        content = json.loads(text, **_JSON) if _is_json(text) else yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise _bad(where, reason, _syntax(error)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _bad(where, reason, f"is neither YAML nor JSON: {_first_line(error)}") from error
    if not isinstance(content, dict):
        raise _bad(where, reason, "has no keys with values.", "Write lines such as `film: a.mp4`.")
    try:
        plain: dict[str, Any] = _without_nothing(content, _DEEPEST)
    except ValueError as error:
        raise _bad(where, reason, f"is nested more than {_DEEPEST} levels deep.") from error
    return plain


class _Loader(yaml.SafeLoader):
    """A safe loader without aliases, repeated keys and the implicit types of YAML 1.1."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            what = "aliases such as *name are not allowed"
            raise yaml.MarkedYAMLError(None, None, what, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(None, None, "a key must be a text", key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        # Keys are texts, whatever they look like: a stem may be named 7.
        values = {key.value: self.construct_object(value, True) for key, value in node.value}
        return dict(values)

    def construct_yaml_map(self, node: yaml.MappingNode) -> Any:
        return self.construct_mapping(node)


_Loader.yaml_implicit_resolvers = {}  # those of the base class are of YAML 1.1
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_yaml_map)
for _tag, _pattern, _starts in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _starts
    )


def _decimal_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(node.value)  # YAML 1.1 reads 010 as 8


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal_int)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the key {name!r} stands twice")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


_JSON: dict[str, Any] = {"object_pairs_hook": _unique, "parse_constant": _no_number}


def _is_json(text: str) -> bool:
    return text.lstrip().startswith("{")  # indented with tabs, it is not YAML


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise BadInputError(
            "there is no such file.", reason=Reason.NOT_FOUND, where=str(path)
        ) from error
    except OSError as error:
        raise BadInputError(
            f"cannot be read: {error.strerror}.", reason=Reason.UNREADABLE, where=str(path)
        ) from error


def _text(data: bytes, where: str, reason: Reason) -> str:
    if len(data) > LARGEST:
        raise BadInputError(
            f"has more than {LARGEST} bytes.",
            reason=Reason.OVER_LIMIT,
            where=where,
            remedy="Name a title specification, as `mytalk title init` writes it.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(where, reason, "is not UTF-8 text.", "Save it as UTF-8.") from error


def _without_nothing(value: Any, levels: int) -> Any:
    if not levels:
        raise ValueError
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if each is not None}
        return {key: _without_nothing(each, levels - 1) for key, each in kept.items()}
    if isinstance(value, list):
        return [_without_nothing(each, levels - 1) for each in value]
    return value


def _syntax(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{error.problem or error.context}."


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _bad(where: str, reason: Reason, what: str, remedy: str = "") -> BadInputError:
    return BadInputError(what, reason=reason, where=where, remedy=remedy)
