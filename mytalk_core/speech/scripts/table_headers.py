"""Find the header row of a dialogue list, and which column is which, by words of many languages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mytalk_core.speech.character_names import without_accents
from mytalk_core.speech.scripts.rows import UnreadableScriptError
from mytalk_core.speech.scripts.times import read_time

_SEARCHED = 30  # rows from the top in which the header may be: title and notes stand above it


class Column(StrEnum):
    """What a column of a dialogue list contains."""

    START = "start"
    END = "end"
    DURATION = "duration"
    CHARACTER = "character"
    TEXT = "text"
    ORIGINAL = "original text"
    PRESENCE = "on or off screen"
    NUMBER = "number"


# English, German, French, Spanish, Italian and Portuguese; without accents and case. A column named
# by an earlier group wins over one named by a later group.
_WORDS: Mapping[Column, tuple[tuple[str, ...], ...]] = {
    Column.START: (
        (
            *("start", "in", "tc in", "tcin", "timecode in", "time in", "start time", "in time"),
            *("start timecode", "start tc", "begin", "from", "cue in", "anfang", "beginn", "von"),
            *("startzeit", "tc ein", "ein", "debut", "entree", "tc entree", "tc debut", "de"),
            *("inicio", "entrada", "tc entrada", "comienzo", "desde", "tc inicio", "inizio"),
            *("ingresso", "tc inizio"),
        ),
        ("tc", "timecode", "time code", "time", "zeit", "tiempo", "temps"),
    ),
    Column.END: (
        (
            *("end", "out", "tc out", "tcout", "timecode out", "time out", "end time", "out time"),
            *("end timecode", "end tc", "stop", "to", "until", "cue out", "ende", "bis"),
            *("endzeit", "tc aus", "aus", "fin", "sortie", "tc sortie", "tc fin", "a", "salida"),
            *("tc salida", "final", "hasta", "fine", "uscita", "saida", "fim"),
        ),
    ),
    Column.DURATION: (
        ("duration", "dur", "length", "dauer", "lange", "laenge", "duree", "duracion", "durata"),
    ),
    Column.CHARACTER: (
        (
            *("character", "character name", "char", "role", "rolle", "figur", "charakter"),
            *("personnage", "personaje", "rol", "personaggio", "personagem"),
        ),
        ("speaker", "name", "who", "sprecher", "person", "locuteur", "intervenant", "hablante"),
    ),
    Column.TEXT: (
        (
            *("text", "translation", "dub", "dub text", "dubbed text", "dubbing", "adaptation"),
            *("target", "ubersetzung", "uebersetzung", "synchrontext", "texte", "traduction"),
            *("texto", "traduccion", "testo", "traduzione", "traducao"),
        ),
        (
            *("dialogue", "dialog", "line", "speech", "subtitle", "caption", "transcript"),
            *("dialogtext", "dialogbuch", "satz", "untertitel", "replique", "sous titre"),
            *("dialogo", "frase", "replica", "battuta", "fala"),
        ),
    ),
    Column.ORIGINAL: (
        (
            *("original", "original text", "original dialogue", "source", "source text", "vo"),
            *("originaltext", "originaldialog", "quelle", "texte original", "version originale"),
            *("texto original", "testo originale", "dialogo original", "dialogue original"),
        ),
    ),
    Column.PRESENCE: (
        (
            *("on off", "on/off", "off", "off on", "on screen", "onscreen", "presence", "marks"),
            *("im bild", "bild", "a l ecran"),
        ),
        (
            *("notes", "note", "remarks", "comments", "anmerkung", "anmerkungen", "bemerkung"),
            *("bemerkungen", "notas", "remarques", "observaciones"),
        ),
    ),
    Column.NUMBER: (
        (
            *("number", "no", "nr", "id", "index", "cue", "line number", "line no", "line nr"),
            *("line id", "cue number", "cue no", "nummer", "zeile", "ligne", "linea", "numero"),
        ),
    ),
}
_UNUSED = (Column.ORIGINAL, Column.NUMBER)
_LONGEST = 40  # letters of a header; a longer cell is a sentence
_NAMED_ROUGHLY = 9  # group of a header that contains a known word among others
_BY_WORD = {
    word: (column, group)
    for column, groups in _WORDS.items()
    for group, words in enumerate(groups)
    for word in words
}
_LONG_WORDS = sorted((word for word in _BY_WORD if len(word) > 3), key=len, reverse=True)


@dataclass(frozen=True)
class Header:
    """Where the columns are."""

    row: int  # index of the header row; the lines are below it
    columns: Mapping[Column, int]  # index of a column of each kind


def find_header(rows: Sequence[Sequence[str]]) -> Header | None:
    """Return the header of a table; None where no row names a start and a text.

    Of columns for the same thing, one that is named exactly wins; a translation wins over dialogue,
    and both over an original.

    Raises:
        UnreadableScriptError: where several columns remain for the same thing.
    """
    for number, cells in enumerate(rows[:_SEARCHED]):
        kinds = [_kind(cell) for cell in cells]
        columns = {kind: _candidates(kinds, kind) for kind in Column}
        if not columns[Column.TEXT]:
            columns[Column.TEXT] = columns[Column.ORIGINAL]
        if not (columns[Column.START] and columns[Column.TEXT]):
            continue
        used = {kind: columns[kind] for kind in Column if kind not in _UNUSED}
        for kind, found in used.items():
            if len(found) > 1:
                raise _ambiguous(kind, [cells[index] for index in found])
        return Header(number, {kind: found[0] for kind, found in used.items() if found})
    return None


def guess_from_content(rows: Sequence[Sequence[str]]) -> str:
    """Describe which column seems to be which, for a table without a header; may be empty."""
    sample = [row for row in rows if any(cell.strip() for cell in row)][:200]
    width = max((len(row) for row in sample), default=0)
    columns = [[row[i] for row in sample if i < len(row) and row[i].strip()] for i in range(width)]
    timed = [
        number
        for number, cells in enumerate(columns)
        if cells and sum(_is_clock(cell) for cell in cells) > 0.5 * len(cells)
    ]
    others = [number for number in range(width) if number not in timed and columns[number]]
    if not timed or not others:
        return ""
    text = max(others, key=lambda number: sum(map(len, columns[number])) / len(columns[number]))
    parts = [f"column {timed[0] + 1} seems to be the start"]
    if len(timed) > 1:
        parts.append(f"column {timed[1] + 1} the end")
    return ", ".join([*parts, f"column {text + 1} the text"])


def _kind(cell: str) -> tuple[Column, int] | None:
    """Return what a header cell names and the group of its words; None where it names nothing."""
    cell = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", without_accents(cell).casefold())
    words = " ".join(re.sub(r"[^\w/]+|_", " ", cell).split())
    if words in _BY_WORD:
        return _BY_WORD[words]
    if len(words) > _LONGEST:
        return None
    for known in _LONG_WORDS:
        if re.search(rf"\b{re.escape(known)}\b", words):
            return _BY_WORD[known][0], _NAMED_ROUGHLY
    return None


def _candidates(kinds: Sequence[tuple[Column, int] | None], wanted: Column) -> list[int]:
    """Return the columns of a kind that the best group of words names."""
    found = [(kind[1], number) for number, kind in enumerate(kinds) if kind and kind[0] is wanted]
    best = min(found, default=(0, 0))[0]
    return [number for group, number in found if group == best]


def _ambiguous(kind: Column, headers: Sequence[str]) -> UnreadableScriptError:
    names = " and ".join(repr(" ".join(header.split())) for header in headers)
    return UnreadableScriptError(
        f"the columns {names} could each be the {kind}; the first is the guess.",
        f"Name the right column `{kind}`, or remove the others.",
    )


def _is_clock(cell: str) -> bool:
    return ":" in cell and read_time(cell) is not None
