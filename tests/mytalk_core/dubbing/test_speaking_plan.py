"""Mouths say the lines of their members, and are shut where only the film's own sound speaks."""

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.dubbing.passages import Mouth, SpokenLine
from mytalk_core.dubbing.speaking_plan import SilencePolicy, member_mouths
from mytalk_core.films.speaking import (
    FilmSpeakers,
    LineSpeaker,
    SpeakerDecision,
    Speaking,
    SpokenStretch,
)
from mytalk_core.speech.transcript import Interval

FILM = Interval(Fraction(0), Fraction(100))
MEMBERS = ("m1", "m2", "m3")


def decided(speaking: Speaking, member: str | None) -> SpeakerDecision:
    """A decision; no member is named where it is undecided."""
    return SpeakerDecision(speaking, None if speaking is Speaking.UNDECIDED else member, 0.9, "")


decisions = st.builds(decided, st.sampled_from(Speaking), st.sampled_from((None, *MEMBERS)))
intervals = st.builds(
    lambda start, length: Interval(Fraction(start, 25), Fraction(start + length, 25)),
    st.integers(0, 2000),
    st.integers(1, 100),
)
voices = st.lists(intervals, max_size=2).map(tuple)
stretches = st.lists(st.builds(SpokenStretch, intervals, decisions), max_size=6).map(tuple)


@st.composite
def dubs(draw: st.DrawFn) -> tuple[list[SpokenLine], list[LineSpeaker]]:
    """Lines and who says them."""
    parts = draw(st.lists(st.tuples(voices, decisions), max_size=8))
    return (
        [SpokenLine(number, "", voice) for number, (voice, _) in enumerate(parts, 1)],
        [LineSpeaker(number, decision) for number, (_, decision) in enumerate(parts, 1)],
    )


def numbers(mouth: Mouth | None) -> list[int]:
    return [line.number for line in mouth.spoken] if mouth else []


def visible(decision: SpeakerDecision) -> str | None:
    """The member whose lips speak."""
    return decision.member if decision.speaking is Speaking.ON_SCREEN else None


@given(dubs(), stretches, st.booleans())
def test_every_visible_line_is_said_by_its_member_and_no_other(
    dub: tuple[list[SpokenLine], list[LineSpeaker]],
    film: tuple[SpokenStretch, ...],
    keep: bool,
) -> None:
    lines, speakers = dub
    mouths = member_mouths(lines, speakers, FilmSpeakers(0, film), FILM, SilencePolicy(keep))
    for member in MEMBERS:
        own = [
            line.number
            for line, speaker in zip(lines, speakers, strict=True)
            if visible(speaker.decision) == member and line.voice
        ]
        assert numbers(mouths.get(member)) == own


@given(dubs(), stretches)
def test_mouths_that_speak_in_the_film_are_shut_or_kept(
    dub: tuple[list[SpokenLine], list[LineSpeaker]], film: tuple[SpokenStretch, ...]
) -> None:
    own = FilmSpeakers(0, film)
    shut = member_mouths(*dub, own, FILM, SilencePolicy())
    for member in MEMBERS:
        speaks = tuple(each.interval for each in film if visible(each.decision) == member)
        assert (shut[member].shut if member in shut else ()) == speaks
    kept = member_mouths(*dub, own, FILM, SilencePolicy(keep=True))
    assert not any(mouth.shut for mouth in kept.values())
    assert {member: numbers(mouth) for member, mouth in kept.items()} == {
        member: numbers(mouth) for member, mouth in shut.items() if mouth.spoken
    }


@given(dubs(), st.booleans())
def test_without_a_sound_of_the_film_those_who_say_a_line_are_drawn_throughout(
    dub: tuple[list[SpokenLine], list[LineSpeaker]], keep: bool
) -> None:
    silent = FilmSpeakers(0, (), sound=False)
    for mouth in member_mouths(*dub, silent, FILM, SilencePolicy(keep)).values():
        assert mouth.spoken
        assert mouth.shut == (FILM,)


@given(dubs(), stretches)
def test_members_with_nothing_to_do_are_absent_and_the_order_of_lines_stays(
    dub: tuple[list[SpokenLine], list[LineSpeaker]], film: tuple[SpokenStretch, ...]
) -> None:
    mouths = member_mouths(*dub, FilmSpeakers(0, film), FILM, SilencePolicy())
    assert list(mouths) == sorted(mouths)
    for mouth in mouths.values():
        assert mouth.spoken or mouth.shut
        assert numbers(mouth) == sorted(numbers(mouth))


def said(lines: Sequence[SpokenLine], *speaking: Speaking) -> dict[str, list[int]]:
    speakers = [
        LineSpeaker(line.number, decided(each, "m1"))
        for line, each in zip(lines, speaking, strict=True)
    ]
    found = member_mouths(lines, speakers, FilmSpeakers(0, ()), FILM, SilencePolicy())
    return {member: numbers(mouth) for member, mouth in found.items()}


def test_lines_off_screen_undecided_or_without_voice_move_no_lips() -> None:
    voice = (Interval(Fraction(1), Fraction(2)),)
    line, mute = SpokenLine(1, "", voice), SpokenLine(1, "", ())
    assert said([line], Speaking.ON_SCREEN) == {"m1": [1]}
    assert said([line], Speaking.OFF_SCREEN) == said([line], Speaking.UNDECIDED) == {}
    assert said([mute], Speaking.ON_SCREEN) == {}
