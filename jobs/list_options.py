"""Options of commands that take lists: what lists may name."""

from typing import Annotated

import typer

AllowRoot = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-root",
        metavar="FOLDER",
        help="Lists may name local files below this folder and their own, and no others; may be"
        " given several times.",
    ),
]
AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private-addresses",
        help="Lists may name http(s) addresses of this machine and its networks.",
    ),
]
