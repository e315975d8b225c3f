"""A worker pool on machines that lack models or are lost, and retries of tasks."""

import time
from collections.abc import Sequence
from functools import partial

import ray

from mytalk_core.errors import ErrorClass, ModelError, MytalkError, Reason, StorageError
from pipelines.actor_pool import ActorPool, PoolConfig, Shape, Task, settle_any
from pipelines.cluster import machines
from pipelines.resources import Machine, Resources


class Work:
    """The tasks of the workers."""

    def __init__(self, beat):
        self.failures = 0

    def where(self, number: int) -> tuple[int, str]:
        time.sleep(0.2)
        return number, ray.get_runtime_context().get_node_id()

    def lacks(self, machine: str) -> str:
        """Fail on one machine because a model is missing."""
        here = ray.get_runtime_context().get_node_id()
        if here == machine:
            raise ModelError("a model is gone.", reason=Reason.MODEL_MISSING)
        return here

    def fail_twice(self) -> str:
        self.failures += 1
        if self.failures < 3:
            raise StorageError("no answer.", reason=Reason.STORAGE_ERROR)
        return "stored"

    def fail(self, error: Exception) -> None:
        raise error


def healthy_but_on(machine: str, beat) -> Work:
    if ray.get_runtime_context().get_node_id() == machine:
        raise ModelError("no models here.", reason=Reason.MODEL_MISSING)
    return Work(beat)


def one_per_cpu(found: Sequence[Machine]) -> Shape:
    return Shape(max(1, sum(int(machine.cpus) for machine in found)), Resources(cpus=0.9))


def run(make, calls: list[tuple[str, tuple[object, ...]]]) -> list[object]:
    """The results of the calls, or the errors that ended them."""
    pool = ActorPool(make, one_per_cpu, PoolConfig(retry_seconds=(0.1, 0.1)))
    came: list[object] = []
    for what, arguments in calls:
        pool.add(Task(what, arguments, came.append, came.append))
    try:
        while pool.load:
            pool.start()
            settle_any([pool], 1.0)
    finally:
        pool.stop()
    return came


def test_work_of_a_machine_without_models_is_done_on_others(two_machines):
    sick, healthy = machines()
    given = run(partial(healthy_but_on, sick), [("where", (number,)) for number in range(6)])
    assert sorted(given) == [(number, healthy) for number in range(6)]

    given = run(Work, [("lacks", (sick,))] * 4)
    assert given == [healthy] * 4


def test_transient_errors_are_retried_and_others_end_only_their_task(two_machines):
    lasting = StorageError("no answer.", reason=Reason.STORAGE_ERROR)
    given = run(
        Work,
        [("fail", (lasting,)), ("fail", (KeyError("k"),)), ("where", (1,))],
    )
    errors = [each for each in given if isinstance(each, MytalkError)]
    assert {(error.reason, error.error_class) for error in errors} == {
        (Reason.STORAGE_ERROR, ErrorClass.TRANSIENT),
        (Reason.INTERNAL, ErrorClass.BUG),
    }
    assert len(given) == 3
    one_worker = partial(ActorPool, Work, lambda found: Shape(1, Resources(cpus=0.9)))
    pool, came = one_worker(PoolConfig(retry_seconds=(0.1, 0.1))), []
    pool.add(Task("fail_twice", (), came.append, came.append))
    while pool.load:
        pool.start()
        settle_any([pool], 1.0)
    pool.stop()
    assert came == ["stored"]
