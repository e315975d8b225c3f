"""Separate what is said in a line from the performance marks that scripts put between it."""

import re
from dataclasses import dataclass

from mytalk_core.speech.character_names import presence_of_mark, read_name
from mytalk_core.speech.lines import Presence

_SOUND = re.compile(r"\[[^\]]*\]|[♪♫]")  # [door slams], song marks
_PARENTHESIS = re.compile(r"\(([^()]*)\)")
_SLASHES = re.compile(r"(?<!\S)/+|/+(?!\S)|(?<![:/])//(?!/)")  # pauses: "Well / yes //"
_SPEAKER_CHANGE = re.compile(r"^\s*>>+")
# "ANNA:", "ANNA (OFF):", "2ND GUARD:" before the text.
_PREFIX = re.compile(r"^\s*([^\W_a-z][^\n:a-z]{0,39}?(?:\([^()\n]{1,20}\))?)\s*:\s+(?=\S)")
_SONG = re.compile(r"^\s*#\s+(.*?)\s+#\s*$", re.DOTALL)


@dataclass(frozen=True)
class SpokenText:
    """What a line says, and what its marks say about it."""

    text: str  # on one line; empty where the line has marks and sounds only
    presence: Presence
    character: str  # of a prefix such as "ANNA:"; empty without one


def read_spoken(text: str, character: str = "") -> SpokenText:
    """Remove the marks of a line; those about the picture become its presence.

    Removed are sounds in brackets, song marks, slashes for pauses, marks in parentheses that are
    known or in capitals, parentheses that are all of the line, `>>`, and a name in capitals or
    `character` before a colon. Other parentheses are spoken.
    """
    prefix = ""
    text = _SPEAKER_CHANGE.sub(" ", text)
    if (found := _PREFIX.match(text)) and _is_prefix(found[1], text[found.end() :], character):
        prefix, text = found[1], text[found.end() :]
    elif character and text.lstrip().casefold().startswith(f"{character.casefold()}:"):
        text = text.lstrip()[len(character) + 1 :]
    marks = [
        presence for mark in _PARENTHESIS.findall(text) if (presence := presence_of_mark(mark))
    ]
    named = read_name(prefix)
    presence = (*marks, named.presence)[0]
    text = _SOUND.sub(" ", text)
    if not re.sub(r"[\W_]+", "", _PARENTHESIS.sub(" ", text)):
        text = ""
    text = _PARENTHESIS.sub(lambda found: " " if _is_mark(found[1]) else found[0], text)
    text = _SLASHES.sub(" ", _SONG.sub(r"\1", text))
    return SpokenText(" ".join(text.split()), presence, named.name)


def _is_prefix(prefix: str, rest: str, character: str) -> bool:
    """Whether words in capitals before a colon are a name: not where all of the line is so."""
    letters = [letter for letter in prefix if letter.isalpha()]
    if not letters or any(letter.islower() for letter in letters):
        return False
    named = read_name(prefix).name.casefold()
    return any(letter.islower() for letter in rest) or (
        bool(character) and named == character.casefold()
    )


def _is_mark(inside: str) -> bool:
    """Whether the text of parentheses is a mark: a known one, or in capitals."""
    known = presence_of_mark(inside) is not None
    return known or (inside.isupper() and len(inside.strip()) > 1)
