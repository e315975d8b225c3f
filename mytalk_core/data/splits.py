"""Assign speakers to splits by a hash of their name.

A speaker's split does not depend on other speakers, so later data moves no speaker, and no face or
voice is in both training and evaluation.
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
    """Shares of the speakers; approximate for few speakers."""

    val_share: float = 0.1
    """Share of speakers in the validation split, 0..1. A larger share moves speakers from train."""

    salt: str = "mytalk-speakers-1"
    """Salt of the hash. Changing it reassigns all speakers, and results are not comparable."""


def speaker_group(speaker: str, title: str) -> str:
    """Return the unit of assignment: the speaker, or the title if the speaker is unknown.

    A prefix distinguishes a speaker from a title of the same name.
    """
    return f"speaker:{speaker}" if speaker else f"title:{title}"


def position(group: str, salt: str) -> float:
    """Return the group's position in [0, 1), equal on every machine and Python version."""
    digest = hashlib.blake2b(f"{salt}/{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def assign_split(speaker: str, title: str, holdout: frozenset[str], config: SplitConfig) -> Split:
    """Return the split of a speaker's clips.

    Args:
        speaker: name normalised with `normal_name`; if empty, `title` decides.
        title: the title of the clip.
        holdout: normalised names of the speakers in the test split.
        config: shares of the other speakers.
    """
    if speaker in holdout:
        return "test"
    group = speaker_group(speaker, title)
    return "val" if position(group, config.salt) < config.val_share else "train"


def check_clashes(splits: Mapping[str, Split], where: str) -> None:
    """Refuse names that differ only by case, may be one person, and are in different splits.

    Args:
        splits: split by speaker's name.
        where: source of the names, for the error.

    Raises:
        BadInputError: BAD_CONFIGURATION.
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
