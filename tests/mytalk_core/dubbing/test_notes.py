"""What a user is warned of: faults of a script, another language."""

from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.notes import (
    cut_off_note,
    language_notes,
    language_notes_of,
    language_warning,
    title_notes,
)
from mytalk_core.dubbing.opened_title import Stem, Title
from mytalk_core.speech.script import ScriptFault
from mytalk_core.speech.transcript import Transcript

FILE = MediaFile(Path("film.mp4"), "")
FAULT = ScriptFault(3, "Bye.", Fraction(7), Fraction(7), "has no length", skipped=True)


def title(language: str) -> Title:
    """A title with a faulty script."""
    stem = Stem("", SoundRequest(FILE))
    notes = ("its opacity is lost",)
    return Title("t", FilmSource(FILE), (stem,), language, script_faults=(FAULT,), notes=notes)


@pytest.mark.parametrize(
    ("given", "detected"), [("en", "en"), ("pt-BR", "pt"), ("EN-gb", "en"), ("nb", "no")]
)
def test_a_speech_in_the_given_language_gives_no_warning(given: str, detected: str) -> None:
    assert language_warning(given, detected) == ""


@pytest.mark.parametrize(
    ("given", "detected", "text"),
    [("fr", "en", "en"), ("nb", "sv", "sv"), ("en", "und", "no speech")],
)
def test_another_language_or_no_speech_is_a_warning(given: str, detected: str, text: str) -> None:
    assert text in language_warning(given, detected)


def test_the_probability_of_another_language_is_reported() -> None:
    notes = language_notes("fr-CA", Transcript("fr", (), (), "", "en", 0.974))
    assert notes == ["the speech sounds like en (probability 0.97), the language given is fr-CA"]


def test_a_language_that_the_recogniser_does_not_know_is_reported() -> None:
    notes = language_notes("tlh", Transcript("en", (), (), "", "en", 0.9))
    assert len(notes) == 2
    assert "recognised as en" in notes[1]


def test_without_a_language_there_is_nothing_to_report() -> None:
    assert language_notes("", Transcript("en", (), (), "", "en", 0.9)) == []


def test_notes_of_a_title_are_those_of_its_files_its_script_and_its_language() -> None:
    transcript = Transcript("en", (), (), "", "en", 0.9)
    loss, fault = title_notes(title("en"), {"": transcript})
    assert loss == "its opacity is lost"
    assert fault.startswith("script, line 3 (0:00:07.000")


def test_a_note_names_the_stem_where_there_are_several() -> None:
    english = Transcript("en", (), (), "", "en", 0.9)
    french = Transcript("en", (), (), "", "fr", 0.9)
    assert language_notes_of(title("en"), {"ANNA": french, "BEN": english}) == [
        "ANNA: the speech sounds like fr (probability 0.90), the language given is en"
    ]


@pytest.mark.parametrize(
    ("found", "parts"),
    [(Fraction(10), []), (Fraction(19, 2), []), (Fraction(6), ["of the 10.00 s", "4.00 s (40%)"])],
)
def test_a_film_that_is_cut_off_says_how_much_is_missing(found: Fraction, parts: list[str]) -> None:
    note = cut_off_note(Fraction(10), found)
    assert bool(note) is bool(parts)
    assert all(part in note for part in parts)
