"""The container image: unprivileged, with the program and nothing else of the clone.

The image is not built; the Dockerfile and .dockerignore are read.
"""

import shlex
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "infra" / "container" / "Dockerfile"

KEPT_OUT = (
    *(".git", ".git/config", ".git/objects/ab/cdef", ".gitignore"),
    *(".venv", ".venv/bin/python", ".venv.lock", "shared", "shared/data/grid/s1/a.mpg"),
    *("tests/conftest.py", "tests/mytalk_core/media/test_output.py", "demo/film.mp4", "runs/1"),
    *("mytalk_core/__pycache__/errors.cpython-311.pyc", ".mypy_cache/x", "jobs/.ruff_cache/y"),
    *("mytalk.egg-info/PKG-INFO", "run.log", ".env", "jobs/.env.local", ".dockerignore"),
    *("docs/architecture.md", ".ci/run", "Makefile", "infra/terraform/main.tf"),
    *("infra/terraform/terraform.tfstate", "studio.tfvars", "key.pem", "mytalk-7/node.jsonl"),
)
NEEDED = (
    *("pyproject.toml", "constraints.txt", "README.md", "LICENSE"),
    *("jobs/app.py", "pipelines/dub.py", "mytalk_core/errors.py"),
    *("mytalk_core/weights/motion.safetensors", "mytalk_core/dubbing/title_report/page/main.js"),
)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments, in order."""
    lines = [
        line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    text = "\n".join(lines).replace("\\\n", " ")
    parts = (line.strip().partition(" ") for line in text.splitlines() if line.strip())
    return [(name.upper(), arguments.strip()) for name, _, arguments in parts]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file, or a folder above it, out of the image."""
    patterns = [
        line.strip().strip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert not any(pattern.startswith("!") for pattern in patterns)  # not supported by this reader
    parts = path.split("/")
    places = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return any(_matches(place, pattern) for place in places for pattern in patterns)


def _matches(place: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        parts = place.split("/")
        rests = ("/".join(parts[first:]) for first in range(len(parts)))
        return any(_matches(rest, pattern.removeprefix("**/")) for rest in rests)
    names, target = place.split("/"), pattern.split("/")
    return len(names) == len(target) and all(map(fnmatchcase, names, target))


def environment() -> dict[str, str]:
    pairs = (
        pair.partition("=")
        for name, arguments in instructions()
        if name == "ENV"
        for pair in shlex.split(arguments)
    )
    return {key: value for key, _, value in pairs}


def test_it_runs_as_an_unprivileged_user() -> None:
    found = instructions()
    users = [arguments for name, arguments in found if name == "USER"]
    user, _, group = users[-1].partition(":")
    assert user.isdecimal() and int(user) > 0  # a name could be root's in another image
    assert group.isdecimal() and int(group) > 0
    last = max(number for number, (name, _) in enumerate(found) if name == "USER")
    assert not {name for name, _ in found[last:]} & {"RUN", "COPY", "ADD"}
    assert found[-2][0] == "ENTRYPOINT"


def test_it_is_built_for_a_device_that_is_given() -> None:
    devices = [arguments for name, arguments in instructions() if name == "ARG"]
    assert devices == ["DEVICE=cpu"]
    (chosen,) = [run for name, run in instructions() if name == "RUN" and "case" in run]
    assert "download.pytorch.org/whl/cpu" in chosen
    assert "exit 2" in chosen  # another device is refused


def test_dependencies_are_pinned_and_without_those_of_development() -> None:
    runs = [arguments for name, arguments in instructions() if name == "RUN"]
    (dependencies,) = [run for run in runs if "--requirement requirements.txt" in run]
    assert dependencies.count("pip install") == dependencies.count("--constraint constraints.txt")
    assert "['dependencies']" in dependencies and "dev" not in dependencies


def test_it_writes_to_its_volume_and_temporary_files_only() -> None:
    given = environment()
    (volume,) = [arguments for name, arguments in instructions() if name == "VOLUME"]
    assert given["MYTALK_CACHE"] == volume
    made = [arguments for name, arguments in instructions() if name == "RUN"]
    assert any(f"--mode 1777 {volume}" in arguments for arguments in made)
    assert given["PYTHONDONTWRITEBYTECODE"] == "1"
    for variable in ("HOME", "MPLCONFIGDIR"):
        assert given[variable].startswith("/tmp")


@pytest.mark.parametrize("path", KEPT_OUT)
def test_it_contains_no_history_environment_data_or_tests(path: str) -> None:
    assert ignored(path)


@pytest.mark.parametrize("path", NEEDED)
def test_it_contains_the_files_of_the_program(path: str) -> None:
    assert (ROOT / path).is_file()
    assert not ignored(path)


def test_only_known_entries_of_the_clone_are_copied() -> None:
    """Every top-level entry that is copied is named here, so no secret or data is copied unseen."""
    known = {"jobs", "pipelines", "mytalk_core", *NEEDED}
    tracked = {path.split("/")[0] for path in _tracked()}
    assert {name for name in tracked if not ignored(name)} <= known


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a clone")
    return listed.stdout.splitlines()
