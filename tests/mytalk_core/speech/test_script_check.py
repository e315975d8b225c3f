"""A dub is compared with its script: missing, extra and different lines."""

from dataclasses import replace
from fractions import Fraction

import pytest

from mytalk_core.speech.lines import ScriptLine
from mytalk_core.speech.script_check import LineState, check_against, check_to_json
from mytalk_core.speech.transcript import Interval, Segment, Transcript
from mytalk_core.speech.word_times import distribute_words

TEXTS = (
    "Good morning, Inspector.",
    "I did not expect you so early.",
    "Where were you last night?",
    "At home, all evening long.",
    "Your neighbour says otherwise.",
)


def script(*texts: str, gap: int = 4) -> list[ScriptLine]:
    return [
        ScriptLine(number, text, Interval(Fraction(gap * number), Fraction(gap * number + 2)))
        for number, text in enumerate(texts, 1)
    ]


def spoken(lines: list[ScriptLine], language: str = "en") -> Transcript:
    segments = []
    for line in lines:
        sound = line.slot
        pieces = line.text.split() if language == "en" else list(line.text)
        words = tuple(replace(word, score=0.9) for word in distribute_words(pieces, [sound]))
        segments.append(Segment(line.text, sound.start, sound.end, words))
    return Transcript(language, tuple(segments), tuple(line.slot for line in lines), "")


def states(lines: list[ScriptLine], transcript: Transcript) -> list[tuple[str, int | None]]:
    return [(each.state.value, each.number) for each in check_against(lines, transcript)]


def test_a_dub_as_written_is_said() -> None:
    lines = script(*TEXTS)
    assert states(lines, spoken(lines)) == [("said", number) for number in range(1, 6)]


def test_errors_of_the_recogniser_are_not_differences() -> None:
    lines = script(*TEXTS)
    heard = [*lines]
    heard[1] = replace(lines[1], text="i didn't expect you so early")
    heard[4] = replace(lines[4], text="Your neighbor says other wise")
    assert {state for state, _ in states(lines, spoken(heard))} == {"said"}


def test_a_missing_line_is_found_between_its_neighbours() -> None:
    lines = script(*TEXTS)
    found = check_against(lines, spoken([*lines[:2], *lines[3:]]))
    missing = [each for each in found if each.state is not LineState.SAID]
    assert [(each.state, each.number) for each in missing] == [(LineState.MISSING, 3)]
    assert missing[0].confidence == 1
    assert missing[0].interval == lines[2].slot


def test_other_words_in_the_place_of_a_line_are_a_difference() -> None:
    lines = script(*TEXTS)
    changed = replace(lines[3], text="Walking along the river with my dog.")
    found = check_against(lines, spoken([*lines[:3], changed, lines[4]]))
    (different,) = [each for each in found if each.state is not LineState.SAID]
    assert (different.state, different.number) == (LineState.DIFFERENT, 4)
    assert different.recognised == changed.text
    assert different.confidence > 0.7


def test_words_that_the_script_does_not_have_are_extra() -> None:
    lines = script(*TEXTS, gap=10)
    ad_lib = ScriptLine(0, "Nobody wrote this sentence", Interval(Fraction(16), Fraction(18)))
    found = check_against(lines, spoken([lines[0], ad_lib, *lines[1:]]))
    (extra,) = [each for each in found if each.state is not LineState.SAID]
    assert (extra.state, extra.number, extra.interval) == (LineState.EXTRA, None, ad_lib.slot)
    assert extra.recognised == ad_lib.text


def test_of_equal_lines_the_one_that_was_not_said_is_missing() -> None:
    lines = script("Nine please.", "Nine please.", "Nine please.", "Thank you.")
    found = states(lines, spoken([lines[0], lines[2], lines[3]]))
    assert found == [("said", 1), ("missing", 2), ("said", 3), ("said", 4)]


def test_a_line_that_is_said_late_is_still_found() -> None:
    lines = script(*TEXTS)
    late = [replace(line, slot=Interval(line.slot.start + 1, line.slot.end + 1)) for line in lines]
    assert {state for state, _ in states(lines, spoken(late))} == {"said"}


def test_languages_without_spaces_are_compared_by_letter() -> None:
    lines = script("今日はとても良い天気ですね。", "昨夜はどこにいましたか。")
    heard = [replace(lines[0], text="今日はとてもいい天気ですね"), lines[1]]
    assert [state for state, _ in states(lines, spoken(heard, "ja"))] == ["said", "said"]
    assert states(lines, spoken(heard[:1], "ja")) == [("said", 1), ("missing", 2)]


@pytest.mark.parametrize("silent", [True, False])
def test_without_words_every_line_is_missing(silent: bool) -> None:
    lines = script(*TEXTS)
    voice = () if silent else tuple(line.slot for line in lines)
    found = check_against(lines, Transcript("en", (), voice, ""))
    assert {each.state for each in found} == {LineState.MISSING}
    assert {each.confidence for each in found} == {1.0 if silent else 0.5}


def test_a_check_has_a_json_form() -> None:
    lines = script("Hello.")
    (document,) = check_to_json(check_against(lines, spoken(lines)))
    assert document == {
        "state": "said",
        "line": 1,
        "start": 4.0,
        "end": 6.0,
        "character": "",
        "text": "Hello.",
        "recognised": "Hello.",
        "confidence": 1.0,
    }


def test_a_long_film_takes_seconds() -> None:
    lines = script(*(f"{text} number {number}" for number in range(500) for text in TEXTS), gap=3)
    assert {state for state, _ in states(lines, spoken(lines))} == {"said"}
