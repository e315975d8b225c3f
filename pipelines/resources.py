"""CPUs, GPUs and memory: what a worker of a stage needs, and what a machine has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Resources:
    """Needs of one worker of a stage, declared beside the stage."""

    cpus: float
    """CPUs to reserve; a whole number is also the threads that the worker computes with."""

    gpus: float = 0.0
    """Share of a GPU, where machines have any; 0: the worker sees none."""

    memory_bytes: int = 0
    """Memory to reserve: the largest resident size measured; 0: not reserved."""

    stall_seconds: float | None = None
    """Time without progress after which a worker is replaced; None: it is never."""

    def __add__(self, other: "Resources") -> "Resources":
        """Return what two workers need on one machine."""
        return Resources(
            self.cpus + other.cpus, self.gpus + other.gpus, self.memory_bytes + other.memory_bytes
        )

    def actor_options(self) -> dict[str, float]:
        """Return the options of a Ray actor that reserve them."""
        options = {"num_cpus": self.cpus}
        if self.gpus:
            options["num_gpus"] = self.gpus
        if self.memory_bytes:
            options["memory"] = self.memory_bytes
        return options


@dataclass(frozen=True)
class Machine:
    """What a machine of the cluster offers."""

    cpus: float
    gpus: float = 0.0
    memory_bytes: float = math.inf

    def room(self, resources: Resources) -> int:
        """Return how many workers the machine can hold at once."""
        pairs = (
            (self.cpus, resources.cpus),
            (self.gpus, resources.gpus),
            (self.memory_bytes, resources.memory_bytes),
        )
        return int(min(has / needs for has, needs in pairs if needs))


def available(resources: Resources, machines: Sequence[Machine]) -> Resources:
    """Return the part of what a worker needs that some machine of the cluster can give.

    Without a GPU anywhere the worker runs on CPUs. With GPUs on some machines, the others receive
    no worker of the stage, as in training. Where no machine has the declared memory, that of the
    largest one is reserved, as a worker that is never placed would wait forever.
    """
    memory = max((machine.memory_bytes for machine in machines), default=math.inf)
    return replace(
        resources,
        gpus=resources.gpus if any(machine.gpus for machine in machines) else 0.0,
        memory_bytes=int(min(resources.memory_bytes, memory)),
    )
