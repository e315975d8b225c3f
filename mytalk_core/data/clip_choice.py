"""A few clips that stand for a data set: of all speakers alike, and of each at least two."""

import itertools
from collections import defaultdict

from mytalk_core.data.clip_index import ClipIndex


def spread_over_speakers(index: ClipIndex, count: int) -> list[int]:
    """At most `count` numbers of clips of the index, in its order.

    Speakers take turns, in the order of their names, and give their next two clips at each: two of
    a person are what one can be dubbed with the speech of the other.
    """
    own: dict[int, list[int]] = defaultdict(list)
    for number, speaker in enumerate(index.speaker.tolist()):
        own[speaker].append(number)
    rounds = range(0, max(map(len, own.values()), default=0), 2)
    turns = (own[speaker][at : at + 2] for at in rounds for speaker in sorted(own))
    return sorted(itertools.islice(itertools.chain.from_iterable(turns), count))
