"""Assignment of faces at the least total cost, with excluded pairs."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.faces.association import cheapest_pairs, displacement
from mytalk_core.faces.landmark_scheme import IBUG68

costs = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(
            st.one_of(st.integers(0, 50), st.just(np.inf)), min_size=columns, max_size=columns
        ),
        min_size=1,
        max_size=4,
    )
)


@given(costs)
def test_the_largest_number_of_pairs_is_found_at_the_least_cost(rows: list[list[float]]) -> None:
    cost = np.array(rows, float)
    pairs = cheapest_pairs(cost)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    wide = cost if cost.shape[0] <= cost.shape[1] else cost.T
    tries = []
    for columns in permutations(range(wide.shape[1]), wide.shape[0]):
        values = wide[np.arange(len(columns)), columns]
        tries.append((-np.isfinite(values).sum(), values[np.isfinite(values)].sum()))
    assert min(tries) == (-len(pairs), sum(cost[pair] for pair in pairs))


def test_without_faces_there_are_no_pairs() -> None:
    assert cheapest_pairs(np.zeros((0, 3))) == cheapest_pairs(np.zeros((2, 0))) == []


def test_displacement_is_in_face_heights() -> None:
    face = np.random.default_rng(0).uniform(0, 80, (68, 3)).astype(np.float32)
    face[:2, 1] = 0, 80
    moved = face + np.array([24, 32, 1000], np.float32)
    assert displacement(face, moved, IBUG68) == pytest.approx(40 / 80)
