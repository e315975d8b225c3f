"""Shards are bounded, even, and a function of the key."""

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.packing import plan_shards, shard_of, shuffle_place

keys = st.sets(st.text(max_size=12), max_size=200)
limits = st.integers(1, 40)


def shards(keys: set[str], limit: int) -> dict[int, list[str]]:
    places = {key: shuffle_place(key, seed=0) for key in keys}
    plan = plan_shards(places.values(), limit)
    packed: dict[int, list[str]] = {number: [] for number in range(len(plan))}
    for key, place in places.items():
        packed[shard_of(place, plan)].append(key)
    return packed


@given(keys, limits)
def test_every_clip_is_in_one_shard_and_no_shard_is_over_the_limit(
    keys: set[str], limit: int
) -> None:
    packed = shards(keys, limit)
    assert sorted(key for shard in packed.values() for key in shard) == sorted(keys)
    assert all(len(shard) <= limit for shard in packed.values())


@given(keys, limits)
def test_as_few_shards_as_possible_filled_evenly(keys: set[str], limit: int) -> None:
    sizes = [len(shard) for shard in shards(keys, limit).values()]
    assert len(sizes) == -(-len(keys) // limit)
    if sizes:
        assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.text(max_size=8), unique=True, max_size=100), limits)
def test_the_order_in_which_clips_arrive_does_not_matter(places: list[str], limit: int) -> None:
    assert plan_shards(places, limit) == plan_shards(reversed(places), limit)


def test_the_shuffle_mixes_neighbours_and_depends_on_the_seed() -> None:
    keys = [f"title-{number:05d}" for number in range(300)]
    orders = [sorted(keys, key=lambda key: shuffle_place(key, seed)) for seed in (0, 1)]
    assert orders[0] != keys
    assert orders[0] != orders[1]
    first_shard = orders[0][:100]
    assert 20 < sum(key < "title-00150" for key in first_shard) < 80


def test_places_are_the_same_in_every_process_and_release() -> None:
    assert shuffle_place("s1_bbaf2n-00000-00-000", seed=0) == "b40539e2891907922c3383c91c148f3a"
