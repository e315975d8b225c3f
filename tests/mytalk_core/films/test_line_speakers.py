"""Who says each line of a dub: the original, the script, marks, stems and statements."""

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.line_speakers import LineSpeakerOptions, line_speakers
from mytalk_core.films.members import Cast
from mytalk_core.films.speaking import FilmSpeakers, SpeakerDecision, Speaking
from mytalk_core.speech.lines import DubLine, Presence
from tests.mytalk_core.films.speaker_films import cast, film, interval, speakers, spoken, track

TWO = cast(anna=[0], bob=[1])
FACES = film([track(0, 0, 1000), track(1, 0, 500)], 1000)  # Bob leaves after 20 s
ANNA, BOB = ("anna", True), ("bob", True)


def line(
    number: int,
    start: float,
    end: float,
    character: str = "",
    stem: str = "",
    presence: Presence = Presence.UNKNOWN,
) -> DubLine:
    slot = interval(start, end)
    return DubLine(number, "words", slot, slot, (), stem, character, presence)


def decide(
    one: DubLine,
    film_speakers: FilmSpeakers,
    options: LineSpeakerOptions | None = None,
    members: Cast = TWO,
    faces: FilmFaces = FACES,
) -> SpeakerDecision:
    return line_speakers([one], film_speakers, members, faces, options)[0].decision


def test_a_line_belongs_to_who_speaks_in_the_original_there() -> None:
    film_speakers = speakers(
        spoken(0, 2, {ANNA: 0.95, BOB: 0.05}), spoken(3, 5, {BOB: 0.9, ANNA: 0.1})
    )
    lines = [line(1, 0.2, 1.8), line(2, 2.9, 4.8)]
    found = line_speakers(lines, film_speakers, TWO, FACES)
    assert [each.line for each in found] == [1, 2]
    assert [each.decision.member for each in found] == ["anna", "bob"]
    assert found[1].decision.confidence == pytest.approx(0.9)


def test_stretches_count_by_their_overlap() -> None:
    film_speakers = speakers(spoken(0, 2, {ANNA: 1.0}), spoken(2, 10, {BOB: 1.0}))
    decision = decide(line(1, 1.6, 4), film_speakers)
    assert decision.member == "bob"
    assert decision.confidence == pytest.approx(2 / 2.4)


def test_a_line_in_a_gap_takes_the_nearest_stretch_with_less_confidence() -> None:
    film_speakers = speakers(spoken(0, 2, {ANNA: 0.95, BOB: 0.05}))
    near = decide(line(1, 2.4, 4), film_speakers)
    assert (near.speaking, near.member) == (Speaking.ON_SCREEN, "anna")
    assert 0.6 <= near.confidence < 0.9
    far = decide(line(1, 4, 6), film_speakers)
    assert far.speaking is Speaking.UNDECIDED
    assert "Nothing is said" in far.why


def test_weak_evidence_touches_no_lips_and_names_both() -> None:
    decision = decide(line(1, 0, 2), speakers(spoken(0, 2, {ANNA: 0.5, BOB: 0.5})))
    assert (decision.speaking, decision.member) == (Speaking.UNDECIDED, None)
    assert "Anna" in decision.why and "Bob" in decision.why


def test_a_member_who_is_not_in_the_picture_is_off_screen() -> None:
    decision = decide(line(1, 22, 24), speakers(spoken(22, 24, {BOB: 0.95, ANNA: 0.05})))
    assert (decision.speaking, decision.member) == (Speaking.OFF_SCREEN, "bob")


def test_a_name_of_the_script_decides_a_doubtful_line() -> None:
    clear = [spoken(3 * k, 3 * k + 2, {ANNA: 0.95, BOB: 0.05}) for k in range(3)]
    other = [spoken(9 + 3 * k, 11 + 3 * k, {BOB: 0.95, ANNA: 0.05}) for k in range(2)]
    doubtful = spoken(15, 17, {ANNA: 0.5, BOB: 0.5})
    lines = [line(k + 1, 3 * k, 3 * k + 2, "ALMA") for k in range(3)]
    lines += [line(k + 4, 9 + 3 * k, 11 + 3 * k, "BERT") for k in range(2)]
    lines += [line(6, 15, 17, "BERT"), line(7, 18.5, 19.5, "ALMA")]
    found = line_speakers(lines, speakers(*clear, *other, doubtful), TWO, FACES)
    decision = found[5].decision
    assert (decision.speaking, decision.member) == (Speaking.ON_SCREEN, "bob")
    assert "script names BERT" in decision.why
    assert "script" in {each.kind for each in decision.evidence}


@pytest.mark.parametrize(
    ("presence", "speaking"),
    [(Presence.OFF_SCREEN, Speaking.OFF_SCREEN), (Presence.ON_SCREEN, Speaking.ON_SCREEN)],
)
def test_marks_of_the_script_are_evidence(presence: Presence, speaking: Speaking) -> None:
    doubtful = speakers(spoken(0, 2, {ANNA: 0.5, ("anna", False): 0.5}))
    decision = decide(line(1, 0, 2, presence=presence), doubtful)
    assert (decision.speaking, decision.member) == (speaking, "anna")


def test_a_stem_for_each_character_says_who_speaks_even_at_once() -> None:
    film_speakers = speakers(spoken(0, 2, {ANNA: 0.9, BOB: 0.1}))
    lines = [line(1, 0, 2, stem="anna"), line(2, 0, 2, stem="Robert")]
    options = LineSpeakerOptions(characters={"robert": "bob"})
    found = line_speakers(lines, film_speakers, TWO, FACES, options)
    assert [(each.decision.speaking, each.decision.member) for each in found] == [
        (Speaking.ON_SCREEN, "anna"),
        (Speaking.ON_SCREEN, "bob"),
    ]
    assert found[0].decision.evidence[0].kind == "stem"


def test_the_cast_overrides_what_was_measured() -> None:
    film_speakers = speakers(spoken(0, 2, {ANNA: 0.97, BOB: 0.03}))
    options = LineSpeakerOptions(characters={"Robert": "bob"})
    decision = decide(line(1, 0, 2, "ROBERT"), film_speakers, options)
    assert (decision.speaking, decision.member) == (Speaking.ON_SCREEN, "bob")


def test_one_member_can_be_forced_and_is_off_screen_when_away() -> None:
    options = LineSpeakerOptions(member="bob")
    film_speakers = speakers(spoken(0, 2, {ANNA: 0.97, BOB: 0.03}))
    assert decide(line(1, 0, 2), film_speakers, options).speaking is Speaking.ON_SCREEN
    away = decide(line(1, 25, 27), film_speakers, options)
    assert (away.speaking, away.member) == (Speaking.OFF_SCREEN, "bob")


def test_an_unknown_member_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="carl") as error:
        decide(line(1, 0, 2), speakers(), LineSpeakerOptions(member="carl"))
    assert error.value.reason is Reason.BAD_CONFIGURATION
    assert "anna (Anna)" in error.value.remedy


def test_a_silent_film_with_several_people_needs_a_statement() -> None:
    silent = FilmSpeakers(0, (), sound=False)
    with pytest.raises(BadInputError, match=r"anna \(Anna\), bob \(Bob\)") as error:
        decide(line(1, 0, 2), silent)
    assert "--member" in error.value.remedy
    decision = decide(line(1, 0, 2), silent, LineSpeakerOptions(member="anna"))
    assert decision.speaking is Speaking.ON_SCREEN


@pytest.mark.parametrize("sound", [True, False])
def test_the_only_member_speaks_where_nothing_is_said_at_moderate_confidence(sound: bool) -> None:
    one = cast(anna=[0])
    decision = decide(line(1, 0, 2), FilmSpeakers(0, (), sound=sound), members=one)
    assert (decision.speaking, decision.member) == (Speaking.ON_SCREEN, "anna")
    assert decision.confidence == pytest.approx(0.75)
    assert decision.evidence[0].kind == "only member"


def test_a_film_without_members_has_no_lips_to_touch() -> None:
    nothing = FilmSpeakers(0, (), sound=False)
    decision = decide(line(1, 0, 2), nothing, members=Cast(()), faces=film([], 100))
    assert decision.speaking is Speaking.UNDECIDED


@pytest.mark.parametrize("members", [Cast(()), TWO])
def test_a_marked_line_of_a_silent_film_is_off_screen(members: Cast) -> None:
    nothing = FilmSpeakers(0, (), sound=False)
    marked = line(1, 0, 2, presence=Presence.OFF_SCREEN)
    decision = decide(marked, nothing, members=members)
    assert (decision.speaking, decision.member) == (Speaking.OFF_SCREEN, None)
    assert "marks it as off screen" in decision.why


def test_every_line_of_a_long_script_is_decided() -> None:
    stretches = [spoken(3 * k, 3 * k + 2, {ANNA: 0.95, BOB: 0.05}) for k in range(300)]
    lines = [line(k + 1, k * 0.4, k * 0.4 + 0.2, "ALMA" if k % 2 else "BERT") for k in range(2000)]
    assert len(line_speakers(lines, speakers(*stretches), TWO, FACES)) == 2000
