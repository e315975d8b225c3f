"""Which few of many samples to show: the best, the middle one and the worst."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Scored(Protocol):
    """What has a score; more is better."""

    @property
    def score(self) -> float:
        """Finite."""


Sample = TypeVar("Sample", bound=Scored)


def best_median_worst(samples: Sequence[Sample]) -> dict[str, Sample]:
    """By what each is, at least one; no sample is there twice, so of one there is only the best."""
    ranked = sorted(samples, key=lambda sample: -sample.score)
    shown: dict[int, str] = {}
    for name, place in (("best", 0), ("worst", len(ranked) - 1), ("median", len(ranked) // 2)):
        shown.setdefault(place, name)
    return {name: ranked[place] for place, name in sorted(shown.items())}
