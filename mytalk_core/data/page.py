"""Pages and texts for people: the templates that stand beside the modules that fill them."""

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
    """The template `name` of a package of ours; a name that it lacks is an error, not a blank.

    Args:
        package: such as "mytalk_core.footage".
        filters: functions that the template calls by name.
        escape: whether values are made safe for HTML; not for Markdown.
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
    """Where the page about a film or about weights stands: beside them."""
    return result.with_name(f"{result.name}.report.html")
