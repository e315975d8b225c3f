"""Commands whose options are one frozen dataclass."""

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.models import ParameterInfo

from mytalk_core.errors import BadInputError, Reason

_Options = TypeVar("_Options")

# A URL that was made a path, which folds slashes.
_FOLDED_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)(.*)", re.DOTALL)


def with_options(command: Callable[[_Options], None]) -> Callable[..., None]:
    """Give a command of one argument, a dataclass, the flat signature that Typer reads.

    Each field is a parameter of the command line, in the order of the class: `Annotated[type,
    typer.Option(...)]`, or typer.Argument; a plain type is an option. The string below a field is
    its help text, unless its annotation has one. A field of type Path is a file of this machine: a
    path or a file:// URL.

    Raises (when the command is called):
        BadInputError: BAD_CONFIGURATION where such a field is given another URL.
    """
    (parameter,) = inspect.signature(command, eval_str=True).parameters.values()
    options = parameter.annotation

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        command(options(**{name: _local(value) for name, value in values.items()}))

    parameters = _parameters(options)
    # Typer reads defaults from the signature and types from the annotations.
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {each.name: each.annotation for each in parameters}
    return flat


def _local(value: Any) -> Any:
    """Convert file:// URLs among paths to paths; other values are returned as they are."""
    if isinstance(value, list):
        return [_local(each) for each in value]
    url = _FOLDED_URL.match(str(value)) if isinstance(value, Path) else None
    if url is None:
        return value
    scheme, rest = url.groups()
    if scheme.lower() == "file":
        return Path("/", rest)
    raise BadInputError(
        "is a URL, but only files and folders of this machine are accepted here.",
        reason=Reason.BAD_CONFIGURATION,
        where=f"{scheme}://{rest}",
        remedy="Copy it to this machine, or give a path.",
    )


def _parameters(options: Any) -> list[inspect.Parameter]:
    """The fields of a dataclass as keyword parameters."""
    types, texts = get_type_hints(options, include_extras=True), _field_texts(options)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=_with_help(types[field.name], texts.get(field.name)),
        )
        for field in fields(options)
    ]


def _with_help(annotation: Any, text: str | None) -> Any:
    """The annotation with `text` as the help of its option or argument, where that has none."""
    if get_origin(annotation) is not Annotated:
        return Annotated[annotation, typer.Option(help=text)]
    base, *extras = get_args(annotation)
    return Annotated[(base, *(_helped(each, text) for each in extras))]


def _helped(extra: Any, text: str | None) -> Any:
    if not isinstance(extra, ParameterInfo) or extra.help is not None:
        return extra
    own = copy(extra)  # an annotation may be shared between commands
    own.help = text
    return own


def _field_texts(options: type) -> dict[str, str]:
    """The strings below the fields of a class."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(options))).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for above, below in zip(definition.body, definition.body[1:], strict=False):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = " ".join(text.split())
    return texts
