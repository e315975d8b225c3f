from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from jobs.options import with_options

Level = Annotated[int, typer.Option(help="Help that an annotation brings.")]


@dataclass(frozen=True)
class CopyOptions:
    """What the command takes."""

    source: Annotated[Path, typer.Argument(show_default=False)]
    """The file
    that is read."""

    names: Annotated[list[str] | None, typer.Option("--name")] = None
    """Names, given several times."""

    fast: Annotated[bool, typer.Option("--fast")] = False

    level: Level = 3
    """Not the help text."""

    label: str = ""
    """Name of the copy."""


def command_line(seen: list[CopyOptions]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_options
    def copy(options: CopyOptions) -> None:
        """Copy a file."""
        seen.append(options)

    return app


def test_a_command_receives_its_options_as_one_value() -> None:
    seen: list[CopyOptions] = []
    line = ["a.mp4", "--name", "x", "--name", "y", "--fast", "--level", "5", "--label", "z"]
    assert CliRunner().invoke(command_line(seen), line).exit_code == 0
    assert seen == [CopyOptions(Path("a.mp4"), ["x", "y"], True, 5, "z")]


def test_defaults_are_those_of_the_dataclass() -> None:
    seen: list[CopyOptions] = []
    assert CliRunner().invoke(command_line(seen), ["a.mp4"]).exit_code == 0
    assert seen == [CopyOptions(Path("a.mp4"))]


def test_a_required_field_is_a_required_argument() -> None:
    assert CliRunner().invoke(command_line([]), []).exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "Copy a file.",
        "The file that is read.",
        "Names, given several times.",
        "Help that an annotation brings.",
        "Name of the copy.",
    ],
)
def test_help_is_the_text_below_each_field(text: str) -> None:
    shown = CliRunner().invoke(command_line([]), ["--help"], env={"COLUMNS": "200"}).output
    assert text in " ".join(shown.split())


def test_help_of_an_annotation_has_precedence() -> None:
    shown = CliRunner().invoke(command_line([]), ["--help"]).output
    assert "Not the help text" not in shown
