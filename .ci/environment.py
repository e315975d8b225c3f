"""Build the Python environment of the project: its dependencies at pinned versions.

Requires Python 3.11 or 3.12 and the standard library only:

    python .ci/environment.py PATH     build or update the environment at PATH; print PATH
    python .ci/environment.py          the same at a path derived from the pins

The project itself is not installed: clones with the same pins share one environment and put
themselves on PYTHONPATH. Of two concurrent processes, one builds and the other waits.
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
    """Return the dependencies of pyproject.toml, including the `dev` extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def pins() -> str:
    """Return a hash of the Python version, constraints.txt and the requirements."""
    python = ".".join(str(part) for part in sys.version_info[:2])
    text = "\n".join([python, CONSTRAINTS.read_text(), *requirements()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shared_path() -> Path:
    """Return the path of the environment that clones with the same pins share."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "mytalk" / "envs" / pins()


def build(path: Path) -> None:
    """Build or update the environment at `path`; return at once if its stamp matches the pins.

    An environment with another stamp is updated. An unfinished one, from a build that was killed,
    is cleared and rebuilt.
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
        print("Python 3.11 or 3.12 is required (make PYTHON=...).", file=sys.stderr)
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
