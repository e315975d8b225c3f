import json
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.speech.transcript import (
    Interval,
    Segment,
    Transcript,
    Word,
    from_json,
    is_spaced,
    to_json,
)

times = st.fractions(min_value=0, max_value=10_000)
scores = st.none() | st.floats(0, 1)
words = st.builds(
    Word, text=st.text(), start=st.none() | times, end=st.none() | times, score=scores
)
segments = st.builds(
    Segment, text=st.text(), start=times, end=times, words=st.lists(words, max_size=3).map(tuple)
)
transcripts = st.builds(
    Transcript,
    language=st.sampled_from(["en", "ja", "und"]),
    segments=st.lists(segments, max_size=3).map(tuple),
    voice=st.lists(st.builds(Interval, times, times), max_size=3).map(tuple),
    aligner=st.text(),
)


@given(transcripts)
def test_the_json_round_trip_is_exact(transcript: Transcript) -> None:
    assert from_json(json.loads(json.dumps(to_json(transcript)))) == transcript


def test_json_has_seconds_beside_the_exact_time() -> None:
    word = Word("hello", start=Fraction(1, 3), end=None)
    segment = Segment("hello", Fraction(1, 3), Fraction(2), words=(word,))
    written = to_json(Transcript("en", (segment,), (), "someone"))
    assert written["segments"][0]["words"][0]["start"] == ["1/3", 0.333]
    assert written["segments"][0]["words"][0]["end"] is None


def test_a_word_with_half_a_time_has_no_interval() -> None:
    assert Word("a", start=Fraction(1)).interval is None
    assert Word("a", Fraction(1), Fraction(2)).interval == Interval(Fraction(1), Fraction(2))


def test_japanese_puts_no_spaces_between_words() -> None:
    assert is_spaced("en")
    assert not is_spaced("ja")
