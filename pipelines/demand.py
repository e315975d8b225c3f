"""Requests for machines to the autoscaler of a cluster, where it has one.

A pool starts no more workers than the present machines have room for, so none waits for a machine.
An autoscaler counts those that wait, and would never start a second machine by itself.
"""

from ray.autoscaler.sdk import request_resources

from pipelines.resources import Resources

# The autoscaler packs workers one by one, and stops at the limits of the cluster anyway.
_MOST_WORKERS = 1_000


class Demand:
    """Workers for which a cluster should have machines. Call `end` when none are needed.

    Without an autoscaler requests have no effect.
    """

    def __init__(self) -> None:
        self._requested: list[dict[str, float]] = []

    def request(self, needs: Resources, workers: int) -> None:
        """Request machines with room for so many workers; repeating a request costs nothing."""
        bundle = {"CPU": needs.cpus}
        if needs.gpus:
            bundle["GPU"] = needs.gpus
        if needs.memory_bytes:
            bundle["memory"] = needs.memory_bytes
        self._set([bundle] * min(workers, _MOST_WORKERS))

    def end(self) -> None:
        """Let the cluster give up machines that are idle."""
        self._set([])

    def _set(self, bundles: list[dict[str, float]]) -> None:
        if bundles != self._requested:
            request_resources(bundles=bundles)
            self._requested = bundles
