"""Build the Python environment of this project: its dependencies at their exact versions.

Run with the standard library of Python 3.11 or 3.12, before there is an environment:

    python .ci/environment.py PATH     build it at PATH, or find it there
    python .ci/environment.py          the same at a path named by the pins; print that path

The project itself is not installed, so that clones with the same pins can share one environment;
they put themselves on PYTHONPATH. Two processes may run this at once: one builds, one waits.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"


def requirements() -> list[str]:
    """What pyproject.toml asks for, the tools of development included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def pins() -> str:
    """A name for this exact environment: the pins, the requirements and the Python version."""
    python = ".".join(str(part) for part in sys.version_info[:2])
    text = "\n".join([python, CONSTRAINTS.read_text(), *requirements()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shared_path() -> Path:
    """Outside any clone, named by the pins."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "mytalk" / "envs" / pins()


def build(path: Path) -> None:
    """Make the environment stand at `path`; at once where its stamp says that it does.

    An environment with another stamp is brought up to date. One that a killed run of this script
    left half built is built anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp, unfinished = path / ".mytalk-pins", path / ".mytalk-unfinished"
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == pins():
            return
        print(f"building the environment in {path} (some 8 GB, a few minutes)", file=sys.stderr)
        command = [sys.executable, "-m", "venv", *(["--clear"] if unfinished.exists() else [])]
        subprocess.run([*command, path], check=True)
        unfinished.touch()
        stamp.unlink(missing_ok=True)
        subprocess.run(
            [path / "bin/python", "-m", "pip", "install", "--quiet", "--constraint", CONSTRAINTS]
            + requirements(),
            stdout=sys.stderr,
            check=True,
        )
        stamp.write_text(pins())
        unfinished.unlink()


def main() -> int:
    if not (3, 11) <= sys.version_info < (3, 13):
        print("Python 3.11 or 3.12 is needed (make PYTHON=...).", file=sys.stderr)
        return 2
    path = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else shared_path()
    try:
        build(path)
    except subprocess.CalledProcessError as error:
        print(f"the environment could not be built: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
