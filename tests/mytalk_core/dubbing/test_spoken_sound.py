"""A passage is given the sound of its own lines and silence elsewhere."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from mytalk_core.dubbing.passages import SpokenLine
from mytalk_core.dubbing.spoken_sound import SpokenSound
from mytalk_core.films.stored_array import store_array
from mytalk_core.speech.transcript import Interval


def _line(number: int, start: str, end: str) -> SpokenLine:
    return SpokenLine(number, "", (Interval(Fraction(start), Fraction(end)),))


def test_other_lines_are_silent(tmp_path: Path) -> None:
    samples = np.arange(1, 16_000 * 10 + 1, dtype=np.float32)
    lines = (_line(1, "1", "2"), _line(2, "9/4", "3"), _line(3, "2", "11/5"))
    sound = SpokenSound(store_array(tmp_path / "sound", [samples]), lines, margin=0.25)
    own = sound.only((1, 2), (*lines[0].voice, *lines[1].voice), (-10, 250))
    at = own[10 * 640 :]
    assert not own[: 10 * 640].any()
    assert not at[:12_000].any() and not at[52_000:].any()
    np.testing.assert_array_equal(at[12_000:32_000], samples[12_000:32_000])
    assert not at[32_000:35_200].any()  # line 3
    np.testing.assert_array_equal(at[35_200:52_000], samples[35_200:52_000])


def test_sound_that_ends_early_is_followed_by_silence(tmp_path: Path) -> None:
    samples = np.ones(16_000, np.float32)
    lines = (_line(1, "1/2", "3"),)
    sound = SpokenSound(store_array(tmp_path / "sound", [samples]), lines, margin=0.0)
    own = sound.only((1,), lines[0].voice, (0, 100))
    assert own[8_000:16_000].all() and not own[16_000:].any() and len(own) == 64_000
