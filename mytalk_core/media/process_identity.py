"""Identify this process in a form that another process can check later."""

import os
import socket
from contextlib import suppress
from pathlib import Path


def this_process() -> str:
    """Return a text that tells people which process this is, such as "process 7 on node3"."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def machine() -> str:
    """Return an identity of this boot and of this process namespace, which containers have.

    Empty where it cannot be determined.
    """
    with suppress(OSError):
        return f"{boot()} {os.readlink('/proc/self/ns/pid')}"
    return ""


def boot() -> str:
    """Return an identity of this boot of the machine; empty where it cannot be determined."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def process_start(process: int) -> str:
    """Return a process's start time in ticks since boot; empty where it does not run."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
