import pytest

from pipelines.preprocess import EXTRACTOR, PLANNER, extraction_shape, planning_shape
from pipelines.resources import Machine, Resources, available
from pipelines.stage_needs import MAKER, RunNeeds, conductor_shape, maker_shape

GB = 10**9


@pytest.mark.parametrize(
    ("machine", "workers"),
    [
        (Machine(2.0), 2),
        (Machine(2.0, memory_bytes=5 * GB), 1),
        (Machine(1.0, memory_bytes=1 * GB), 0),
        (Machine(16.0, gpus=1.0), 17),
    ],
)
def test_a_machine_has_room_for_what_fits_in_every_kind(machine: Machine, workers: int) -> None:
    assert machine.room(Resources(cpus=0.9, memory_bytes=3 * GB)) == workers


def test_a_share_of_a_gpu_limits_the_workers_of_a_machine() -> None:
    assert Machine(16.0, gpus=2.0).room(Resources(cpus=1.0, gpus=0.25)) == 8


def test_gpus_are_reserved_only_where_the_cluster_has_them() -> None:
    needs = Resources(cpus=1.0, gpus=0.25)
    assert available(needs, [Machine(8.0)]).gpus == 0
    assert available(needs, [Machine(8.0), Machine(8.0, gpus=1.0)]).gpus == 0.25
    assert available(needs, []).gpus == 0


def test_no_more_memory_is_reserved_than_the_largest_machine_has() -> None:
    needs = Resources(cpus=1.0, memory_bytes=3 * GB)
    small = [Machine(2.0, memory_bytes=1 * GB), Machine(2.0, memory_bytes=2 * GB)]
    assert available(needs, small).memory_bytes == 2 * GB
    assert available(needs, []).memory_bytes == 3 * GB


def test_actor_options_name_only_what_is_reserved() -> None:
    assert Resources(cpus=0.5).actor_options() == {"num_cpus": 0.5}
    assert Resources(1.0, 0.25, GB).actor_options() == {
        "num_cpus": 1.0,
        "num_gpus": 0.25,
        "memory": GB,
    }


def test_a_planner_and_an_extractor_share_one_cpu() -> None:
    assert PLANNER.cpus + EXTRACTOR.cpus == 1.0
    machines = [Machine(1.0, memory_bytes=8 * GB), Machine(3.0, memory_bytes=8 * GB)]
    assert extraction_shape(machines).workers == 4
    assert planning_shape(machines).workers == 1


def test_dubbing_takes_machines_with_gpus_where_there_are_any() -> None:
    machines = [Machine(32.0), Machine(8.0, gpus=2.0)]
    shape = maker_shape(RunNeeds(), None, machines)
    assert shape.workers == 8
    assert shape.resources.gpus == MAKER.gpus


@pytest.mark.parametrize(
    ("machines", "workers", "titles", "makers", "conductors"),
    [
        ([Machine(2.0)], None, 9, 2, 2),
        ([Machine(2.0)], None, 1, 2, 1),  # one title has all machines
        ([Machine(1.0)] * 10, None, 99, 10, 10),
        ([Machine(64.0), Machine(2.0)], 2, 9, 2, 2),
        ([], None, 5, 1, 1),  # a cluster without machines yet
        ([Machine(8.0, memory_bytes=7 * GB)], None, 9, 2, 2),
    ],
)
def test_a_maker_has_a_conductor_beside_it(machines, workers, titles, makers, conductors) -> None:
    assert maker_shape(RunNeeds(), workers, machines).workers == makers
    assert conductor_shape(RunNeeds(), workers, titles, machines).workers == conductors


def test_a_small_machine_has_room_for_a_maker_and_a_conductor() -> None:
    machine = Machine(2.0, memory_bytes=2 * GB)
    maker = maker_shape(RunNeeds(), None, [machine]).resources
    conductor = conductor_shape(RunNeeds(), None, 1, [machine]).resources
    assert machine.room(maker + conductor) == 1
