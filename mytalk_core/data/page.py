"""Jinja templates of HTML pages and Markdown, stored beside the modules that fill them."""

from collections.abc import Callable, Mapping
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


def report_path(result: Path) -> Path:
    """Return the path of the report about a film or weights, beside them."""
    return result.with_name(f"{result.name}.report.html")
