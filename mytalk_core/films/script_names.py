"""Names of a script and members of a film, matched over a whole title."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mytalk_core.films.speaking import SpeakerScore

_SMOOTHING = 0.25  # lines of every member that each name is given beforehand
_SHARED = 0.5  # factor of a member that is matched with another name


@dataclass(frozen=True)
class NameMatch:
    """How often each member speaks where the script has a name, by lines."""

    members: tuple[str | None, ...]  # None: a voice of no member
    counts: Mapping[str, NDArray[np.float64]]  # name -> (M,) lines, weighted by probability
    matched: Mapping[str, int]  # name -> column of the member that is matched one to one

    def log_odds(self, name: str, own: Sequence[SpeakerScore]) -> dict[str | None, float]:
        """Return the log odds of each member for a line with a name; its own scores are left out.

        They are zero for a name without other lines.
        """
        counts = self.counts[name] - _row(own, self.members)
        if counts.sum() < 0.5:
            return {}
        shares = np.maximum(counts, 0) + _SMOOTHING
        if name in self.matched:
            shares[np.arange(len(shares)) != self.matched[name]] *= _SHARED
        logs = np.log(shares / shares.sum() * len(shares))
        return dict(zip(self.members, logs.tolist(), strict=True))


def match_names(names: Sequence[str], scores: Sequence[Sequence[SpeakerScore]]) -> NameMatch:
    """Count who speaks in the lines of each name, and match names and members one to one.

    Args:
        names: of each line as the script has them; empty where it names no speaker.
        scores: of each line, over members on and off screen.
    """
    members = tuple(
        dict.fromkeys(score.member for each in scores for score in each if score.member)
    )
    columns: tuple[str | None, ...] = (*members, None)
    counts = {name: np.zeros(len(columns)) for name in names if name}
    for name, line in zip(names, scores, strict=True):
        if name:
            counts[name] += _row(line, columns)
    if not counts:
        return NameMatch(columns, {}, {})
    table = np.stack(list(counts.values()))
    rows, places = linear_sum_assignment(-table)
    spoken = Counter(name for name in names if name)
    matched = {
        name: int(place)
        for row, place in zip(rows.tolist(), places.tolist(), strict=True)
        for name in [list(counts)[row]]
        if table[row, place] > 0.5 * table[row].sum() and spoken[name] > 1
    }
    return NameMatch(columns, counts, matched)


def _row(scores: Sequence[SpeakerScore], members: Sequence[str | None]) -> NDArray[np.float64]:
    row = np.zeros(len(members))
    for score in scores:
        row[members.index(score.member)] += score.probability
    return row
