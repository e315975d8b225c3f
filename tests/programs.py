"""Python programs that tests start, disturb and wait for."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE = 300.0  # seconds for a program on a busy machine


class Programs:
    """Programs of this tree. Each runs in a session of its own; its outputs are pipes."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start Python with arguments, and with variables beside those of this process."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End those that still run."""
        for process in self._started:
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a program; return its exit code and its messages."""
    _, messages = process.communicate(timeout=PATIENCE)
    return process.returncode, messages


def waited(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait for a condition; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(true)
