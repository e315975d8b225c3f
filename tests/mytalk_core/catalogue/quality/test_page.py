"""The page of a roll-up in a browser: worst first, filter, keyboard, links, and no request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mytalk_core.catalogue.quality.groups import Group, GroupMeasures, groups_of
from mytalk_core.catalogue.quality.limits import Exceeded
from mytalk_core.catalogue.quality.page import (
    PAGE,
    QualityPage,
    link_between,
    quality_page,
    write_quality_page,
)
from mytalk_core.catalogue.quality.tables import (
    GROUPS,
    TITLES,
    group_batch,
    read_quality_table,
    title_batch,
    write_quality_table,
)
from mytalk_core.catalogue.quality.title_quality import TitleQuality, title_quality
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import Reason
from tests.quality_runs import Made, add_run, dubbed, failed

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='broken=1'>"

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine")


def titles() -> list[Made]:
    """Ten films in two languages, a title without a film, one with a hostile name and no report."""
    languages = ("de", "fr")
    found = [
        dubbed(f"film{film:02d}_{language}", language, 12 + film, show=f"Show {film % 5}")
        for film in range(10)
        for language in languages
    ]
    bad = failed("gone_de", "de", Reason.NO_FACE, show="Show 1", studio="North")
    hostile = dubbed("odd_fr", "fr", show=HOSTILE, warning=HOSTILE)
    return [*found, bad, Made(hostile.record)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results, with the page in `quality/`. Tests only read it."""
    root = tmp_path_factory.mktemp("page")
    results, out = open_store(root / "out"), open_store(root / "quality")
    add_run(results, titles(), root)
    found = [title_quality(results, each.record) for each in titles()]
    write_quality_table(out, TITLES, [title_batch(found)])
    write_quality_table(out, GROUPS, [group_batch(list(totals(found).items()))])
    limit = Exceeded("language", "fr", "lines_failed", 0.05, 33, 100)
    write_quality_page(out, shown(results, out, [limit]))
    return root


def totals(titles: list[TitleQuality]) -> dict[Group, GroupMeasures]:
    found: dict[Group, GroupMeasures] = {}
    for title in titles:
        for group, measures in groups_of(title):
            found[group] = found.get(group, GroupMeasures()) + measures
    return found


def shown(results: Store, out: Store, exceeded: list[Exceeded]) -> QualityPage:
    tables = (read_quality_table(out, TITLES), read_quality_table(out, GROUPS))
    return QualityPage(results.url, *tables, limits=1, exceeded=exceeded)


@pytest.fixture
def page(folder: Path) -> Iterator[Any]:
    """The page in a browser, which must neither request anything nor print an error."""
    from playwright.sync_api import sync_playwright

    address = (folder / "quality" / PAGE).as_uri()
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: faults.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        yield page
        browser.close()
    assert faults == [address]


@needs_chromium
def test_a_walk_by_keyboard_from_the_worst_title_to_the_titles_of_a_group(page: Any) -> None:
    def rows(table: str) -> list[str]:
        texts: list[str] = page.locator(f"#table-{table} [data-place] .c-text").all_inner_texts()
        return texts

    def text(place: str) -> str:
        found: str = page.locator(place).inner_text()
        return found

    assert rows("titles")[0] == "gone_de"
    assert "language fr: 33.0% of lines failed" in text(".exceeded")
    page.locator("#table-titles").focus()
    page.keyboard.press("Enter")
    assert "no_face: no good" in text("#panel")
    page.keyboard.press("j")
    link = page.locator("#panel a")
    assert link.get_attribute("href") == "../out/film09_de/film09_de.mp4.report.html"
    assert "33.3 %" in text("#panel")
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()

    page.keyboard.press("/")
    page.keyboard.type("show 3 film08")
    assert rows("titles") == ["film08_de", "film08_fr"]
    assert text("#shown") == "2 of 22"
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert rows("language") == ["de", "fr"]
    assert page.locator("#table-language [aria-label=error]").count() == 1
    page.keyboard.press("ArrowDown")
    page.keyboard.press("o")
    assert text("#group").startswith("language fr")
    assert len(rows("titles")) == 11
    assert all(each.endswith("_fr") for each in rows("titles"))
    page.keyboard.press("Escape")
    page.locator("#tab-member").click()
    page.locator("#table-member [data-place]").first.click()
    page.locator("#panel button:has-text('Show its titles')").click()
    assert 0 < len(rows("titles")) < 22

    assert page.evaluate("window.broken") is None
    assert page.locator("img").count() == 0


@needs_chromium
def test_columns_sort_with_the_worst_first_and_dark_mode_has_other_colours(page: Any) -> None:
    page.locator("#table-titles button:has-text('Lines')").click()
    lines = page.locator("#table-titles [data-place] .n:nth-child(6)").all_inner_texts()
    assert lines[:2] == ["21", "21"]
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.locator("[data-chip=unread]").click()
    assert page.locator("#table-titles [data-place]").all_inner_texts()[0].startswith("▲")


def test_a_catalogue_without_titles_has_a_page() -> None:
    titles, groups = TITLES.schema.empty_table(), GROUPS.schema.empty_table()
    text = quality_page(QualityPage("/out", titles, groups, 0, []), "/out/quality")
    assert "Titles <b>0</b>" in text and "lines failed" not in text


@pytest.mark.parametrize(
    ("folder", "target", "link"),
    [
        ("/data/out/quality", "/data/out", ".."),
        ("/data/my quality", "/data/my out", "../my%20out"),
        ("s3://studio/quality/7", "s3://studio/out", "../../out"),
        ("s3://other/quality", "s3://studio/out", "s3://studio/out"),
        ("/data/quality", "s3://studio/out", "s3://studio/out"),
        ("s3://studio/quality", "/data/out", "file:///data/out"),
    ],
)
def test_links_are_relative_where_both_folders_can_be_moved_together(
    folder: str, target: str, link: str
) -> None:
    assert link_between(folder, target) == link
