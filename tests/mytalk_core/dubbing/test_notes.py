"""What a user is warned of: faults of a script, another language."""

from fractions import Fraction

import pytest

from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.dubbing.notes import input_notes, language_notes, language_warning
from mytalk_core.speech.script import ScriptFault
from mytalk_core.speech.transcript import Transcript


@pytest.mark.parametrize(
    ("asked", "heard"), [("en", "en"), ("pt-BR", "pt"), ("EN-gb", "en"), ("nb", "no")]
)
def test_a_speech_in_its_language_is_no_matter(asked, heard):
    assert language_warning(asked, heard) == ""


@pytest.mark.parametrize(
    ("asked", "heard", "said"), [("fr", "en", "en"), ("nb", "sv", "sv"), ("en", "und", "nobody")]
)
def test_another_language_or_none_is_worth_a_look(asked, heard, said):
    assert said in language_warning(asked, heard)


def test_the_probability_of_another_language_is_told():
    told = language_notes("fr-CA", Transcript("fr", (), (), "", "en", 0.974))
    assert told == ["the speech sounds like en (probability 0.97), the language given is fr-CA"]


def test_a_language_that_the_recogniser_does_not_know_is_told():
    told = language_notes("tlh", Transcript("en", (), (), "", "en", 0.9))
    assert len(told) == 2
    assert "recognised as en" in told[1]


def test_without_a_language_there_is_nothing_to_tell(tmp_path):
    heard = Transcript("en", (), (), "", "en", 0.9)
    assert language_notes("", heard) == []
    fault = ScriptFault(3, "Bye.", Fraction(7), Fraction(7), "has no length", skipped=True)
    inputs = Inputs(tmp_path, tmp_path, script_faults=(fault,), language="en")
    (told,) = input_notes(inputs, heard)
    assert told.startswith("script, line 3 (0:00:07.000")
