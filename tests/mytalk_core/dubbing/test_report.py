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

from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.other_tracks import PictureBox
from mytalk_core.dubbing.report import (
    DubReport,
    PassedThrough,
    ReportedFace,
    clock_text,
    passed_through,
    rate_text,
    write_report,
)
from mytalk_core.dubbing.report_curve import (
    PANEL_SECONDS,
    PANEL_WIDTH,
    FilmCurve,
    MouthCurve,
    curve_panels,
)
from mytalk_core.dubbing.report_pictures import (
    TellingFrames,
    close_up,
    frame_pair,
    frame_picture,
    mouth_box,
)
from mytalk_core.errors import OutputError
from mytalk_core.media.probe import VideoInfo
from mytalk_core.speech.transcript import Interval, Segment, Transcript, Word

FPS = Fraction(30000, 1001)
FRAMES = 150
RED, BLUE = (230, 20, 20), (20, 20, 230)
LIPS = np.array([[30, 40, 0], [50, 44, 0]], np.float32)


def plain(colour: tuple[int, int, int], height: int = 72, width: int = 96) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def decoded(uri: str) -> np.ndarray:
    kind, data = uri.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[
        ..., ::-1
    ]


def flat_curve(seconds: float = 5.0, fps: float = 30.0) -> FilmCurve:
    times = np.arange(round(seconds * fps)) / fps
    mouth = MouthCurve(times, 0 * times + 0.1, 0 * times + 0.2)
    return FilmCurve(times, 0 * times - 20.0, (mouth,))


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
            frame_pair(Fraction(1), plain(RED), plain(BLUE), LIPS),
            frame_pair(Fraction(2), plain(RED), plain(BLUE), LIPS),
        ),
        curve=flat_curve(),
        passed_through=(PassedThrough(100, 109, LeftAlone.NO_FACE),),
        left_alone={LeftAlone.NO_FACE: 10},
        faces=(
            ReportedFace(
                shot=1,
                interval=Interval(Fraction(0), Fraction(10, 3)),
                portrait=frame_picture(plain(RED)),
                drawn_frames=90,
                left_alone={LeftAlone.TURNED: 10},
                style="style learned from 20 s of its own sound",
            ),
            ReportedFace(
                shot=2,
                interval=Interval(Fraction(4), Fraction(5)),
                portrait=None,
                drawn_frames=0,
                left_alone={LeftAlone.OTHER_FACE: 30},
                style=None,
            ),
        ),
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

    assert len(page.addresses) == 9  # two pairs with close-ups, and a portrait
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
        "style learned from 20 s of its own sound",
        "untold",
        "an aligner",
        "abc123",
        "speech.wav",
    ):
        assert text in page.text, text
    assert "1 0:00.00 0:03.33 90 dubbed; style learned from 20 s" in page.text
    assert "own sound; the head is turned too far: 10" in page.text
    assert "2 0:04.00 0:05.00 0 not dubbed; another face of the shot is larger: 30" in page.text
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
    mouths = (MouthCurve(np.arange(FRAMES) / 30, nowhere, nowhere),)
    silent = replace(
        report,
        transcript=Transcript("und", (), (), ""),
        curve=FilmCurve(np.arange(FRAMES) / 30, np.full(FRAMES, -80.0), mouths),
        pairs=(),
    )
    _, page = written(tmp_path / "r.html", silent)
    assert "No speech was detected" in page.text


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
    inside = decoded(close_up(image, PictureBox(84, 62, 8)))
    beyond = decoded(close_up(image, PictureBox(84, 62, 40)))
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


def telling_frames(target, source, count):
    telling = TellingFrames(len(target), count)
    for frame, change in enumerate(np.abs(target - source)):
        telling.offer(frame, float(change), frame)
    return telling.finish()


def test_telling_frames_are_apart():
    target = np.zeros(20)
    target[[9, 10]] = 0.3, 0.3  # on either side of the boundary
    target[16] = 0.1
    assert telling_frames(target, np.zeros(20), 2) == (9, 16)


def test_telling_frames_are_the_largest_change_of_each_stretch():
    source = np.zeros(30)
    target = np.zeros(30)
    target[[3, 17]] = 0.2, -0.1
    target[20:] = np.nan  # a stretch without a face shows nothing
    assert telling_frames(target, source, 3) == (3, 17)


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=60), st.integers(1, 8))
def test_telling_frames_are_as_many_as_there_can_be_and_apart(target, count):
    found = telling_frames(np.array(target), np.zeros(len(target)), count)
    assert len(found) <= count
    assert all(math.isfinite(target[frame]) for frame in found)
    least = len(target) // count / 2
    assert all(later - frame >= least for frame, later in pairwise(found))
    first = np.array_split(np.arange(len(target)), count)[0]
    seen = [target[frame] for frame in first if math.isfinite(target[frame])]
    if seen:
        assert target[found[0]] == max(seen)


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
    curve.mouths[0].target[20:30] = np.nan
    (panel,) = curve_panels(curve, Fraction(2), [], [], [])
    assert panel.target.count("M") == 2
    assert panel.source.count("M") == 1
    assert "nan" not in panel.target


def test_each_face_of_a_frame_has_a_line_of_its_own():
    curve = flat_curve(7)
    half = len(curve.times) // 2
    second = MouthCurve(curve.times[half:], curve.times[half:] * 0 + 0.3, curve.times[half:] * 0)
    panels = curve_panels(replace(curve, mouths=(*curve.mouths, second)), Fraction(7), [], [], [])
    assert [panel.target.count("M") for panel in panels] == [1, 2, 2]


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
