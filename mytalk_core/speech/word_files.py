"""Read the words of a recording from transcripts, word alignments and scripts."""

import json
from fractions import Fraction
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.script import read_script, segments
from mytalk_core.speech.transcript import Segment, from_json

WORD_FILES = (".align", ".json", ".srt", ".vtt", ".ttml", ".ass", ".ssa")
"""File endings that `read_words` supports, the most exact first."""

_ALIGN_UNIT = Fraction(1, 25_000)  # seconds: 1000 to a frame of 25 a second
_PAUSES = frozenset({"sil", "sp"})


def read_words(path: Path) -> tuple[Segment, ...]:
    """Read the words by start; the more exact the file's times, the shorter the segments.

    A word alignment (`.align`, the GRID corpus: `start end word`) gives one segment per word, a
    transcript of `mytalk align` (`.json`) its segments with words, a script its lines.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE or BAD_SCRIPT.
    """
    if path.suffix not in (".align", ".json"):
        return segments(read_script(path).lines)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInputError(
            "there is no such file.", reason=Reason.NOT_FOUND, where=str(path)
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"the words cannot be read: {error}.", reason=Reason.UNREADABLE, where=str(path)
        ) from error
    try:
        if path.suffix == ".align":
            return _aligned(text)
        return from_json(json.loads(text)).segments
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        kind = "word alignment" if path.suffix == ".align" else "transcript of `mytalk align`"
        raise BadInputError(
            f"this is not a {kind}.", reason=Reason.BAD_SCRIPT, where=str(path)
        ) from error


def _aligned(text: str) -> tuple[Segment, ...]:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return tuple(
        # A single letter in these alignments is its name: "a" is not the article.
        Segment(f"{word}." if len(word) == 1 else word, _align_time(start), _align_time(end))
        for start, end, word in lines
        if word not in _PAUSES
    )


def _align_time(units: str) -> Fraction:
    return int(units) * _ALIGN_UNIT
