"""Options of batch scripts: to a shell they are comments, so nothing else would find an error."""

import re
from collections.abc import Iterator
from pathlib import Path

# Options of `sbatch` that a script may need, with the form of their values.
_TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d\d(:\d\d){0,2}")
_OPTIONS = {
    "account": re.compile(r"\S+"),
    "constraint": re.compile(r"\S+"),
    "cpus-per-task": re.compile(r"\d+"),
    "dependency": re.compile(r"singleton|after\w*:\d+(:\d+)*"),
    "exclusive": re.compile(r"|user|mcs"),
    "gpus-per-node": re.compile(r"(\w+:)?\d+"),
    "job-name": re.compile(r"\S+"),
    "mem": re.compile(r"\d+[KMGT]?"),
    "nodes": re.compile(r"\d+(-\d+)?"),
    "ntasks-per-node": re.compile(r"\d+"),
    "output": re.compile(r"\S+"),
    "partition": re.compile(r"\S+"),
    "requeue": re.compile(r""),
    "signal": re.compile(r"([RB]:)?(TERM|INT|USR1|USR2)@\d+"),
    "time": _TIME,
}


def option_problems(path: Path) -> Iterator[str]:
    """Yield the options of a batch script that `sbatch` would refuse, or not see."""
    commands_began = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line.startswith("#SBATCH"):
            commands_began |= bool(line.strip()) and not line.startswith("#")
            continue
        if commands_began:
            yield f"{where}: sbatch reads no options below the first command"
        name, _, value = line.removeprefix("#SBATCH").strip().removeprefix("--").partition("=")
        form = _OPTIONS.get(name)
        if form is None:
            yield f"{where}: sbatch has no option --{name}, or it is not listed in {__name__}"
        elif not form.fullmatch(value):
            yield f"{where}: {value!r} is no value of --{name}"
