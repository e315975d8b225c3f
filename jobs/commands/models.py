"""`mytalk models`: list, fetch and verify models."""

from collections.abc import Sequence
from pathlib import Path
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
from mytalk_core.speech.aligner_store import (
    ALIGNERS,
    AlignerSpec,
    aligner_path,
    aligner_spec,
    pull_aligner,
)

models = typer.Typer(no_args_is_help=True, help="List, fetch and verify models.")

_ALIGNS = "words with more exact times"

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", show_default=False)]


Languages = Annotated[
    list[str] | None,
    typer.Option("--aligner", metavar="TAG", show_default=False, help="Language of an aligner."),
]


@models.command("list")
def list_models() -> None:
    """List every known model, its state on this machine and its licence.

    Of the phonetic aligners, which give more exact word times, those on this machine are listed.

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
    aligners = {spec.language: aligner_path(spec) for spec in ALIGNERS.values()}
    for language, path in aligners.items():
        if path is not None:
            licence = ALIGNERS[language].licence
            table.add_row(f"aligner {language}", ModelState.PRESENT, "?", licence, _ALIGNS)
    absent = ", ".join(sorted(language for language, path in aligners.items() if path is None))
    table.add_row("aligners", ModelState.ABSENT, "?", "", f"pull them with --aligner: {absent}")
    document = {
        "models": [_described(spec) for spec in MODELS],
        "aligners": [_aligner(ALIGNERS[each], path) for each, path in aligners.items()],
    }
    result(document, table)


@models.command("pull")
def pull_models(names: Names = None, aligner: Languages = None) -> None:
    """Fetch models into the local cache and verify them; the required ones by default.

    A phonetic aligner of a language gives more exact word times than Whisper. Publishers state no
    checksum for it.

    \b
    mytalk models pull
    mytalk models pull face-embedding
    mytalk models pull --aligner de --aligner fr
    """
    wanted = [aligner_spec(language) for language in aligner or ()]
    specs = [model(name) for name in names or (() if wanted else REQUIRED)]
    total = sum(download_size(spec) for spec in specs)
    with progress("fetching models" if total else "checking models", total or None) as advance:
        paths = {spec.name: pull(spec.name, advance) for spec in specs}
    aligners = _pulled_aligners(wanted)
    shown = paths | {f"aligner {language}": path for language, path in aligners.items()}
    document = {
        "models": {name: str(path) for name, path in paths.items()},
        "aligners": {language: str(path) for language, path in aligners.items()},
    }
    result(document, "\n".join(f"{name}: {path}" for name, path in shown.items()))


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


def _pulled_aligners(specs: Sequence[AlignerSpec]) -> dict[str, Path]:
    """Fetch aligners; return their paths by language."""
    if not specs:
        return {}
    paths = {}
    with progress("fetching aligners", len(specs)) as advance:
        for spec in specs:
            paths[spec.language] = pull_aligner(spec)
            advance(1)
    return paths


def _aligner(spec: AlignerSpec, path: Path | None) -> dict[str, object]:
    return {
        "language": spec.language,
        "state": ModelState.ABSENT if path is None else ModelState.PRESENT,
        "licence": spec.licence,
        "source": spec.url,
        "path": None if path is None else str(path),
    }


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
