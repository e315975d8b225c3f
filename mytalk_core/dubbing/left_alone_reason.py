"""The closed list of reasons why a frame keeps its own mouth, and their counts."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum


class LeftAlone(StrEnum):
    """Why a frame is not drawn; values are the names in JSON."""

    NO_FACE = "no_face"
    SILENT = "silent"
    TOO_SHORT = "too_short"
    TOO_SMALL = "face_too_small"
    TURNED = "too_turned"
    IMPLAUSIBLE = "implausible_face"
    STILL = "still_face"
    OUTSIDE = "mouth_outside"
    COVERED = "mouth_covered"
    UNCHANGED = "unchanged"

    @property
    def text(self) -> str:
        """The reason as a clause for messages and reports."""
        return _TEXTS[self]


_TEXTS = {
    LeftAlone.NO_FACE: "no face",
    LeftAlone.SILENT: "no one in the picture speaks",
    LeftAlone.TOO_SHORT: "the face is seen too briefly",
    LeftAlone.TOO_SMALL: "the face is too small",
    LeftAlone.TURNED: "the head is turned too far",
    LeftAlone.IMPLAUSIBLE: "the face is upside down or its landmarks do not fit it",
    LeftAlone.STILL: "the face never moves, as in a photograph",
    LeftAlone.OUTSIDE: "the mouth is outside the picture",
    LeftAlone.COVERED: "something is in front of the mouth",
    LeftAlone.UNCHANGED: "drawing changed no sample",
}


def count_reasons(reasons: Iterable[LeftAlone | None]) -> dict[LeftAlone, int]:
    """Count frames by reason, the most frequent first; None, a drawn frame, is ignored."""
    counts = Counter(reason for reason in reasons if reason is not None)
    return dict(counts.most_common())


def counts_text(counts: dict[LeftAlone, int]) -> str:
    """Format counts as one line, such as `no face: 12, the head is turned too far: 3`."""
    return ", ".join(f"{reason.text}: {frames}" for reason, frames in counts.items())
