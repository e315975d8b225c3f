"""`mytalk models`: list, fetch and verify models."""

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from jobs.console import EXIT_SOME_FAILED, note, progress, result
from mytalk_core.data.model_store import (
    MODELS,
    REQUIRED,
    ModelSpec,
    ModelState,
    download_size,
    model,
    model_folder,
    pull,
    state,
    verify,
)

models = typer.Typer(no_args_is_help=True, help="List, fetch and verify models.")

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", show_default=False)]


@models.command("list")
def list_models() -> None:
    """List every known model, its state on this machine and its licence.

    \b
    mytalk models list
    mytalk --json models list
    """
    table = Table(box=box.SIMPLE)
    for heading in ("model", "state", "size", "licence"):
        table.add_column(heading, no_wrap=True)
    table.add_column("purpose")
    for spec in MODELS:
        size = sum(file.size for file in spec.files)
        shown = f"{size / 1e6:.1f} MB" if size else "?"
        table.add_row(spec.name, state(spec), shown, spec.licence, spec.purpose)
    result({"models": [_described(spec) for spec in MODELS]}, table)


@models.command("pull")
def pull_models(names: Names = None) -> None:
    """Fetch models into the local cache and verify them; the required ones by default.

    \b
    mytalk models pull
    mytalk models pull face-embedding
    """
    specs = [model(name) for name in names or REQUIRED]
    total = sum(download_size(spec) for spec in specs)
    with progress("fetching models" if total else "checking models", total or None) as advance:
        paths = {spec.name: pull(spec.name, advance) for spec in specs}
    lines = "\n".join(f"{name}: {path}" for name, path in paths.items())
    result({"models": {name: str(path) for name, path in paths.items()}}, lines)


@models.command("verify")
def verify_models(names: Names = None) -> None:
    """Verify the checksums of models on this machine; exit code 1 where one differs.

    \b
    mytalk models verify
    mytalk models verify whisper-base
    """
    specs = [model(name) for name in names] if names else list(MODELS)
    rows = []
    with progress("checking models", len(specs)) as advance:
        for spec in specs:
            found, problem = verify(spec)
            rows.append({"name": spec.name, "state": found.value, "problem": problem})
            advance(1)
    lines = "\n".join(f"{row['name']}: {row['state']} {row['problem']}".rstrip() for row in rows)
    result({"models": rows}, lines)
    if any(row["state"] == ModelState.CORRUPT for row in rows):
        note("Delete corrupt models and pull them again.")
        raise typer.Exit(EXIT_SOME_FAILED)


def _described(spec: ModelSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "version": spec.version,
        "state": state(spec).value,
        "licence": spec.licence,
        "purpose": spec.purpose,
        "folder": str(model_folder(spec)),
        "files": [
            {"name": file.name, "sha256": file.sha256, "size": file.size} for file in spec.files
        ],
    }
