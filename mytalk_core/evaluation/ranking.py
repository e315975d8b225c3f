"""Selection of the best, the median and the worst of many samples."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Scored(Protocol):
    """An item with a score; more is better."""

    @property
    def score(self) -> float:
        """Finite."""


Sample = TypeVar("Sample", bound=Scored)


def best_median_worst(samples: Sequence[Sample]) -> dict[str, Sample]:
    """Return the selected samples by name, without repetition: a single sample is the best."""
    ranked = sorted(samples, key=lambda sample: -sample.score)
    shown: dict[int, str] = {}
    for name, place in (("best", 0), ("worst", len(ranked) - 1), ("median", len(ranked) // 2)):
        shown.setdefault(place, name)
    return {name: ranked[place] for place, name in sorted(shown.items())}
