"""Stretches inform their neighbours."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.films.spoken_stretches import Stretch
from mytalk_core.films.turns import TurnConfig, bonus, smoothed
from tests.mytalk_core.films.speaker_films import interval


def test_bonuses_by_what_is_between_two_stretches() -> None:
    config = TurnConfig()
    first = Stretch(interval(0, 2), False)
    assert bonus(first, Stretch(interval(2, 4), True), config) == config.continued
    assert bonus(first, Stretch(interval(2.4, 4), False), config) == config.paused
    assert bonus(first, Stretch(interval(2.4, 2.8), False), config) == config.brief
    assert bonus(first, Stretch(interval(3, 4), False), config) == 0


@given(
    odds=st.lists(st.tuples(*[st.floats(-4, 4)] * 3), min_size=1, max_size=4),
    bonuses=st.lists(st.floats(0, 3), min_size=3, max_size=3),
)
def test_probabilities_equal_those_over_all_sequences(
    odds: list[tuple[float, float, float]], bonuses: list[float]
) -> None:
    same = np.array([[True, True, False], [True, True, False], [False, False, True]])
    local, used = np.array(odds), bonuses[: len(odds) - 1]
    expected = np.zeros_like(local)
    for states in product(range(3), repeat=len(odds)):
        weight = sum(local[k, state] for k, state in enumerate(states))
        weight += sum(
            each for each, a, b in zip(used, states, states[1:], strict=False) if same[a, b]
        )
        for k, state in enumerate(states):
            expected[k, state] += np.exp(weight)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(smoothed(local, used, same), expected, atol=1e-9)


def test_impossible_states_stay_impossible() -> None:
    local = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    shares = smoothed(local, [2.0], np.eye(2, dtype=bool))
    np.testing.assert_allclose(shares, np.eye(2))
