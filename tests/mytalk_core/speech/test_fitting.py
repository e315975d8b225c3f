"""Lines fit into their slots, and never into their neighbours."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.speech.fitting import FitConfig, FittedLine, fit_lines, inner_pauses
from mytalk_core.speech.line_room import onset_of
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.transcript import Interval, Word

CONFIG = FitConfig()
FILM_END = Fraction(12)
MILLISECOND = Fraction(1, 1000)


def between(start: float, end: float) -> Interval:
    return Interval(Fraction(str(start)), Fraction(str(end)))


def line_of(slot: Interval, spoken: Sequence[Interval], number: int = 1, stem: str = "") -> DubLine:
    """Return a line of words with these times."""
    words = tuple(Word("word", each.start, each.end) for each in spoken)
    sound = Interval(spoken[0].start, spoken[-1].end)
    return DubLine(number, "word " * len(words), slot, sound, words, stem)


def fitted(*lines: DubLine, config: FitConfig = CONFIG) -> tuple[FittedLine, ...]:
    return fit_lines(lines, FILM_END, config)


times = st.integers(0, 9_000).map(lambda number: number * MILLISECOND)
lengths = st.integers(40, 900).map(lambda number: number * MILLISECOND)


@st.composite
def dub_lines(draw: st.DrawFn) -> DubLine:
    slot_start = draw(times)
    slot = Interval(slot_start, slot_start + draw(lengths) + draw(lengths) + draw(lengths))
    shift = draw(st.sampled_from([0, 0, -50, 200, 900, -1500])) * MILLISECOND
    spoken, time = [], slot_start + shift
    for _ in range(draw(st.integers(1, 5))):
        spoken.append(Interval(time, time + draw(lengths)))
        time = spoken[-1].end + draw(st.integers(0, 400)) * MILLISECOND
    line = line_of(slot, spoken, stem=draw(st.sampled_from(["", "anna"])))
    assert line.sound
    kind = draw(st.sampled_from(["script"] * 6 + ["recognised", "silent"]))
    if kind == "recognised":
        return DubLine(1, line.text, line.sound, line.sound, line.words, line.stem)
    return DubLine(1, line.text, slot, None, (), line.stem) if kind == "silent" else line


@st.composite
def dubs(draw: st.DrawFn) -> tuple[DubLine, ...]:
    lines = sorted(draw(st.lists(dub_lines(), max_size=8)), key=lambda each: each.slot.start)
    return tuple(
        DubLine(number, each.text, each.slot, each.sound, each.words, each.stem)
        for number, each in enumerate(lines, 1)
    )


def moved(line: DubLine, lines: Sequence[DubLine]) -> bool:
    """Return whether a line may be moved: it is of a script, and alone in its stem."""
    if line.sound is None or line.slot == line.sound:
        return False
    return not any(
        overlap(line.sound, other.sound)
        for other in lines
        if other is not line and other.stem == line.stem and other.sound
    )


def overlap(one: Interval, other: Interval) -> bool:
    return max(one.start, other.start) < min(one.end, other.end)


def outside(interval: Interval, slot: Interval) -> list[Interval]:
    parts = (
        Interval(interval.start, min(interval.end, slot.start)),
        Interval(max(interval.start, slot.end), interval.end),
    )
    return [part for part in parts if part.length > 0]


@given(dubs())
def test_no_line_touches_a_neighbour(lines: tuple[DubLine, ...]) -> None:
    results = dict(zip(lines, fitted(*lines), strict=True))
    free = [line for line in lines if moved(line, lines)]
    for line in free:
        interval = results[line].interval
        assert 0 <= interval.start <= interval.end <= FILM_END
        for other in lines:
            if other is line or not interval.length:
                continue
            if other.stem == line.stem and other.sound:
                assert not overlap(interval, results[other].interval)
            for part in outside(interval, line.slot):
                assert not overlap(part, other.slot)
                assert not overlap(part, results[other].interval)
    for one, other in combinations(free, 2):
        early, late = sorted((one, other), key=lambda each: onset_of(each, CONFIG.room.tolerance))
        if one.stem == other.stem and results[early].interval.length:
            assert results[early].interval.start <= results[late].interval.start


@given(dubs())
def test_limits_are_kept_and_lengths_are_exact(lines: tuple[DubLine, ...]) -> None:
    for line, result in zip(lines, fitted(*lines), strict=True):
        if not moved(line, lines):
            assert result.time_map.is_identity
            continue
        assert line.sound
        if not result.time_map.points:
            assert result.excess > 0 and not result.interval.length
            continue
        first, last = result.time_map.points[0], result.time_map.points[-1]
        assert first.source == line.sound.start
        assert (first.target, last.target) == (result.interval.start, result.interval.end)
        assert Fraction(17, 20) <= result.speed <= Fraction(23, 20)
        taken = Fraction(0)
        for pause in inner_pauses(line, line.sound, (), CONFIG):
            length = result.time_map.at(pause.end) - result.time_map.at(pause.start)
            taken += pause.length - length
            if pause.end < last.source:
                assert length >= max(pause.length * 3 / 5, Fraction(2, 25))
                assert length <= pause.length * 3 / 2
        if result.excess:
            assert result.speed == Fraction(23, 20)
            assert last.source < line.sound.end
        else:
            assert last.source == line.sound.end
            assert result.pauses == taken
        for word in line.words:
            if word.interval and word.interval.end <= last.source:
                length = result.time_map.at(word.end) - result.time_map.at(word.start)
                assert length == word.interval.length / result.speed


@given(dubs())
def test_what_fits_stays_as_it_is(lines: tuple[DubLine, ...]) -> None:
    """Sounds in their slots that fill them are not changed, and twice fitted is once fitted."""
    results = fitted(*lines)
    for line, result in zip(lines, results, strict=True):
        slot, sound = line.slot, line.sound
        alone = not any(
            overlap(slot, other.slot) or (other.sound and overlap(slot, other.sound))
            for other in lines
            if other is not line
        )
        if not (sound and alone and moved(line, lines) and slot.end <= FILM_END):
            continue
        empty = slot.end - sound.end
        if sound.start >= slot.start and 0 <= empty <= (slot.end - sound.start) * 3 / 20:
            assert result.time_map.is_identity and result.text == "unchanged"


def test_pauses_are_used_first() -> None:
    spoken = [between(1, 2), between(2.5, 3.5)]
    (result,) = fitted(line_of(between(1, 3.3), spoken))
    assert (result.pauses, result.gap, result.speed) == (Fraction(1, 5), 0, 1)
    assert result.interval == between(1, 3.3)
    assert result.time_map.at(Fraction(2)) == 2
    assert result.time_map.at(Fraction("2.5")) == Fraction("2.3")


def test_then_the_gap_is_used() -> None:
    line = line_of(between(1, 2.5), [between(1, 2), between(2.5, 3.5)])
    (alone,) = fitted(line)
    assert (alone.pauses, alone.gap, alone.speed) == (Fraction(1, 5), Fraction("0.8"), 1)
    follower = line_of(between(3.1, 4), [between(3.55, 4)], 2)
    first, second = fitted(line, follower)
    assert first.interval.end == Fraction("3.02")  # a breath before the neighbour's slot
    assert first.speed > 1 and not first.excess
    assert second.time_map.is_identity or second.pauses <= 0


def test_then_speech_is_faster_and_the_rest_is_reported() -> None:
    blocked = line_of(between(3, 4), [between(3.2, 4)], 2, "other")
    before = line_of(between(0, 1), [between(0, 1)], 3, "third")
    for end, speed, excess in ((3.1, Fraction(21, 20), 0), (3.3, Fraction(23, 20), 0)):
        spoken = [between(1, end)]
        first, *_ = fitted(line_of(between(1, 3), spoken, 1), blocked, before)
        assert first.speed == spoken[0].length / 2 and first.speed <= speed
        assert first.excess == excess and first.interval == between(1, 3)
    first, *_ = fitted(line_of(between(1, 3), [between(1, 3.53)], 1), blocked, before)
    assert first.speed == Fraction(23, 20)
    assert first.excess == Fraction("2.53") / first.speed - 2 == Fraction(1, 5)
    assert first.interval == between(1, 3)
    assert "0.20 s too long" in first.text


def test_the_limit_is_the_users() -> None:
    blocked = line_of(between(3, 4), [between(3.2, 4)], 2, "other")
    before = line_of(between(0, 1), [between(0, 1)], 3, "third")
    line = line_of(between(1, 3), [between(1, 3.5)])
    wide = fitted(line, blocked, before, config=FitConfig(limit=Fraction(3, 10)))[0]
    assert (wide.speed, wide.excess) == (Fraction(5, 4), 0)
    none = fitted(line, blocked, before, config=FitConfig(limit=Fraction(0)))[0]
    assert (none.speed, none.excess) == (1, Fraction(1, 2))
    with pytest.raises(ValueError, match=r"0 to 0\.3"):
        FitConfig(limit=Fraction(2, 5))


def test_time_before_the_onset_comes_before_fast_speech() -> None:
    blocked = line_of(between(3, 4), [between(3.2, 4)], 2, "other")
    first, _ = fitted(line_of(between(1, 3), [between(1.3, 3.4)]), blocked)
    assert first.speed == Fraction(21, 20)
    assert first.interval == Interval(Fraction(1), Fraction(3))
    assert first.gap == Fraction("0.3")


def test_a_line_starts_before_its_slot_only_if_nothing_else_helps() -> None:
    blocked = line_of(between(3, 4), [between(3.2, 4)], 2, "other")
    first, _ = fitted(line_of(between(2, 3), [between(2, 3.5)]), blocked)
    assert first.speed == Fraction(23, 20)
    assert first.interval.end == 3 and not first.excess
    assert first.gap == Fraction("1.5") / first.speed - 1


def test_a_gap_is_used_once() -> None:
    """A line that ends in a gap, one that would start in it, and a breath between them."""
    one = line_of(between(1, 2), [between(1, 3.9)], 1)
    other = line_of(between(4, 4.5), [between(4, 5.9)], 2, "other")
    blocked = line_of(between(4.5, 6), [between(4.6, 6)], 3, "third")
    first, second, _ = fitted(one, other, blocked)
    assert first.interval == between(1, 3.9)
    assert second.interval == between(3.98, 4.5)
    assert second.excess > 0


def test_slots_that_overlap_are_shared_within_a_stem() -> None:
    """The first line ends where the second one starts in the stem, though its slot goes on."""
    one = line_of(between(1, 4), [between(1, 2.3)], 1)
    other = line_of(between(1, 4), [between(2.6, 4)], 2)
    first, second = fitted(one, other)
    assert first.interval.end == Fraction("2.52") and first.speed < 1
    assert second.interval == between(2.6, 4)


def test_a_clearly_short_line_grows() -> None:
    spoken = [between(1, 2), between(2.2, 3.2)]
    (result,) = fitted(line_of(between(1, 3.6), spoken))
    assert (result.pauses, result.speed) == (-Fraction(1, 10), Fraction(20, 23))
    assert result.interval == between(1, 3.6)
    (long,) = fitted(line_of(between(1, 9), spoken))
    assert (long.pauses, long.speed) == (-Fraction(1, 10), Fraction(17, 20))
    (near,) = fitted(line_of(between(1, 3.5), spoken))
    assert near.time_map.is_identity


def test_a_line_starts_with_its_slot_or_later_in_it() -> None:
    slot = between(5, 7)
    for onset, start in ((5.4, 5.4), (4.95, 4.95), (4, 5), (7.5, 5), (9, 5)):
        spoken = [between(onset, onset + 1.5)]
        (result,) = fitted(line_of(slot, spoken))
        assert result.interval.start == Fraction(str(start)), onset


def test_overlapping_lines_of_one_stem_stay() -> None:
    one = line_of(between(1, 2), [between(1, 3)], 1)
    other = line_of(between(2, 4), [between(2.5, 4)], 2)
    results = fitted(one, other)
    assert all(result.time_map.is_identity for result in results)
    assert results[0].excess == 1 and "overlaps line 2" in results[0].text
    apart = fitted(one, line_of(between(2, 4), [between(2.5, 4)], 2, "other"))
    assert not apart[0].time_map.is_identity


def test_lines_without_sound_or_beyond_the_end() -> None:
    silent = DubLine(1, "nothing", between(1, 2), None, ())
    (result,) = fitted(silent)
    assert (result.time_map.points, result.interval.length) == ((), 0)
    (beyond,) = fitted(line_of(between(50, 52), [between(50, 51)]))
    assert (beyond.time_map.points, beyond.interval.length) == ((), 0)
    assert beyond.excess > 0
    assert fit_lines((), FILM_END) == ()


def test_pauses_between_words_without_times_are_those_of_the_voice() -> None:
    words = (Word("one"), Word("two"), Word("three"))
    line = DubLine(1, "one two three", between(1, 3.3), between(1, 3.5), words)
    voice = {"": [between(0, 0.5), between(1, 2), between(2.5, 3.5)]}
    (without,) = fit_lines([line], FILM_END)
    (result,) = fit_lines([line], FILM_END, voice=voice)
    assert (without.pauses, result.pauses) == (0, Fraction(1, 5))


def test_many_lines_are_placed_one_after_the_other() -> None:
    lines = [
        line_of(between(n, n + 0.8), [between(n, n + 0.5), between(n + 0.7, n + 1)], n)
        for n in range(1, 2_001)
    ]
    results = fit_lines(lines, Fraction(2_001))
    assert all(result.pauses == Fraction(2, 25) for result in results)
    assert all(one.interval.end < two.interval.start for one, two in pairwise(results))
