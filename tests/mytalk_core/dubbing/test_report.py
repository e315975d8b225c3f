"""The report: that it holds what the dub found, escapes it, and needs nothing but itself."""

import base64
import math
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from itertools import chain, pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.report import (
    Check,
    DubReport,
    PassedThrough,
    clock_text,
    passed_through,
    rate_text,
    write_report,
)
from mytalk_core.dubbing.report_curve import (
    PANEL_SECONDS,
    PANEL_WIDTH,
    MouthCurve,
    curve_panels,
)
from mytalk_core.dubbing.report_pictures import (
    FramePair,
    MouthBox,
    TellingFrames,
    close_up,
    frame_picture,
    mouth_box,
)
from mytalk_core.errors import OutputError
from mytalk_core.media.probe import VideoInfo
from mytalk_core.speech.transcript import Interval, Segment, Transcript, Word

FPS = Fraction(30000, 1001)
FRAMES = 150
RED, BLUE = (230, 20, 20), (20, 20, 230)


def plain(colour: tuple[int, int, int], height: int = 72, width: int = 96) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def decoded(uri: str) -> np.ndarray:
    kind, data = uri.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[
        ..., ::-1
    ]


def flat_curve(seconds: float = 5.0, fps: float = 30.0) -> MouthCurve:
    times = np.arange(round(seconds * fps)) / fps
    return MouthCurve(times, 0 * times + 0.1, 0 * times + 0.2, 0 * times - 20.0)


@pytest.fixture
def report() -> DubReport:
    words = (
        Word("hello", Fraction(1, 2), Fraction(1)),
        Word("<i>there</i>", Fraction(1), Fraction(3, 2)),
        Word("untold"),
    )
    return DubReport(
        title="A & <b>",
        source=VideoInfo(
            path="film.mp4",
            width=96,
            height=72,
            fps=FPS,
            duration=FRAMES / FPS,
            frame_estimate=FRAMES,
            has_audio=True,
            codec="h264",
            pixel_format="yuv420p",
            time_base=1 / FPS,
        ),
        starts=[number / FPS for number in range(FRAMES)],
        duration=FRAMES / FPS,
        frames=FRAMES,
        speech="speech.wav",
        transcript=Transcript(
            "en",
            (Segment("hello there untold", Fraction(1, 2), Fraction(2), words),),
            (Interval(Fraction(1, 2), Fraction(2)),),
            "an aligner",
        ),
        pairs=(
            FramePair(Fraction(1), plain(RED), plain(BLUE), MouthBox(30, 40, 20)),
            FramePair(Fraction(2), plain(RED), plain(BLUE), None),
        ),
        curve=flat_curve(),
        passed_through=(PassedThrough(100, 109, LeftAlone.NO_FACE),),
        left_alone={LeftAlone.NO_FACE: 10},
        styles=((Fraction(0), "style learnt from 20 s of the film's own sound"),),
        stage_seconds={"faces": 3.0, "render": 7.5},
        checks={"frame count": Check(True, "150, as the source")},
        versions={"motion": "abc123"},
    )


class Page(HTMLParser):
    """What a page shows, and every address it names."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def written(path, report: DubReport) -> tuple[str, Page]:
    write_report(path, report)
    html = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(html)
    return html, page


def test_the_page_needs_nothing_but_itself(tmp_path, report):
    html, page = written(tmp_path / "film.mp4.report.html", report)

    assert len(page.addresses) == 6  # two pairs, one of them with close-ups
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not re.search(r"https?://|url\(|@import|<script|<link", html)


def test_the_page_says_what_the_dub_found(tmp_path, report):
    _, page = written(tmp_path / "r.html", report)

    for text in (
        "This is synthetic speech video.",
        "Every check holds",
        "150, as the source",
        "140 of 150",
        "29.97",
        "30000/1001",
        "no face",
        "style learnt from 20 s of the film's own sound",
        "untold",
        "an aligner",
        "abc123",
        "speech.wav",
    ):
        assert text in page.text, text
    assert "faces 3.0 50.0" in page.text  # 150 frames in 3 s
    assert "all 10.5 14.3" in page.text


def test_a_failed_check_is_said_first(tmp_path, report):
    checks = {**report.checks, "outside change": Check(False, "3, must be 0")}
    _, page = written(tmp_path / "r.html", replace(report, checks=checks))

    assert "1 of 2 checks failed: outside change" in page.text
    assert "Every check holds" not in page.text


def test_text_from_outside_is_text(tmp_path, report):
    _, page = written(tmp_path / "r.html", report)

    assert "A & <b>" in page.text
    assert "<i>there</i>" in page.text
    assert "i" not in page.tags[page.tags.index("svg") : page.tags.index("table")]


def test_silence_and_no_face_are_a_page_too(tmp_path, report):
    nowhere = np.full(FRAMES, np.nan)
    silent = replace(
        report,
        transcript=Transcript("und", (), (), ""),
        curve=MouthCurve(np.arange(FRAMES) / 30, nowhere, nowhere, nowhere * 0 - 80),
        pairs=(),
    )
    _, page = written(tmp_path / "r.html", silent)
    assert "Nobody speaks" in page.text


def test_nothing_is_left_where_the_page_cannot_be_written(tmp_path, report):
    with pytest.raises(OutputError, match="missing"):
        write_report(tmp_path / "missing" / "r.html", report)
    assert list(tmp_path.iterdir()) == []


def test_pictures_keep_their_colours_and_shape():
    picture = decoded(frame_picture(plain(RED, 576, 768)))
    assert picture.shape == (480, 640, 3)
    assert np.abs(picture.astype(int) - RED).max() < 12

    small = decoded(frame_picture(plain(BLUE)))
    assert small.shape == (72, 96, 3)


def test_a_close_up_shows_the_box_even_over_the_edge():
    image = plain(RED)
    image[60:, 80:] = BLUE
    inside = decoded(close_up(image, MouthBox(84, 62, 8)))
    beyond = decoded(close_up(image, MouthBox(84, 62, 40)))
    for picture in (inside, beyond):
        assert np.abs(picture.astype(int) - BLUE).max() < 12


def test_a_mouth_box_is_a_square_around_the_lips():
    box = mouth_box(np.array([[100, 200, 1], [140, 204, 1], [120, 212, 1]], np.float32))
    assert box.size > 40
    assert (box.left + box.size / 2, box.top + box.size / 2) == pytest.approx((120, 206), abs=1)


def test_speech_after_the_films_end_is_said_and_not_drawn(tmp_path, report):
    speech = replace(report.transcript, voice=(Interval(Fraction(4), Fraction(8)),))
    _, page = written(tmp_path / "r.html", replace(report, transcript=speech))
    assert "The film ends 3.0 s before the speech does" in page.text

    panels = curve_panels(flat_curve(5), Fraction(5), speech.voice, [], [])
    drawn = sum(span.width for panel in panels for span in panel.voice)
    assert drawn == pytest.approx(1 * PANEL_WIDTH / PANEL_SECONDS)


def test_what_the_film_could_not_keep_is_said(report, tmp_path):
    lost = "a.mov has an alpha channel; the dubbed film will not: its opacity is lost."
    page = tmp_path / "page.html"
    write_report(page, replace(report, notes=(lost,)))
    assert lost in page.read_text()


def telling_frames(asked, source, count):
    telling = TellingFrames(len(asked), count)
    for frame, change in enumerate(np.abs(asked - source)):
        telling.offer(frame, float(change), frame)
    return telling.finish()


def test_telling_frames_are_apart():
    asked = np.zeros(20)
    asked[[9, 10]] = 0.3, 0.3  # on either side of the boundary
    asked[16] = 0.1
    assert telling_frames(asked, np.zeros(20), 2) == (9, 16)


def test_telling_frames_are_the_largest_change_of_each_stretch():
    source = np.zeros(30)
    asked = np.zeros(30)
    asked[[3, 17]] = 0.2, -0.1
    asked[20:] = np.nan  # a stretch without a face shows nothing
    assert telling_frames(asked, source, 3) == (3, 17)


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=60), st.integers(1, 8))
def test_telling_frames_are_as_many_as_there_can_be_and_apart(asked, count):
    found = telling_frames(np.array(asked), np.zeros(len(asked)), count)
    assert len(found) <= count
    assert all(math.isfinite(asked[frame]) for frame in found)
    least = len(asked) // count / 2
    assert all(later - frame >= least for frame, later in pairwise(found))
    first = np.array_split(np.arange(len(asked)), count)[0]
    seen = [asked[frame] for frame in first if math.isfinite(asked[frame])]
    if seen:
        assert asked[found[0]] == max(seen)


@given(st.lists(st.sampled_from([None, LeftAlone.NO_FACE, LeftAlone.TURNED]), max_size=40))
def test_passed_through_stretches_hold_exactly_the_frames_with_a_reason(reasons):
    stretches = passed_through(reasons)

    found = {
        frame: stretch.reason
        for stretch in stretches
        for frame in range(stretch.first, stretch.last + 1)
    }
    assert found == {frame: reason for frame, reason in enumerate(reasons) if reason}
    for before, after in pairwise(stretches):
        assert before.last + 1 < after.first or before.reason != after.reason


times = st.fractions(min_value=0, max_value=20, max_denominator=1000)


@given(st.lists(times, min_size=2, max_size=12, unique=True), times)
def test_panels_show_every_voice_and_word_once(ends, duration):
    ends = sorted(ends)
    parts = [Interval(start, end) for start, end in zip(ends[::2], ends[1::2], strict=False)]
    duration = max(duration, ends[-1])
    words = [Word(f"w{number}", part.start, part.end) for number, part in enumerate(parts)]

    panels = list(curve_panels(flat_curve(float(duration)), duration, parts, [], words))

    assert [panel.start for panel in panels] == list(range(0, len(panels) * PANEL_SECONDS, 3))
    assert len(panels) * PANEL_SECONDS >= duration
    scale = PANEL_WIDTH / PANEL_SECONDS
    shown = sum(span.width for panel in panels for span in panel.voice) / scale
    assert shown == pytest.approx(float(sum(part.length for part in parts)), abs=0.02)
    placed = list(chain.from_iterable(panel.words for panel in panels))
    assert sorted(word.text for word in placed) == sorted(word.text for word in words)


def test_words_that_would_overlap_stand_on_different_rows():
    words = [Word("extraordinary", Fraction(i, 10), Fraction(i + 1, 10)) for i in range(3)]
    (panel,) = curve_panels(flat_curve(2), Fraction(2), [], [], words)
    assert len({word.y for word in panel.words}) == 3


def test_the_curve_breaks_where_there_is_no_face():
    curve = flat_curve(2)
    curve.asked[20:30] = np.nan
    (panel,) = curve_panels(curve, Fraction(2), [], [], [])
    assert panel.asked.count("M") == 2
    assert panel.source.count("M") == 1
    assert "nan" not in panel.asked


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (Fraction(0), "0:00.00"),
        (Fraction(59999, 1000), "0:59.99"),
        (Fraction(3723), "1:02:03.00"),
    ],
)
def test_times_as_people_read_them(time, text):
    assert clock_text(time) == text


@pytest.mark.parametrize(
    ("fps", "text"),
    [(Fraction(25), "25"), (Fraction(24000, 1001), "23.976"), (Fraction(2997, 100), "29.97")],
)
def test_rates_as_people_know_them(fps, text):
    assert rate_text(fps) == text
