"""The order of clips: each once in an epoch, by one process, restored from a position."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.clip_order import ClipOrder, ClipShare, epoch_order


def shards(*clips: int) -> np.ndarray:
    """Return the shard index of each clip, given the number of clips of each shard."""
    return np.repeat(np.arange(len(clips), dtype=np.int32), clips)


sets = st.lists(st.integers(1, 9), min_size=1, max_size=6).map(lambda sizes: shards(*sizes))
seeds = st.integers(0, 2**32)


@given(sets, seeds, st.integers(0, 50), st.integers(1, 7), st.integers(1, 40))
def test_processes_together_read_every_clip_once_an_epoch(shard, seed, epoch, world, reach):
    shares = [ClipShare(seed, rank, world) for rank in range(world)]
    parts = [epoch_order(shard, share, epoch, reach) for share in shares]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(shard)))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == [len(ClipOrder(shard, share, reach)) for share in shares]


@given(sets, seeds, st.integers(1, 40))
def test_a_clip_moves_by_fewer_positions_than_the_reach(shard, seed, reach):
    still = epoch_order(shard, ClipShare(seed), 0, reach=1).tolist()
    moved = epoch_order(shard, ClipShare(seed), 0, reach).tolist()
    assert all(abs(still.index(clip) - position) < reach for position, clip in enumerate(moved))


def test_shards_are_shuffled_and_read_one_after_the_other():
    shard = shards(*[5] * 20)
    order = shard[epoch_order(shard, ClipShare(), 0, reach=1)].reshape(20, 5)
    assert (order == order[:, :1]).all()
    assert order[:, 0].tolist() != sorted(order[:, 0])


def test_epochs_seeds_and_neighbours_differ():
    shard = shards(*[10] * 10)
    orders = [epoch_order(shard, ClipShare(seed), epoch, 30) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order.tolist()) for order in orders}) == 4
    steps = np.diff(orders[0])
    assert (steps == 1).mean() < 0.2  # neighbours in a shard are no longer neighbours


@given(sets, seeds, st.integers(1, 3), st.integers(0, 60))
def test_the_sequence_can_start_at_any_position(shard, seed, world, position):
    order = ClipOrder(shard, ClipShare(seed, 0, world), reach=4)
    whole = list(islice(order.starting_at(0), position + 20))
    assert list(islice(order.starting_at(position), 20)) == whole[position:]


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_sequence_is_endless_for_processes_with_smaller_shares(rank):
    order = ClipOrder(shards(4, 3), ClipShare(0, rank, 3), reach=2)
    assert len(list(islice(order.starting_at(0), 100))) == 100


def test_a_process_without_a_share_reads_nothing():
    order = ClipOrder(shards(2), ClipShare(0, 2, 3), reach=2)
    assert len(order) == 0
    assert list(order.starting_at(0)) == []
