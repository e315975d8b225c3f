"""Keeps processes of one machine, or a worker of Beam, from the files of others.

Python runs this module when it starts, where its folder is in PYTHONPATH. LONE_FROM is a folder
below which a process opens files of its own only. LONE_FOLDER is that of the processes of a
machine. A worker of Beam makes one in LONE_PROCESSES, and writes nowhere else.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _isolate(own: Path, writes_elsewhere: bool) -> None:
    others = Path(os.environ["LONE_FROM"])

    def check(event: str, given: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(given[0], str | bytes | os.PathLike):
            return
        path = Path(os.path.abspath(os.fsdecode(given[0])))
        writing = given[2] & _WRITING and path.parts[1] != "dev"
        refused = path.is_relative_to(others) or (writing and not writes_elsewhere)
        if refused and not path.is_relative_to(own):
            raise PermissionError(f"{path} is not of this process, whose folder is {own}")

    sys.addaudithook(check)


def _own_folder() -> Path:
    """A new folder, in which this process works."""
    own = Path(tempfile.mkdtemp(dir=os.environ["LONE_PROCESSES"]))
    os.chdir(own)
    os.environ["TMPDIR"] = tempfile.tempdir = str(own)
    return own


if "LONE_FOLDER" in os.environ:
    _isolate(Path(os.environ["LONE_FOLDER"]), writes_elsewhere=True)
elif "CONTROL_API_SERVICE_DESCRIPTOR" in os.environ:  # a worker of Beam
    _isolate(_own_folder(), writes_elsewhere=False)
