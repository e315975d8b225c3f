"""Options of commands that read lists: which files and addresses a list may name."""

from typing import Annotated

import typer

AllowRoot = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-root",
        metavar="ROOT",
        help="Lists may name local files below this folder and their own only, or, for a URL such"
        " as s3://bucket/films, objects below it only; may be given several times.",
    ),
]
AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private-addresses",
        help="Lists may name http(s) addresses of this machine and of private networks.",
    ),
]
