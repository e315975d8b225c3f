"""Processor time of a worker."""

import resource
import time


def processor_seconds() -> float:
    """Return the processor time of this process and of the programs that it has run."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
