"""Neighbouring stretches inform each other: people speak in turns longer than a stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.spoken_stretches import Stretch

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TurnConfig:
    """Log odds that the speaker of a stretch goes on in the next one."""

    # Across a cut of the picture, without a pause or a change of the voice.
    continued: float = 2.5
    # After a short pause.
    paused: float = 0.5
    # After a short pause, where one of the two is too short to be judged by itself.
    brief: float = 1.2
    # Seconds of a short pause, and of a brief stretch.
    pause: Fraction = Fraction(1)
    brief_seconds: Fraction = Fraction(3, 5)


def bonus(before: Stretch, after: Stretch, config: TurnConfig) -> float:
    """Return the log odds that two consecutive stretches have one speaker."""
    if after.continues:
        return config.continued
    if after.interval.start - before.interval.end >= config.pause:
        return 0.0
    shorter = min(before.interval.length, after.interval.length)
    return config.brief if shorter < config.brief_seconds else config.paused


def smoothed(log_odds: Floats, bonuses: Sequence[float], same: NDArray[np.bool_]) -> Floats:
    """Return the probabilities of all states, (S, H), given the whole film.

    Rabiner 1989, "A tutorial on hidden Markov models", equations 19 to 27, with unnormalised
    log transitions: the bonus between states of the same speaker, 0 between others.

    Args:
        log_odds: (S, H) of each state in each stretch; -inf where it is impossible.
        bonuses: (S - 1,) from `bonus`.
        same: (H, H) whether two states are of one speaker.
    """
    steps = [np.where(same, each, 0.0) for each in bonuses]
    forward, backward = log_odds.copy(), np.zeros_like(log_odds)
    for number, step in enumerate(steps):
        forward[number + 1] += _total(forward[number][:, None] + step, axis=0)
    for number in range(len(steps) - 1, -1, -1):
        after = log_odds[number + 1] + backward[number + 1]
        backward[number] = _total(after[None] + steps[number], axis=1)
    joint = forward + backward
    shares: Floats = np.exp(joint - _total(joint, axis=1)[:, None])
    return shares


def _total(values: Floats, axis: int) -> Floats:
    total: Floats = np.logaddexp.reduce(values, axis=axis)
    return total
