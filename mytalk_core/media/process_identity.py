"""Which process this is, in words that another process can check later."""

import os
from contextlib import suppress
from pathlib import Path


def machine() -> str:
    """Names this boot of this machine and this view of its processes, which containers divide.

    Empty where that cannot be known.
    """
    with suppress(OSError):
        return f"{boot()} {os.readlink('/proc/self/ns/pid')}"
    return ""


def boot() -> str:
    """Names this boot of this machine; empty where that cannot be known."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def process_start(process: int) -> str:
    """When a process started, in ticks since the machine did; empty where none runs."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
