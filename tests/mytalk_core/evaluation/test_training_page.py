import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mytalk_core.evaluation.curves import best_figure, training_curves
from mytalk_core.evaluation.figures import png, rgb, svg
from mytalk_core.evaluation.sections import Section
from mytalk_core.evaluation.tables import Metric, MetricTable, measurements
from mytalk_core.evaluation.training_page import (
    TrainingPage,
    settings,
    write_training_page,
    write_training_text,
)

HISTORY = [
    {"step": 80, "picture": 0.03, "edges": 0.015, "negative_mouth_psnr": -29.5},
    {"step": 160, "picture": 0.02, "edges": 0.012, "negative_mouth_psnr": -30.1},
]


def test_losses_share_a_figure_and_held_out_figures_have_their_own():
    losses, psnr = training_curves(HISTORY)
    assert b"picture" in svg(losses.figure) and b"edges" in svg(losses.figure)
    assert psnr.title == "mouth PSNR in dB, held out (more is better)"
    assert b"29.5" in svg(psnr.figure)


def test_the_same_history_gives_the_same_bytes():
    one, other = (training_curves(HISTORY)[0].figure for _ in range(2))
    assert svg(one) == svg(other) and png(one) == png(other)
    assert rgb(one).shape[2] == 3


def test_a_history_of_one_entry_with_an_unknown_figure_is_drawn():
    history = [{"step": 2, "points": 0.5, "judged_by": 0.02, "cross_r": math.nan}]
    assert len(training_curves(history)) == 3


def test_the_deciding_figure_has_its_title():
    title, value = best_figure([{"step": 2, "points": 0.5, "judged_by": 0.02, "lmd": 0.01}], 0.02)
    assert title.startswith("cross-LMD x (2 - cross aperture r)") and value == "0.0200"


def test_a_negated_score_is_shown_with_its_sign_restored():
    assert best_figure(HISTORY, -30.1) == ("mouth PSNR in dB, held out (more is better)", "30.1000")


@dataclass(frozen=True)
class Inner:
    width: int = 3


@dataclass(frozen=True)
class Outer:
    steps: int = 7
    inner: Inner = field(default_factory=Inner)


def test_settings_name_nested_fields_with_a_dot():
    assert settings(Outer()) == {"steps": "7", "inner.width": "3"}


@pytest.fixture
def page() -> TrainingPage:
    rows = [
        *measurements("ours", "s5", [("lmd", 0.02)]),
        *measurements("still <mouth>", "s5", [("lmd", 0.03)]),
    ]
    table = MetricTable([Metric("lmd", "LMD", "lower", 4)], rows)
    return TrainingPage(
        title="Training of the appearance model",
        facts={"weights": "appearance.safetensors"},
        history=HISTORY,
        best_score=-30.1,
        configuration={"run": {"steps": "160"}},
        held_out=Section("motion", "Speech to motion", ("Unit: one.",), {"cross": table}),
        samples={"worst: s5_1": training_curves(HISTORY)[0].figure},
        notes=("Not curated.",),
    )


def test_the_page_shows_all_and_is_self_contained(page, tmp_path: Path):
    write_training_page(tmp_path / "page.html", page)
    html = (tmp_path / "page.html").read_text()
    for said in (
        "30.1000",
        "<b>0.0200</b>",
        "0.0300",
        "cross: s5",
        "Unit: one.",
        "160",
        "worst: s5_1",
        "Not curated.",
    ):
        assert said in html
    assert "still &lt;mouth&gt;" in html
    assert not re.search(r"https?:|//[a-z]", re.sub(r"base64,[^\"]*", "", html))
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_markdown_has_the_same_contents_and_its_pictures(page, tmp_path: Path):
    write_training_text(tmp_path / "page.report.md", page)
    text = (tmp_path / "page.report.md").read_text()
    for said in ("30.1000", "**0.0200**", "0.0300", "Unit: one.", "worst: s5_1", "Not curated."):
        assert said in text
    assert "| run: steps | 160 |" in text
    shown = re.findall(r"\]\((.*)\)", text)
    assert len(shown) == 3
    for name in shown:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
