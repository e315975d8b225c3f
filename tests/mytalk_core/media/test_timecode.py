"""Timecode labels against counting by hand, and the start timecode of films."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.media.timecode import Timecode, film_timecode

NTSC = Fraction(30000, 1001)
COUNTS = [  # rate, drop frame, numbers of a second, numbers dropped a minute
    (Fraction(24000, 1001), False, 24, 0),
    (Fraction(24), False, 24, 0),
    (Fraction(25), False, 25, 0),
    (NTSC, False, 30, 0),
    (NTSC, True, 30, 2),
    (Fraction(50), False, 50, 0),
    (2 * NTSC, True, 60, 4),
    (4 * NTSC, True, 120, 8),
]


def counted_minutes(numbers: int, dropped: int) -> Iterator[tuple[str, list[str]]]:
    """Count the minutes of a day: `HH:MM` and the labels of its frames, without dropped ones."""
    mark = ";" if dropped else ":"
    whole = [
        f":{second:02d}{mark}{number:02d}" for second in range(60) for number in range(numbers)
    ]
    for minute in range(24 * 60):
        yield f"{minute // 60:02d}:{minute % 60:02d}", whole[dropped if minute % 10 else 0 :]


@pytest.mark.parametrize(("rate", "drop", "numbers", "dropped"), COUNTS)
def test_labels_count_as_a_clock_does(
    rate: Fraction, drop: bool, numbers: int, dropped: int
) -> None:
    """Every frame of the minutes 9 to 11, and the ends of every minute of a day."""
    first = 0
    for number, (minute, labels) in enumerate(counted_minutes(numbers, dropped)):
        ends = (*range(5), *range(len(labels) - 3, len(labels)))
        for frame in range(len(labels)) if 9 <= number <= 11 else ends:
            timecode = Timecode(first + frame, rate, drop)
            assert timecode.label == minute + labels[frame]
            assert Timecode.parse(timecode.label, rate) == timecode
        first += len(labels)
    assert Timecode(first - 1, rate, drop).plus(1) == Timecode(0, rate, drop)
    with pytest.raises(ValueError, match="not within a day"):
        Timecode(first, rate, drop)


@given(st.sampled_from(COUNTS), st.integers(0, 24 * 3600 * 24 - 1), st.integers(-(10**8), 10**8))
def test_parse_inverts_the_label(
    count: tuple[Fraction, bool, int, int], frame: int, further: int
) -> None:
    rate, drop, _numbers, _dropped = count
    timecode = Timecode(frame, rate, drop)
    assert Timecode.parse(timecode.label, rate) == timecode
    later = timecode.plus(further)
    assert later.plus(-further) == timecode
    assert timecode.plus(later.frames_since(timecode)) == later
    assert timecode.at(later.seconds_since(timecode)) == later


def test_drop_frame_is_close_to_the_clock() -> None:
    hour = Timecode.parse("01:00:00;00", NTSC)
    assert hour.frame == 107_892
    assert abs(hour.seconds_since(Timecode(0, NTSC, True)) - 3600) < Fraction(1, 100)


def test_the_frame_on_screen_has_the_timecode() -> None:
    start = Timecode.parse("10:00:00:00", Fraction(24000, 1001))
    assert start.at(Fraction(1001, 1000)).label == "10:00:01:00"
    assert start.at(Fraction(1001, 1000) - Fraction(1, 10**9)).label == "10:00:00:23"


@pytest.mark.parametrize("skipped", ["00:01:00;00", "00:01:00;01", "13:59:00;01"])
def test_a_dropped_number_is_refused(skipped: str) -> None:
    with pytest.raises(ValueError, match="skips this number"):
        Timecode.parse(skipped, NTSC)
    assert Timecode.parse(skipped.replace(";", ":"), NTSC).label == skipped.replace(";", ":")


@pytest.mark.parametrize(
    "text", ["", "1", "01:00:00", "01:00:00.00", "24:00:00:00", "00:60:00:00", "00:00:60:00"]
)
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a timecode"):
        Timecode.parse(text, Fraction(25))


def test_numbers_end_with_the_rate() -> None:
    assert Timecode.parse("00:00:00:24", Fraction(25)).frame == 24
    with pytest.raises(ValueError, match="23:59:59:24 at 25 frames"):
        Timecode.parse("00:00:00:25", Fraction(25))


def test_colons_may_stand_for_drop_frame() -> None:
    assert Timecode.parse("00:10:00:00", NTSC, drop=True).label == "00:10:00;00"
    assert Timecode.parse("00;10;00;00", NTSC).drop


def test_drop_frame_needs_its_rates() -> None:
    for rate in (Fraction(25), Fraction(24000, 1001), Fraction(30)):
        with pytest.raises(ValueError, match="does not exist"):
            Timecode(0, rate, drop=True)


def test_different_counts_do_not_mix() -> None:
    with pytest.raises(ValueError, match="differently"):
        Timecode(0, NTSC, True).frames_since(Timecode(0, NTSC))


def test_a_film_may_cross_midnight() -> None:
    start = Timecode.parse("23:59:59:00", Fraction(25))
    assert Timecode.parse("00:00:01:00", Fraction(25)).seconds_since(start) == 2


@pytest.mark.parametrize(
    ("name", "codec", "rate", "label"),
    [
        ("film.mov", "mpeg4", "30000/1001", "00:59:58;12"),
        ("film.mp4", "mpeg4", "24000/1001", "10:00:00:00"),
        ("film.mxf", "mpeg2video", "25", "09:58:30:24"),
        ("film.mkv", "mpeg4", "25", "01:00:00:00"),
    ],
)
def test_the_start_timecode_of_a_film_is_read(
    run_ffmpeg: Callable[..., Path], tmp_path: Path, name: str, codec: str, rate: str, label: str
) -> None:
    source = ("-f", "lavfi", "-i", f"testsrc=s=96x64:r={rate}:d=1")
    film = run_ffmpeg(tmp_path / name, *source, "-c:v", codec, "-timecode", label)
    found = film_timecode(film)
    assert found is not None
    assert (found.label, found.rate) == (label, Fraction(rate))


def test_a_film_without_valid_timecode_has_none(
    run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=1", "-c:v", "mpeg4")
    assert film_timecode(run_ffmpeg(tmp_path / "plain.mp4", *source)) is None
    bad = run_ffmpeg(tmp_path / "bad.mkv", *source, "-metadata", "timecode=one o'clock")
    assert film_timecode(bad) is None
