"""Choose a few clips of a data set, balanced over speakers, in pairs of the same speaker."""

import itertools
from collections import defaultdict

from mytalk_core.data.clip_index import ClipIndex


def spread_over_speakers(index: ClipIndex, count: int) -> list[int]:
    """Return at most `count` indices of clips, in the order of the index.

    Speakers take turns in the order of their names, with two clips each time: one clip of a pair
    can be dubbed with the speech of the other.
    """
    own: dict[int, list[int]] = defaultdict(list)
    for number, speaker in enumerate(index.speaker.tolist()):
        own[speaker].append(number)
    rounds = range(0, max(map(len, own.values()), default=0), 2)
    turns = (own[speaker][at : at + 2] for at in rounds for speaker in sorted(own))
    return sorted(itertools.islice(itertools.chain.from_iterable(turns), count))
