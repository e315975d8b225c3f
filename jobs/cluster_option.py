"""The option of every command that runs on Ray."""

from typing import Annotated

import typer

Address = Annotated[
    str,
    typer.Option(
        "--address",
        show_default="$RAY_ADDRESS, else this machine alone",
        help="Ray cluster to use: host:port of its head, ray://host:port, auto for one that runs on"
        " this machine, or local for none.",
    ),
]
