"""What a user is warned of: faults of a script, another language."""

from fractions import Fraction

import pytest

from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.dubbing.notes import input_notes, language_notes, language_warning
from mytalk_core.speech.script import ScriptFault
from mytalk_core.speech.transcript import Transcript


@pytest.mark.parametrize(
    ("given", "detected"), [("en", "en"), ("pt-BR", "pt"), ("EN-gb", "en"), ("nb", "no")]
)
def test_a_speech_in_the_given_language_gives_no_warning(given, detected):
    assert language_warning(given, detected) == ""


@pytest.mark.parametrize(
    ("given", "detected", "text"),
    [("fr", "en", "en"), ("nb", "sv", "sv"), ("en", "und", "no speech")],
)
def test_another_language_or_no_speech_is_a_warning(given, detected, text):
    assert text in language_warning(given, detected)


def test_the_probability_of_another_language_is_told():
    notes = language_notes("fr-CA", Transcript("fr", (), (), "", "en", 0.974))
    assert notes == ["the speech sounds like en (probability 0.97), the language given is fr-CA"]


def test_a_language_that_the_recogniser_does_not_know_is_told():
    notes = language_notes("tlh", Transcript("en", (), (), "", "en", 0.9))
    assert len(notes) == 2
    assert "recognised as en" in notes[1]


def test_without_a_language_there_is_nothing_to_tell(tmp_path):
    transcript = Transcript("en", (), (), "", "en", 0.9)
    assert language_notes("", transcript) == []
    fault = ScriptFault(3, "Bye.", Fraction(7), Fraction(7), "has no length", skipped=True)
    inputs = Inputs(tmp_path, tmp_path, script_faults=(fault,), language="en")
    (note,) = input_notes(inputs, transcript)
    assert note.startswith("script, line 3 (0:00:07.000")
