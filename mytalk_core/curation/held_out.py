"""Parse and check the names of held-out speakers."""

import csv
from collections.abc import Iterable

from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.face_groups import is_face_group
from mytalk_core.data.names import near_names, normal_name
from mytalk_core.data.splits import assign_split, check_clashes
from mytalk_core.errors import BadInputError, Reason

_OPTION = "--holdout"
_SHOWN = 10


def held_out_names(text: str) -> frozenset[str]:
    """Parse names separated by commas; a name with a comma is in double quotes.

    Raises:
        BadInputError: BAD_CONFIGURATION where a quote is not closed.
    """
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise BadInputError(
            f"{text!r} is not a list of names: {error}.",
            reason=Reason.BAD_CONFIGURATION,
            where=_OPTION,
            remedy="Separate names by commas; put a name with a comma in double quotes.",
        ) from error
    return frozenset(normal_name(name) for row in rows for name in row) - {""}


def check_speakers(speakers: Iterable[str], config: CurateConfig) -> None:
    """Check that held-out names exist and that names differing by letter case share a split.

    Names of face groups are not checked, because groups are computed later.

    Args:
        speakers: names of all speakers in the manifests, as `normal_name` returns them.
        config: the configuration.

    Raises:
        BadInputError: NOT_FOUND for a held-out name that no speaker has; BAD_CONFIGURATION as
            `check_clashes` does.
    """
    known = set(speakers)
    absent = sorted(name for name in config.holdout - known if not is_face_group(name))
    if absent:
        raise BadInputError(
            f"no speaker is called {', '.join(map(repr, absent))}.{_nearest(absent, known)}",
            reason=Reason.NOT_FOUND,
            where=_OPTION,
            remedy="Letter case counts; separate names by commas.",
        )
    splits = {name: assign_split(name, "", config.holdout, config.splits) for name in known}
    check_clashes(splits, "speakers")


def _nearest(absent: list[str], known: set[str]) -> str:
    """Return a sentence with similar names or, without any, with the first known ones."""
    near = sorted({each for name in absent for each in near_names(name, known)})
    if near:
        return f" Did you mean {' or '.join(map(repr, near))}?"
    if not known:
        return " The manifests name no speaker."
    some = sorted(known)[:_SHOWN]
    more = len(known) - len(some)
    return f" Speakers are {', '.join(some)}{f' and {more} more' if more else ''}."
