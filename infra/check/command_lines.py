"""Command lines of `mytalk` and `ray`, parsed as the programs parse them."""

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import typer.main

from infra.check.documents import Document, pods
from jobs.app import app, hoisted
from mytalk_core.data.model_store import MODELS

# Stands for values that are known only when a script runs.
_VALUE = "value"
_MYTALK_IN_SCRIPT = re.compile(r"^\s*(?:[A-Z_]+=\S+\s+)*mytalk (.+?)(?:\s*&)?$")
# Options follow the command, or the text that each node runs.
_RAY_START_IN_SCRIPT = re.compile(r"""(?:\bray start|bash -c "\$node" node) ([^>']+)""")


def mytalk_problem(arguments: Sequence[str]) -> str:
    """Return why `mytalk` would refuse arguments; nothing where it would accept them.

    Commands and types, ranges and choices of options are checked, and models by name. The content
    of files and folders is not.
    """
    try:
        command, rest = _command(hoisted(list(arguments)))
    except (click.ClickException, typer._click.exceptions.ClickException) as error:
        return str(error.format_message())
    if command == "pull":
        known = {model.name for model in MODELS}
        return next((f"no model {name}" for name in rest if name not in known), "")
    return ""


def _command(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the last command of a command line, and the values of its arguments."""
    command: Any = typer.main.get_command(app)
    name, parent = "mytalk", None
    while True:
        context = command.make_context(name, arguments, parent=parent)
        if not hasattr(command, "commands"):
            return name, [*(context.params.get("names") or ())]
        rest = [*context._protected_args, *context.args]
        name, command, arguments = command.resolve_command(context, rest)
        parent = context


def ray_start_problem(arguments: Sequence[str]) -> str:
    """Return the first option that `ray start` does not have."""
    flags = (each.partition("=")[0] for each in arguments if each.startswith("--"))
    return next((f"ray start has no option {flag}" for flag in flags if flag not in _flags()), "")


@cache
def _flags() -> frozenset[str]:
    from ray.scripts.scripts import start

    options = (each for each in start.params)
    return frozenset(flag for each in options for flag in (*each.opts, *each.secondary_opts))


def manifest_problems(document: Document) -> Iterator[str]:
    """Yield the problems of commands that a document of Kubernetes runs."""
    for pod in pods(document):
        for container in pod.containers:
            if "/mytalk:" in container["image"] and "args" in container:
                problem = mytalk_problem(container["args"])
                yield from [f"{pod.where}: mytalk: {problem}"] if problem else []
    if document.kind == "RayJob":
        spec = document.content["spec"]
        program, *arguments = shlex.split(spec["entrypoint"])
        problem = mytalk_problem(arguments) if program == "mytalk" else f"runs {program}"
        yield from [f"{document}: entrypoint: {problem}"] if problem else []
        cluster = spec["rayClusterSpec"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            problem = ray_start_problem([f"--{name}" for name in group["rayStartParams"]])
            yield from [f"{document}: {problem}"] if problem else []


def script_problems(path: Path) -> Iterator[str]:
    """Yield the problems of commands in a batch script."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if found := _MYTALK_IN_SCRIPT.match(line):
            problem = mytalk_problem(_words(found[1]))
        elif found := _RAY_START_IN_SCRIPT.search(line):
            problem = ray_start_problem(_words(found[1]))
        else:
            continue
        if problem:
            yield f"{path.name}: {line.strip()}: {problem}"


def _words(text: str) -> list[str]:
    """The words of a line of a script, with values in place of variables."""
    words = shlex.split(re.sub(r"\$\{[^}]*\}|\$[@\w]+", _VALUE, text))
    return [word for word in words if word != "&"]
