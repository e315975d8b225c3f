"""Performance marks are separated from what is said."""

import pytest

from mytalk_core.speech.character_names import MarkedName, name_key, read_name
from mytalk_core.speech.lines import Presence
from mytalk_core.speech.scripts.marks import SpokenText, read_spoken

ON, OFF, UNKNOWN = Presence.ON_SCREEN, Presence.OFF_SCREEN, Presence.UNKNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there.", SpokenText("Hello there.", UNKNOWN, "")),
        ("(OFF) Hello.", SpokenText("Hello.", OFF, "")),
        ("Hello. (on)", SpokenText("Hello.", ON, "")),
        ("(V.O.) Hello / my friend //", SpokenText("Hello my friend", OFF, "")),
        ("ANNA: Hello.", SpokenText("Hello.", UNKNOWN, "ANNA")),
        ("ANNA (O.S.): Hello.", SpokenText("Hello.", OFF, "ANNA")),
        ("ÉMILE LE GRAND: Bonjour.", SpokenText("Bonjour.", UNKNOWN, "ÉMILE LE GRAND")),
        ("Remember: never again.", SpokenText("Remember: never again.", UNKNOWN, "")),
        ("NO: NEVER AGAIN.", SpokenText("NO: NEVER AGAIN.", UNKNOWN, "")),
        ("[laughs] Hello [door slams]", SpokenText("Hello", UNKNOWN, "")),
        ("(LAUGHING) Hello.", SpokenText("Hello.", UNKNOWN, "")),
        ("He was (I think) late.", SpokenText("He was (I think) late.", UNKNOWN, "")),
        ("(sighs)", SpokenText("", UNKNOWN, "")),
        ("♪ La la ♪", SpokenText("La la", UNKNOWN, "")),
        ("# La la #", SpokenText("La la", UNKNOWN, "")),
        (">> Hello.", SpokenText("Hello.", UNKNOWN, "")),
        (
            "and/or 1/2 at https://a.b/c",
            SpokenText("and/or 1/2 at https://a.b/c", UNKNOWN, ""),
        ),
        ("Wait//no.", SpokenText("Wait no.", UNKNOWN, "")),
        ("It is 10:30 now.", SpokenText("It is 10:30 now.", UNKNOWN, "")),
    ],
)
def test_marks_are_removed_and_understood(text: str, expected: SpokenText) -> None:
    assert read_spoken(text) == expected


def test_the_name_of_the_character_before_a_colon_is_removed() -> None:
    assert read_spoken("Anna: Hello.", "ANNA").text == "Hello."
    assert read_spoken("ANNA: WAIT!", "Anna").text == "WAIT!"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ANNA", MarkedName("ANNA", UNKNOWN)),
        ("Anna (V.O.)", MarkedName("Anna", OFF)),
        ("ANNA (CONT'D) (off)", MarkedName("ANNA", OFF)),
        ("Anna [O. S.]", MarkedName("Anna", OFF)),
        ("Guard #2 (ON)", MarkedName("Guard #2", ON)),
        ("", MarkedName("", UNKNOWN)),
    ],
)
def test_names_are_split_from_their_marks(name: str, expected: MarkedName) -> None:
    assert read_name(name) == expected


def test_names_are_compared_without_case_accents_and_marks() -> None:
    assert name_key("ZOË (V.O.)") == name_key("Zoe") == "zoe"
    assert name_key("Dr. O'Neil") == "dr o neil"
    assert name_key("Guard 1") != name_key("Guard 2")
