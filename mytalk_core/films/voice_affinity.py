"""Which voice belongs to which member of a film, and how well a stretch fits each voice.

A voice belongs to the face that is in step with it most often. Voices are groups of stretches by
their embeddings; groups and members are matched over the whole film, so that one doubtful stretch
is decided by the clear ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float32]

_LENGTHS = (0.5, 1.0, 2.0)  # seconds, of `VoiceConfig.equal`


@dataclass(frozen=True)
class VoiceConfig:
    """How voices are grouped and compared."""

    # Seconds; shorter stretches neither make nor change a voice.
    shortest: float = 0.8
    # Cosine distance within a group, average linkage. Sentences of one speaker of GRID have a mean
    # of 0.21, of two speakers of 0.45.
    widest: float = 0.32
    # Share of a group's stretches, weighted by their sync, that must be of one member.
    least_share: float = 0.5
    # Stretches, weighted by their sync, that a group needs to belong to a member.
    least_weight: float = 0.7
    # Cosine of a stretch and a voice at which same and other speaker are equally probable, for
    # stretches of half a second, one and two seconds: somewhat lower than on sentences of GRID,
    # with 0.62, 0.73 and 0.79, because rooms and music change voices.
    equal: tuple[float, float, float] = (0.60, 0.70, 0.75)
    # Log odds per unit above it, for a second of sound or more; GRID alone would allow 80.
    slope: float = 22.0
    # Largest log odds of a voice; emotion and distance change voices more than GRID shows.
    limit: float = 3.0


@dataclass(frozen=True)
class Voices:
    """Log odds of the voices of all S stretches, against a speaker with any voice."""

    members: Mapping[str, NDArray[np.float64]]  # by id, (S,)
    unknown: NDArray[np.float64]  # (S,) for a voice that belongs to no member


def match_voices(
    vectors: Sequence[Array],
    seconds: Sequence[float],
    on_screen: Mapping[str, NDArray[np.float64]],
    config: VoiceConfig,
) -> Voices:
    """Match voices with members, and compare every stretch with the voice of each.

    The voice of a stretch itself is left out of what it is compared with.

    Args:
        vectors: (256,) unit vectors, by stretch.
        seconds: length of each stretch.
        on_screen: by member id, (S,) probability that this member is seen speaking.
    """
    count = len(vectors)
    ids = list(on_screen)
    if not count:
        return Voices({id: np.zeros(0) for id in ids}, np.zeros(0))
    stacked = np.stack(vectors).astype(np.float64)
    length = np.asarray(seconds, np.float64)
    groups = _groups(stacked, length, config)
    weights = np.stack([on_screen[id] for id in ids], axis=1) if ids else np.zeros((count, 0))
    owners = _owners(groups, weights, config)

    def fit(groups_of_voice: Sequence[int]) -> NDArray[np.float64]:
        return _log_odds(stacked, length, np.isin(groups, groups_of_voice), config)

    by_member = {
        id: fit([group for group, owner in owners.items() if owner == number])
        for number, id in enumerate(ids)
    }
    strangers = [fit([group]) for group, owner in owners.items() if owner is None]
    unknown = np.max([np.zeros(count), *strangers], axis=0)
    return Voices(by_member, unknown)


def _groups(
    vectors: NDArray[np.float64], seconds: NDArray[np.float64], config: VoiceConfig
) -> NDArray[np.int64]:
    """Return the group of each stretch, (S,) from 0; -1 for those too short to make one."""
    groups = np.full(len(vectors), -1)
    used = np.flatnonzero(seconds >= config.shortest)
    if len(used) == 1:
        groups[used] = 0
    elif len(used) > 1:
        tree = linkage(vectors[used], "average", "cosine")
        groups[used] = fcluster(tree, config.widest, "distance") - 1
    return groups


def _owners(
    groups: NDArray[np.int64], weights: NDArray[np.float64], config: VoiceConfig
) -> dict[int, int | None]:
    """Return the column of the member that each group belongs to; None for a stranger's voice.

    Groups and members are first matched one to one. A group that is left, as of one voice in
    another room, joins the member that most of its stretches show.
    """
    numbers = [int(each) for each in np.unique(groups) if each >= 0]
    if not numbers or not weights.shape[1]:
        return {group: None for group in numbers}
    sizes = np.array([(groups == group).sum() for group in numbers])
    counts = np.stack([weights[groups == group].sum(axis=0) for group in numbers])
    rows, columns = linear_sum_assignment(-counts)
    matched = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    owners: dict[int, int | None] = {}
    for row, group in enumerate(numbers):
        owner = matched.get(row, int(counts[row].argmax()))
        weight = counts[row, owner]
        is_clear = weight >= config.least_share * max(counts[row].sum(), 0.5 * sizes[row])
        owners[group] = owner if is_clear and weight >= config.least_weight else None
    return owners


def _log_odds(
    vectors: NDArray[np.float64],
    seconds: NDArray[np.float64],
    of_voice: NDArray[np.bool_],
    config: VoiceConfig,
) -> NDArray[np.float64]:
    """Return the log odds (S,) of a voice; 0 where there is no other stretch of it."""
    total = vectors[of_voice].sum(axis=0)
    sums = total - vectors * of_voice[:, None]
    sizes = np.linalg.norm(sums, axis=1)
    there = sizes > 1e-6
    equal = np.interp(seconds, _LENGTHS, config.equal)
    likeness = equal.copy()
    likeness[there] = (vectors * sums).sum(axis=1)[there] / sizes[there]
    slope = config.slope * np.minimum(seconds, 1.0)
    odds: NDArray[np.float64] = np.clip(slope * (likeness - equal), -config.limit, config.limit)
    return odds
