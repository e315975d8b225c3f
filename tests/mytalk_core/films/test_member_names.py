"""Members that the cast map does not name get the names of the script."""

import pytest

from mytalk_core.films.member_names import named_by_script
from mytalk_core.films.members import Cast, Member
from mytalk_core.films.speaking import LineSpeaker, SpeakerDecision, Speaking
from mytalk_core.speech.lines import DubLine
from tests.mytalk_core.films.speaker_films import interval

Said = tuple[str | None, str]  # the member who says a line, and the script's name


def names(said: list[Said], **members: str) -> list[str]:
    """The names of members after lines were said."""
    slot = interval(0, 1)
    lines = [DubLine(k, "", slot, slot, (), "", name) for k, (_, name) in enumerate(said, 1)]
    speakers = [
        LineSpeaker(k, SpeakerDecision(Speaking.ON_SCREEN, member, 0.9, ""))
        for k, (member, _) in enumerate(said, 1)
    ]
    cast = Cast(tuple(Member(id, name, (), 1.0) for id, name in members.items()))
    return [member.name for member in named_by_script(cast, lines, speakers).members]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ([("m1", "ANNA")], "ANNA"),
        ([("m1", "Ánna"), ("m1", "ANNA (V.O.)"), ("m1", "BEN")], "Ánna"),
        ([("m1", "ANNA"), ("m1", "BEN")], "m1"),  # half is not most
        ([("m1", "ANNA"), ("m1", ""), ("m1", "")], "m1"),
        ([("m1", "")], "m1"),
        ([(None, "ANNA")], "m1"),
        ([], "m1"),
    ],
)
def test_a_member_is_named_after_the_character_of_most_of_its_lines(
    said: list[Said], name: str
) -> None:
    assert names(said, m1="m1") == [name]


def test_the_names_of_the_cast_map_win() -> None:
    assert names([("m1", "ANNA"), ("m2", "BEN")], m1="Annabel", m2="m2") == ["Annabel", "BEN"]
    # Another member has the name already.
    assert names([("m2", "ANNA")], m1="Anna", m2="m2") == ["Anna", "m2"]


def test_of_two_members_with_one_character_none_is_named() -> None:
    said = [("m1", "ANNA"), ("m2", "Anna"), ("m3", "BEN")]
    assert names(said, m1="m1", m2="m2", m3="m3") == ["m1", "m2", "BEN"]
