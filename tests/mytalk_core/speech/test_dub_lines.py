"""Lines get the sound of their stem, and never share a moment of it."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.speech.dub_lines import dub_lines
from mytalk_core.speech.lines import Presence, ScriptLine
from mytalk_core.speech.transcript import Interval, Segment, Transcript, Word


def span(start: float, end: float) -> Interval:
    return Interval(Fraction(str(start)), Fraction(str(end)))


def line(number: int, start: float, end: float, character: str = "") -> ScriptLine:
    return ScriptLine(number, f"line {number}", span(start, end), character)


def transcript(*voice: tuple[float, float], segments: tuple[Segment, ...] = ()) -> Transcript:
    return Transcript("en", segments, tuple(span(*each) for each in voice), "")


def sounds(lines: list[ScriptLine], *voice: tuple[float, float]) -> list[Interval | None]:
    return [each.sound for each in dub_lines(lines, {"": transcript(*voice)})]


def test_the_sound_of_a_line_is_the_voice_that_starts_in_its_slot() -> None:
    lines = [line(1, 1, 3), line(2, 5, 7), line(3, 9, 10)]
    voice = [(1.2, 2), (2.4, 3.9), (5.5, 6)]
    assert sounds(lines, *voice) == [span(1.2, 3.9), span(5.5, 6), None]


def test_voice_beyond_a_slot_ends_at_the_next_line_of_the_stem() -> None:
    assert sounds([line(1, 0, 2), line(2, 2, 4)], (0, 3.5)) == [span(0, 2), span(2, 3.5)]
    assert sounds([line(1, 0, 2), line(2, 3, 4)], (0, 2.5)) == [span(0, 2.5), None]


def test_margins_of_the_voice_detector_are_not_cut_off() -> None:
    lines = [line(1, 0, 2), line(2, 2, 4)]
    assert sounds(lines, (0, 1.5), (1.88, 3)) == [span(0, 1.5), span(1.88, 3)]
    assert sounds(lines, (0, 2.08), (2.5, 3)) == [span(0, 2.08), span(2.5, 3)]


def test_voice_between_slots_belongs_to_the_nearer_line_or_to_none() -> None:
    lines = [line(1, 0, 2), line(2, 6, 8)]
    assert sounds(lines, (0, 1.9), (2.3, 3), (6, 7)) == [span(0, 3), span(6, 7)]
    assert sounds(lines, (0, 1.9), (5.2, 5.7), (6, 7)) == [span(0, 1.9), span(5.2, 7)]
    assert sounds(lines, (0, 1.9), (3.7, 4.2), (6, 7)) == [span(0, 1.9), span(6, 7)]


def test_lines_that_start_together_share_their_time() -> None:
    first, second = sounds([line(1, 0, 4), line(2, 0, 4)], (0, 4))
    assert (first, second) == (span(0, 2), span(2, 4))


def test_a_stem_with_the_name_of_the_character_has_its_lines() -> None:
    stems = {"ana": transcript((0, 1)), "Bob": transcript((0, 2))}
    script = [line(1, 0, 2, "ANÁ (V.O.)"), line(2, 0, 2, "bob"), line(3, 1.5, 2, "Guard")]
    found = dub_lines(script, stems)
    assert [(each.text, each.stem) for each in found] == [
        ("line 1", "ana"),
        ("line 2", "Bob"),
        ("line 3", "Bob"),
    ]
    assert [each.sound for each in found] == [span(0, 1), span(0, 1.5), span(1.5, 2)]


def test_lines_keep_what_the_script_says_and_get_the_words_of_the_transcript() -> None:
    words = (Word("line", Fraction(5), Fraction(6)), Word("1", Fraction(6), Fraction(7)))
    aligned = transcript((5, 7), segments=(Segment("line 1", Fraction(5), Fraction(7), words),))
    script = [ScriptLine(9, "line 1", span(5, 7), "Anna", Presence.OFF_SCREEN), line(2, 1, 2)]
    silent, spoken = dub_lines(script, {"": aligned})
    assert (spoken.number, spoken.words, spoken.character) == (2, words, "Anna")
    assert spoken.presence is Presence.OFF_SCREEN
    assert (silent.number, silent.sound, silent.words) == (1, None, (Word("line"), Word("2")))


def test_without_a_script_recognised_segments_are_the_lines() -> None:
    later = Segment("Hello.", Fraction(4), Fraction(5), (Word("Hello."),))
    earlier = Segment("Hi.", Fraction(1), Fraction(2))
    stems = {"a": transcript((4, 5), segments=(later,)), "b": transcript(segments=(earlier,))}
    found = dub_lines((), stems)
    assert [(each.number, each.stem, each.slot) for each in found] == [
        (1, "b", span(1, 2)),
        (2, "a", span(4, 5)),
    ]
    assert all(each.sound == each.slot for each in found)
    assert found[1].words == later.words


intervals = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), min_size=1, max_size=14)


@given(slots=intervals, cuts=st.lists(st.integers(0, 500), unique=True, max_size=40))
def test_lines_of_a_stem_never_share_sound(slots: list[tuple[int, int]], cuts: list[int]) -> None:
    edges = [Fraction(cut, 10) for cut in sorted(cuts)]
    voice = tuple(Interval(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False))
    script = [
        ScriptLine(number, "words", Interval(Fraction(start, 10), Fraction(start + length, 10)))
        for number, (start, length) in enumerate(slots, 1)
    ]
    found = dub_lines(script, {"": Transcript("en", (), voice, "")})
    assert [each.number for each in found] == list(range(1, len(script) + 1))
    placed = [each.sound for each in found if each.sound]
    for before, after in pairwise(placed):
        assert before.start < before.end <= after.start < after.end
    for each in found:
        if each.sound:
            assert each.sound.end > each.slot.start - 1
            assert any(part.start <= each.sound.start < part.end for part in voice)
            assert any(part.start < each.sound.end <= part.end for part in voice)
