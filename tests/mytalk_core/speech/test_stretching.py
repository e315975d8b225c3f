"""The sound of fitted lines: exact lengths, exact copies, no clicks."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.media.clock import sample_at
from mytalk_core.speech import stretching
from mytalk_core.speech.fitting import FitConfig, FittedLine, fit_lines
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.stretching import fit_sound, fitted_blocks
from mytalk_core.speech.transcript import Interval, Word

RATE = 8_000
MILLISECOND = Fraction(1, 1000)


def between(start: float, end: float) -> Interval:
    return Interval(Fraction(str(start)), Fraction(str(end)))


def line_of(slot: Interval, spoken: Sequence[Interval], number: int = 1) -> DubLine:
    words = tuple(Word("word", each.start, each.end) for each in spoken)
    return DubLine(number, "", slot, Interval(spoken[0].start, spoken[-1].end), words)


def fit(*lines: DubLine, end: float = 60, limit: str = "0.15") -> tuple[FittedLine, ...]:
    return fit_lines(lines, Fraction(end), FitConfig(limit=Fraction(limit)))


def tone(
    spoken: Sequence[Interval], seconds: float, rate: int = RATE, pitch: float = 200
) -> NDArray[np.float32]:
    """Return (1, N): a tone of 0.5 while something is spoken, and silence."""
    time = np.arange(round(seconds * rate)) / rate
    sounding = np.zeros(len(time), bool)
    for each in spoken:
        sounding[sample_at(each.start, rate) : sample_at(each.end, rate)] = True
    samples = 0.5 * np.sin(2 * np.pi * pitch * time) * sounding
    return samples.astype(np.float32)[None]


def level(samples: NDArray[np.float32], interval: Interval, rate: int = RATE) -> float:
    part = samples[:, sample_at(interval.start, rate) : sample_at(interval.end, rate)]
    return float(np.sqrt(np.square(part).mean()))


def noise(seconds: float, channels: int = 1, rate: int = RATE) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    return random.normal(0, 0.1, (channels, round(seconds * rate))).astype(np.float32)


def test_lines_that_fit_are_copied_bit_for_bit() -> None:
    stem = noise(30, 2)
    lines = fit(
        line_of(between(1, 3), [between(1, 3)]), line_of(between(4, 6), [between(4.1, 5.9)])
    )
    assert np.array_equal(fit_sound(stem, RATE, lines, stem.shape[1]), stem)
    longer = fit_sound(stem, RATE, lines, stem.shape[1] + 5)
    assert np.array_equal(longer[:, :-5], stem) and not longer[:, -5:].any()
    assert np.array_equal(fit_sound(stem, RATE, (), 100), stem[:, :100])


def test_sound_away_from_changed_lines_is_copied_bit_for_bit() -> None:
    stem = noise(25, 3)
    lines = fit(line_of(between(12, 13.6), [between(11, 12), between(12.4, 13.6)]), end=25)
    fitted = fit_sound(stem, RATE, lines, stem.shape[1])
    (line,) = lines
    first = sample_at(between(10.92, 0).start, RATE)
    end = sample_at(max(line.interval.end, Fraction("13.6")) + Fraction("0.08"), RATE)
    assert np.array_equal(fitted[:, :first], stem[:, :first])
    assert np.array_equal(fitted[:, end:], stem[:, end:])
    assert not np.array_equal(fitted, stem)


def test_a_moved_line_leaves_silence() -> None:
    spoken = [between(4, 5)]
    stem = tone(spoken, 9)
    (line,) = fit(line_of(between(6, 7), spoken))
    fitted = fit_sound(stem, RATE, [line], stem.shape[1])
    assert not fitted[:, : 6 * RATE].any()
    assert np.allclose(fitted[:, 6 * RATE : 7 * RATE], stem[:, 4 * RATE : 5 * RATE])


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("share", ["1.1", "0.85"])
def test_stretched_lines_have_exact_lengths_and_pitch(rate: int, share: str) -> None:
    """The tone sounds in the fitted interval, to some milliseconds, at its own pitch."""
    spoken = [between(2, 4)]
    stem = tone(spoken, 7, rate)
    slot = Interval(Fraction(2), 2 + 2 / Fraction(share) + (1 if share < "1" else 0))
    after = DubLine(2, "", Interval(slot.end, slot.end + 1), None, ())
    line, _ = fit_lines([line_of(slot, spoken), after], Fraction(7))
    assert line.speed == Fraction(share)
    fitted = fit_sound(stem, rate, [line], stem.shape[1])
    assert fitted.shape == stem.shape
    sounding = np.flatnonzero(np.abs(fitted[0]) > 0.05)
    assert abs(sounding[0] - 2 * rate) < 0.012 * rate
    assert abs(sounding[-1] - sample_at(2 + 2 / line.speed, rate)) < 0.012 * rate
    part = fitted[0, 5 * rate // 2 :][: rate // 2 * 2]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    assert np.argmax(spectrum) * rate / len(part) == pytest.approx(200, abs=2)
    assert level(fitted, between(2.1, 3.7), rate) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_pauses_are_cut_in_their_middle() -> None:
    spoken = [between(1, 2), between(2.5, 3.5)]
    stem = tone(spoken, 5)
    (line,) = fit(line_of(between(1, 3.3), spoken))
    fitted = fit_sound(stem, RATE, [line], stem.shape[1])
    moved = sample_at(Fraction("2.3"), RATE)
    assert np.array_equal(fitted[:, RATE : 2 * RATE], stem[:, RATE : 2 * RATE])
    assert np.array_equal(
        fitted[:, moved : moved + RATE], stem[:, 2 * RATE + RATE // 2 : 3 * RATE + RATE // 2]
    )
    assert not fitted[:, 2 * RATE : moved].any()


def test_grown_pauses_repeat_their_own_sound() -> None:
    """Room tone does not end in a pause that grows."""
    spoken = [between(1, 2), between(2.4, 3.4)]
    stem = noise(6)
    (line,) = fit(line_of(between(1, 3.9), spoken))
    assert line.pauses == Fraction(-1, 5)
    fitted = fit_sound(stem, RATE, [line], stem.shape[1])
    for start in range(1900, 2900, 50):
        part = between(start / 1000, start / 1000 + 0.05)
        assert level(fitted, part) == pytest.approx(0.1, rel=0.35)


def test_what_does_not_fit_is_cut_off() -> None:
    spoken = [between(1, 3)]
    previous = DubLine(3, "", between(0, 1), None, ())
    following = line_of(between(2, 2.9), [between(3.2, 4)], 2)
    stem = tone([*spoken, between(3.2, 4)], 5)
    lines = fit(line_of(between(1, 2), spoken), following, previous)
    assert lines[0].excess > 0 and lines[0].interval.end == 2
    fitted = fit_sound(stem, RATE, lines, stem.shape[1])
    assert level(fitted, between(1.1, 1.9)) > 0.3
    assert level(fitted, between(2.1, 2.7)) > 0.3  # the next line, and nothing of the first
    assert level(fitted, between(2.85, 3.9)) == 0


def test_channels_stay_coherent() -> None:
    spoken = [between(1, 3)]
    one = tone(spoken, 4)
    stem = np.concatenate([one, 0.5 * one, -one])
    after = DubLine(2, "", between(2.8, 4), None, ())
    line, _ = fit_lines([line_of(between(1, 2.8), spoken), after], Fraction(4))
    fitted = fit_sound(stem, RATE, [line], stem.shape[1])
    assert line.speed > 1
    assert np.allclose(fitted[1], fitted[0] / 2, atol=1e-3)
    assert np.allclose(fitted[2], -fitted[0], atol=1e-3)


def test_joins_do_not_click() -> None:
    """Between samples, no step is larger than those of the tone itself."""
    spoken = [between(1, 2), between(2.5, 3.5)]
    stem = tone([between(0, 5)], 5, 48_000, 100)
    (line,) = fit(line_of(between(1, 2.9), spoken), end=3)
    assert line.pauses and line.speed > 1
    fitted = fit_sound(stem, 48_000, [line], stem.shape[1])
    largest = float(np.abs(np.diff(stem)).max())
    assert float(np.abs(np.diff(fitted)).max()) < 1.6 * largest


@settings(max_examples=25)
@given(st.data())
def test_blocks_do_not_depend_on_each_other(data: st.DataObject) -> None:
    """Any lines give as many samples as the film has, the same in blocks of any length."""
    lines, time = [], Fraction(0)
    for number in range(1, data.draw(st.integers(1, 5)) + 1):
        spoken = []
        time += data.draw(st.integers(0, 500)) * MILLISECOND
        start = time
        for _ in range(data.draw(st.integers(1, 3))):
            spoken.append(Interval(time, time + data.draw(st.integers(30, 600)) * MILLISECOND))
            time = spoken[-1].end + data.draw(st.integers(0, 300)) * MILLISECOND
        slot_end = start + data.draw(st.integers(30, 2000)) * MILLISECOND
        lines.append(line_of(Interval(start, slot_end), spoken, number))
    fitted = fit_lines(lines, data.draw(st.integers(1, 8)) * Fraction(1))
    stem = noise(float(time), 2)
    length = data.draw(st.integers(1, 9 * RATE))
    whole = fit_sound(stem, RATE, fitted, length)
    assert whole.shape == (2, length) and np.isfinite(whole).all()
    assert np.abs(whole).max() < 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretching, "_OUTPUT", 1)
        blocks = list(fitted_blocks(stem, RATE, fitted, length))
    assert max(block.shape[1] for block in blocks) <= RATE
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)
