"""The report's page in a browser: nothing leaves it, the keyboard works, texts stay texts."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from mytalk_core.dubbing.title_report.page import is_simple, page_text, write_page
from mytalk_core.dubbing.title_report.values import Finding, Severity, TitleReport
from mytalk_core.errors import OutputError
from mytalk_core.media.timecode import Timecode
from tests.title_reports import film_report, one_person_report, picture

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "</script><script>window.broken = 1</script>\"'`${1}&lt;<img src=x onerror='broken=1'>"
RTL = "\u05e9\u05dc\u05d5\u05dd \u202e\U0001f468\u200d\U0001f469\u200d\U0001f467 end"

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Opened:
    """A page that was opened from disk, and everything that it did against the rules."""

    def __init__(self, browser: Any, folder: Path, report: TitleReport, **options: Any) -> None:
        path = folder / "report.html"
        write_page(path, report)
        self.address = path.as_uri()
        self.faults: list[str] = []
        self.page = browser.new_page(viewport={"width": 1300, "height": 900}, **options)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("request", self._request)
        self.page.goto(self.address)
        self.page.wait_for_selector("html[data-ready]", timeout=60_000)

    def _request(self, request: Any) -> None:
        if not request.url.startswith("data:") and request.url != self.address:
            self.faults.append(request.url)

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.page.close()
        assert kind is not None or self.faults == []

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()

    def active(self) -> str:
        return self.page.locator("#table-lines [aria-selected=true] .c-number").inner_text()


@needs_chromium
def test_two_thousand_lines_render_a_window_and_need_no_network(browser, tmp_path):
    with Opened(browser, tmp_path, film_report(2000, 14)) as opened:
        assert 10 < opened.page.locator("[data-place]").count() < 100
        grid = opened.page.locator("#table-lines")
        assert grid.get_attribute("aria-rowcount") == "2001"
        grid.focus()
        opened.page.keyboard.press("End")
        assert opened.active() == "1999"  # 2000 is a warning, which is above
        assert opened.page.locator("[data-place]").count() < 100
        # Errors come first.
        opened.page.keyboard.press("Home")
        assert opened.active() == "4"


@needs_chromium
def test_walk_by_keyboard(browser, tmp_path):
    with Opened(browser, tmp_path, film_report(48)) as opened:
        page, panel = opened.page, opened.page.locator("#panel")
        assert not panel.is_visible()
        page.keyboard.press("j")
        assert panel.is_visible()
        assert "Line 4" in panel.inner_text()
        assert "0.30 s too long" in panel.inner_text()
        assert panel.locator(".strip img").count() == 8
        page.keyboard.press("j")
        assert "Line 16" in panel.inner_text()
        page.keyboard.press("k")
        assert "Line 4" in panel.inner_text()
        page.keyboard.press("Escape")
        assert not panel.is_visible()
        assert page.evaluate("document.activeElement.id") == "table-lines"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert "Line 16" in panel.inner_text()
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "filter"
        page.keyboard.type("viktor off-screen")
        assert opened.texts("#table-lines [data-place] .c-state") == ["off-screen"] * 4
        assert opened.texts("#shown") == ["4 of 48"]
        page.keyboard.press("Escape")
        assert opened.texts("#shown") == [""]


@needs_chromium
def test_the_timeline_zooms_and_moves(browser, tmp_path):
    with Opened(browser, tmp_path, film_report(48)) as opened:
        page, shown = opened.page, opened.page.locator("#in-view")
        whole = shown.inner_text()
        assert whole.startswith("10:00:00:00 to 10:02:")
        page.locator("#timeline").focus()
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        page.keyboard.press("+")
        expect(shown).not_to_have_text(whole)
        assert page.evaluate(outline) == "solid"
        page.keyboard.press("Home")
        page.keyboard.press("0")
        expect(shown).to_have_text(whole)
        # A click on the first line opens it.
        box = page.locator("#timeline canvas").bounding_box()
        x = page.evaluate("report.then(p => p.timeline.scale.x(p.data.lines.start[0] + 1))")
        y = page.evaluate(
            "report.then(p => { let top = 0; for (const lane of p.timeline.lanes) {"
            " if (lane.name === 'Lines') return top + 10; top += lane.height; } })"
        )
        page.mouse.click(box["x"] + x, box["y"] + y)
        assert "Line 1\n" in page.locator("#panel").inner_text()


@needs_chromium
def test_every_table_can_be_reached(browser, tmp_path):
    with Opened(browser, tmp_path, film_report(48)) as opened:
        names = [text.split()[0] for text in opened.texts("[role=tab]")]
        assert names == ["Lines", "Findings", "Faces", "Segments", "Left"]
        opened.page.locator("[role=tab]").first.focus()
        for name in ("findings", "tracks", "segments", "left"):
            opened.page.keyboard.press("ArrowRight")
            assert opened.page.locator(f"#table-{name} [data-place]").count() > 1
        assert opened.page.locator("#table-lines").is_hidden()


@needs_chromium
def test_dark_mode_has_other_colours(browser, tmp_path):
    colours = {}
    for scheme in ("light", "dark"):
        with Opened(browser, tmp_path, film_report(12), color_scheme=scheme) as opened:
            colours[scheme] = opened.page.evaluate(
                "report.then(p => [getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.body).color, p.timeline.colours.drawn])"
            )
    assert all(a != b for a, b in zip(colours["light"], colours["dark"], strict=True))


@needs_chromium
@pytest.mark.parametrize("text", [HOSTILE, RTL])
def test_texts_stay_texts(browser, tmp_path, text):
    report = film_report(12)
    line = report.lines[3]
    decision = replace(line.decision, why=text)
    lines = (*report.lines[:3], replace(line, text=text, character=text, decision=decision))
    member = replace(report.members[3], name=text, id=text, style=text)
    hostile = replace(
        report,
        facts=replace(report.facts, film=text, id=text, speech=(text,)),
        lines=(*lines, *report.lines[4:]),
        members=(*report.members[:3], member),
        findings=(Finding(Severity.ERROR, text, Fraction(1), 4),),
        notes=(text,),
        versions={text: text},
    )
    with Opened(browser, tmp_path, hostile) as opened:
        opened.page.keyboard.press("j")
        assert opened.page.locator("#panel .said").inner_text() == text
        assert opened.page.locator("h1").inner_text() == text
        assert opened.page.evaluate("window.broken") is None
        assert opened.page.locator("img[src=x]").count() == 0


@needs_chromium
@pytest.mark.parametrize(
    "start",
    [
        Timecode.parse("09:59:58;10", Fraction(30000, 1001)),
        Timecode.parse("23:59:59:20", Fraction(24000, 1001)),
        Timecode(0, Fraction(50)),
        Timecode.parse("00:58:00;04", Fraction(60000, 1001)),
    ],
)
def test_the_script_labels_frames_as_the_library_does(browser, tmp_path, start):
    report = one_person_report()
    facts = replace(report.facts, start_timecode=start, fps=start.rate)
    frames = [0, 1, 49, 1798, 1799, 1800, 3600, 17981, 17982, 107892, 2_000_000]
    with Opened(browser, tmp_path, replace(report, facts=facts)) as opened:
        # The label of the first frame in view.
        labels = opened.page.evaluate(
            "frames => report.then(p => frames.map(f => p.timecode(f)))", frames
        )
    assert labels == [start.plus(frame).label for frame in frames]


@needs_chromium
def test_a_clip_of_one_person_looks_simple(browser, tmp_path):
    with Opened(browser, tmp_path, one_person_report()) as opened:
        assert opened.page.locator("#filter").count() == 0
        assert opened.page.locator("#table-lines").is_hidden()
        assert "as spoken" in opened.page.locator("#panel").inner_text()
        heads = opened.texts("h2")
        assert "Members of the cast" not in heads
        assert {"The actor", "Before and after", "Checks of the film", "Time spent"} <= set(heads)


@needs_chromium
def test_all_lines_are_printed(browser, tmp_path):
    with Opened(browser, tmp_path, film_report(300)) as opened:
        opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert opened.page.locator("#table-lines [data-place]").count() == 300
        opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert opened.page.locator("#table-lines [data-place]").count() < 100


def test_the_page_names_no_address_and_says_that_it_is_synthetic():
    text = page_text(film_report(24))
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|\{)""", text.split("<script")[0])
    assert "https://" not in text and "http://" not in text
    assert "default-src 'none'" in unescape(text)
    assert "This is synthetic speech video." in text


def test_what_a_short_clip_needs():
    assert is_simple(one_person_report())
    assert not is_simple(film_report(9, 1))
    assert not is_simple(film_report(4, 2))


def test_pictures_of_lines_are_stored_as_text_until_they_are_opened():
    line = replace(film_report(4).lines[3], player=picture((1, 2, 3)))
    report = replace(film_report(4), lines=(line,))
    head, media = page_text(report).split('<script type="application/json" id="media-4">')
    assert line.strip[0].source in media
    assert line.strip[0].source not in head.replace(report.pairs[0].source, "")


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    with pytest.raises(OutputError):
        write_page(tmp_path / "no" / "report.html", one_person_report())
    assert list(tmp_path.iterdir()) == []
