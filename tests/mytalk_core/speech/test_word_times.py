from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.speech.transcript import Interval, Segment, Word
from mytalk_core.speech.word_times import (
    clip_to_voice,
    distribute_words,
    fill_word_times,
    group_by_voice,
    within,
)


def interval(start: float, end: float) -> Interval:
    return Interval(Fraction(str(start)), Fraction(str(end)))


def word(text: str, start: float, end: float) -> Word:
    return Word(text).at(interval(start, end))


@st.composite
def apart(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Disjoint intervals by start."""
    steps = draw(st.lists(st.fractions(min_value="1/100", max_value=5), max_size=8))
    edges = [sum(steps[: index + 1], Fraction(0)) for index in range(len(steps))]
    return tuple(Interval(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False))


def test_words_take_time_by_their_letters() -> None:
    assert distribute_words(["be", "good"], [interval(1, 4)]) == (
        word("be", 1, 2),
        word("good", 2, 4),
    )


def test_words_leave_pauses_empty() -> None:
    placed = distribute_words(["left", "rest"], [interval(0, 1), interval(5, 6)])
    assert placed == (word("left", 0, 1), word("rest", 5, 6))


def test_without_room_words_have_no_times() -> None:
    assert distribute_words(["one"], []) == (Word("one"),)


@given(st.lists(st.text(max_size=9), max_size=12), apart().filter(bool))
def test_spread_words_follow_each_other_within_the_parts(
    texts: list[str], parts: tuple[Interval, ...]
) -> None:
    placed = distribute_words(texts, parts)
    assert [each.text for each in placed] == texts
    times = [time for each in placed for time in (each.start, each.end)]
    assert times == sorted(times)
    assert all(any(part.start <= time <= part.end for part in parts) for time in times)
    if texts:
        assert (times[0], times[-1]) == (parts[0].start, parts[-1].end)


def test_untimed_words_share_the_gap_between_their_neighbours() -> None:
    words = (word("a", 1, 2), Word("bb"), Word("bb"), word("c", 6, 7))
    filled = fill_word_times(Segment("", Fraction(0), Fraction(10), words))
    assert filled.words == (words[0], word("bb", 2, 4), word("bb", 4, 6), words[3])


def test_untimed_words_at_the_edges_use_the_segment() -> None:
    segment = Segment("", Fraction(1), Fraction(9), (Word("a"), word("b", 3, 4), Word("c")))
    assert fill_word_times(segment).words == (word("a", 1, 3), word("b", 3, 4), word("c", 4, 9))


def test_a_word_with_half_a_time_counts_as_untimed() -> None:
    segment = Segment("a", Fraction(0), Fraction(2), (Word("a", start=Fraction(5)),))
    assert fill_word_times(segment).words == (word("a", 0, 2),)


@given(
    st.lists(
        st.builds(
            Word,
            text=st.text(max_size=5),
            start=st.none() | st.fractions(0, 9),
            end=st.none() | st.fractions(0, 9),
        )
    )
)
def test_filling_never_fails_and_keeps_known_times(words: list[Word]) -> None:
    filled = fill_word_times(Segment("", Fraction(0), Fraction(9), tuple(words))).words
    assert all(each.interval is not None for each in filled)
    for before, after in zip(words, filled, strict=True):
        assert after.text == before.text
        assert before.interval is None or after == before


def test_a_word_that_runs_into_a_pause_ends_with_the_voice() -> None:
    voice = (interval(1, 2), interval(4, 5))
    words = [word("early", 0, 1.5), word("late", 1.5, 3.9), word("across", 1.9, 4.8)]
    assert clip_to_voice(words, voice) == (
        word("early", 1, 1.5),
        word("late", 1.5, 2),
        word("across", 4, 4.8),
    )


def test_a_word_outside_the_voice_loses_its_time() -> None:
    assert clip_to_voice([word("ghost", 2.5, 3), Word("lost")], (interval(1, 2),)) == (
        Word("ghost"),
        Word("lost"),
    )


def test_phrases_are_the_words_between_pauses() -> None:
    voice = (interval(0, 1), interval(2, 3), interval(4, 5))
    words = (Word("first"), word("a", 0, 1), Word("b"), word("c", 4, 5))
    assert list(group_by_voice(words, voice)) == [(voice[0], words[:3]), (voice[2], words[3:])]


@given(apart(), st.fractions(0, 20), st.fractions(0, 20))
def test_within_returns_the_intersection(
    voice: tuple[Interval, ...], start: Fraction, length: Fraction
) -> None:
    span = Interval(start, start + length)
    parts = within(voice, span)
    both = [
        min(part.end, span.end) - max(part.start, span.start)
        for part in voice
        if min(part.end, span.end) > max(part.start, span.start)
    ]
    assert [part.length for part in parts if part.length] == both
