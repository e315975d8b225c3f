"""HTML pages and Markdown: templates, and what pages with a script share.

A page with a script is one file that needs nothing but itself, from disk and without a network. Its
script is named by its digest in the page's policy, so that nothing else runs in it, whatever the
texts of the page contain.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2


def page_template(
    package: str,
    name: str,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    escape: bool = True,
) -> jinja2.Template:
    """Load the template `name` of a package; undefined variables in it are errors.

    Args:
        package: such as "mytalk_core.footage".
        filters: functions for use in the template, by name.
        escape: whether values are escaped for HTML; False for Markdown.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, package_path=""),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters or {})
    return environment.get_template(name)


_SHARED_SCRIPTS = ("document", "grid")


def page_style(package: str, name: str) -> str:
    """Return the style sheet that pages share, followed by the one at `name` of a package."""
    return _file("mytalk_core.data", "page_files/base.css") + _file(package, name)


def page_script(package: str, names: Sequence[str]) -> str:
    """Return the scripts that pages share and those of a package, in a scope of their own."""
    shared = [_file("mytalk_core.data", f"page_files/{name}.js") for name in _SHARED_SCRIPTS]
    own = [_file(package, name) for name in names]
    body = "\n".join([*shared, *own])
    return f'"use strict";\n(() => {{\n{body}}})();\n'


def page_policy(script: str) -> str:
    """Return a content security policy: this script alone, and pictures and clips in the page."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; media-src data:; "
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def packed_values(values: Mapping[str, Any]) -> str:
    """Return JSON values as a page's script unpacks them: deflated, in base64."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")


def report_path(result: Path) -> Path:
    """Return the path of the report about a film or weights, beside them."""
    return result.with_name(f"{result.name}.report.html")


def _file(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
