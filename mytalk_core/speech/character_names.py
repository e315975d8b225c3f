"""Names of characters as scripts write them: without marks, and in a form to compare."""

import re
import unicodedata
from dataclasses import dataclass

from mytalk_core.speech.lines import Presence

_OFF = re.compile(
    r"(?:V\.? ?O\.?|O\.? ?S\.?|O\.? ?C\.?|OFF(?:[- ]?SCREEN)?|OOV|VOICE[- ]?OVER)", re.IGNORECASE
)
_ON = re.compile(r"ON(?:[- ]?SCREEN)?", re.IGNORECASE)
_MARK = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")


@dataclass(frozen=True)
class MarkedName:
    """A character's name and what its marks say."""

    name: str  # as written, without marks
    presence: Presence


def read_name(text: str) -> MarkedName:
    """Split a name as in `ANNA (V.O.) (CONT'D)` from its marks. Unknown marks are dropped."""
    marks = [first or second for first, second in _MARK.findall(text)]
    presence = next(filter(None, map(presence_of_mark, marks)), Presence.UNKNOWN)
    return MarkedName(" ".join(_MARK.sub(" ", text).split()).strip(" :"), presence)


def presence_of_mark(mark: str) -> Presence | None:
    """Return what a mark such as `OFF` or `V.O.` says; None where it is another one."""
    mark = mark.strip()
    if _OFF.fullmatch(mark):
        return Presence.OFF_SCREEN
    return Presence.ON_SCREEN if _ON.fullmatch(mark) else None


def name_key(name: str) -> str:
    """Return a form of a name for comparisons: without marks, case, accents and punctuation."""
    plain = without_accents(read_name(name).name).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def without_accents(text: str) -> str:
    """Return the text with the base letters of accented ones."""
    decomposed = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", kept)
