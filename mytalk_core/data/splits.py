"""Which speaker belongs to which split, decided by the speaker's name alone.

A speaker's split depends on no other speaker, so data that comes later moves nobody, and no face
or voice is ever on both sides of a measurement.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mytalk_core.data.names import case_clashes
from mytalk_core.errors import BadInputError, Reason

Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")


@dataclass(frozen=True)
class SplitConfig:
    """Shares of the speakers; of a few speakers the shares are only roughly met."""

    val_share: float = 0.1
    """Share of the speakers that choose checkpoints, 0..1. A larger one only takes from train."""

    salt: str = "mytalk-speakers-1"
    """Changing it draws all speakers anew, so keep it for as long as results are compared."""


def speaker_group(speaker: str, title: str) -> str:
    """What must stay together: the speaker or, where nobody knows the name, the whole title.

    The prefix keeps a speaker and a title of the same name apart.
    """
    return f"speaker:{speaker}" if speaker else f"title:{title}"


def position(group: str, salt: str) -> float:
    """The group's place in [0, 1), the same on every machine and in every Python."""
    digest = hashlib.blake2b(f"{salt}/{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def assign_split(speaker: str, title: str, holdout: frozenset[str], config: SplitConfig) -> Split:
    """The split of a speaker's clips.

    Args:
        speaker: name as `normal_name` gives it; empty where unknown, then `title` decides.
        title: the title that the clip is from.
        holdout: such names of speakers that are never trained on, nor used to choose anything.
        config: shares of the others.
    """
    if speaker in holdout:
        return "test"
    group = speaker_group(speaker, title)
    return "val" if position(group, config.salt) < config.val_share else "train"


def check_clashes(splits: Mapping[str, Split], where: str) -> None:
    """Refuse speakers who may be one person and would be on both sides of a measurement.

    Names that differ only by letter case are different names. Where their splits are the same
    nothing depends on that.

    Args:
        splits: of every speaker's name.
        where: what holds the names.

    Raises:
        BadInputError: BAD_CONFIGURATION where names that differ only by case are in two splits.
    """
    for names in case_clashes(splits):
        if len({splits[name] for name in names}) > 1:
            placed = ", ".join(f"{name!r} in {splits[name]}" for name in names)
            raise BadInputError(
                f"the names of these speakers differ only by letter case: {placed}.",
                reason=Reason.BAD_CONFIGURATION,
                where=where,
                remedy=(
                    "Give them one name and preprocess again, or hold all of them out with"
                    f" --holdout {','.join(names)}."
                ),
            )
