"""What titles and stages need of a machine, and how many workers a cluster has room for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipelines.actor_pool import Shape
from pipelines.resources import Machine, Resources, available

# Stages that report every frame. Others read whole films and sounds without a heartbeat.
_STEADY = ("observe", "draw", "look", "move")


# Runs the graph of a title, joins its pieces and checks its film. It waits for others most of the
# time. Together with one that makes artifacts it takes one CPU, so that a machine with a single one
# runs both.
CONDUCTOR = Resources(cpus=0.1, memory_bytes=900_000_000, stall_seconds=1800.0)
# Makes artifacts of all stages, on one thread. Its memory is the largest of any stage.
MAKER = Resources(cpus=0.9, gpus=0.25, memory_bytes=2_500_000_000, stall_seconds=1800.0)


@dataclass(frozen=True)
class RunNeeds:
    """Needs of the workers of a run over a catalogue."""

    conductor: Resources = CONDUCTOR
    maker: Resources = MAKER
    # Deadlines of single stages: seconds without progress. Loading models counts.
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_STEADY, 600.0))

    def stall_seconds(self, stage: str) -> float | None:
        """Return the seconds without progress after which a stage hangs; None: it never does."""
        return self.stages.get(stage, self.maker.stall_seconds)


def maker_shape(needs: RunNeeds, workers: int | None, machines: Sequence[Machine]) -> Shape:
    """Return the makers for the machines of a cluster, each beside a conductor.

    Args:
        workers: upper limit; None: as many as there is room for.
    """
    maker = _beside_conductor(available(needs.maker, machines), needs, machines)
    both = maker + available(needs.conductor, machines)
    room = sum(machine.room(both) for machine in machines)
    return Shape(max(1, min(workers or room, room)), maker)


def _beside_conductor(maker: Resources, needs: RunNeeds, machines: Sequence[Machine]) -> Resources:
    """Reserve no more memory than the largest machine has beside a conductor."""
    largest = max((machine.memory_bytes for machine in machines), default=math.inf)
    beside = max(largest - needs.conductor.memory_bytes, 0)
    return replace(maker, memory_bytes=int(min(maker.memory_bytes, beside)))


def conductor_shape(
    needs: RunNeeds, workers: int | None, titles: int, machines: Sequence[Machine]
) -> Shape:
    """Return the conductors, which are the titles in work at once: one for each maker.

    Args:
        titles: upper limit.
    """
    makers = maker_shape(needs, workers, machines).workers
    return Shape(max(1, min(makers, titles)), available(needs.conductor, machines))
