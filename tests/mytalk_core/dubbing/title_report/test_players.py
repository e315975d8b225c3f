"""Which lines a report shows, and their clips."""

import base64
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.dubbing.title_report import players
from mytalk_core.dubbing.title_report.players import clip_uri, lines_to_show
from mytalk_core.dubbing.title_report.values import Finding, Severity
from mytalk_core.errors import BadInputError
from mytalk_core.speech.transcript import Interval

LINE = Interval(Fraction(1, 2), Fraction(2))


def test_the_worst_lines_come_before_a_sample_of_the_others():
    found = [
        Finding(Severity.WARNING, "late", None, 7),
        Finding(Severity.ERROR, "too long", None, 90),
        Finding(Severity.NOTE, "new", None, 3),
    ]
    shown = lines_to_show(range(1, 101), found)
    assert {7, 90} < set(shown)
    assert len(shown) == 10
    assert lines_to_show(range(1, 101), found, most=1) == (90,)


@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.sampled_from(Severity), st.integers(1, 70))),
    st.integers(1, 45),
)
def test_lines_are_chosen_once_in_order_and_bounded(count, found, most):
    lines = list(range(1, count + 1))
    findings = [Finding(severity, "", None, line) for severity, line in found]
    shown = lines_to_show(lines, findings, most)
    assert list(shown) == sorted(set(shown))
    assert set(shown) <= set(lines)
    assert len(shown) <= most
    assert bool(shown) == bool(lines)


def test_a_clip_is_small_and_plays_with_sound(sample_clips, tmp_path: Path):
    film = sample_clips["jwp_intro"].path
    uri = clip_uri(film, LINE)
    kind, data = uri.split(",", 1)
    assert kind == "data:video/mp4;base64"
    (tmp_path / "clip.mp4").write_bytes(base64.b64decode(data))
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        picture, sound = clip.streams.video[0], clip.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert picture.height <= 288 and picture.height % 2 == 0 and picture.width % 2 == 0
        assert float(picture.duration * picture.time_base) == pytest.approx(2.0, abs=0.1)


def test_a_clip_over_the_limit_is_left_out(sample_clips, monkeypatch):
    monkeypatch.setattr(players, "MAX_CLIP_BYTES", 1000)
    assert clip_uri(sample_clips["jwp_intro"].path, LINE) is None


def test_a_film_that_cannot_be_read_is_an_error(tmp_path: Path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film")
    with pytest.raises(BadInputError, match=r"film\.mp4"):
        clip_uri(film, LINE)
