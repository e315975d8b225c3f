"""The page of an adapted renderer."""

import re
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.appearance.adaptation import AdaptationRecord, ValidationPoint
from mytalk_core.appearance.adaptation_scores import Scores
from mytalk_core.evaluation.adaptation_page import (
    AdaptationPage,
    gain_figure,
    write_adaptation_page,
)
from mytalk_core.evaluation.figures import svg

POINTS = (
    ValidationPoint(0, 0.0, Scores(29.0, 0.1)),
    ValidationPoint(40, 30.0, Scores(30.0, 0.09)),
    ValidationPoint(80, 60.0, Scores(29.5, 0.095)),
)


def record(helped: bool) -> AdaptationRecord:
    return AdaptationRecord(
        before=Scores(30.0, 0.1),
        after=Scores(31.5, 0.08),
        helped=helped,
        steps=80,
        chosen_step=40,
        seconds=90.0,
        learnt_frames=100,
        reporting_frames=24,
        looks=POINTS,
    )


@pytest.mark.parametrize("helped", [True, False])
def test_the_page_is_self_contained_and_shows_the_gain(helped: bool, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    page = AdaptationPage(
        films=["a <film>.mp4"],
        weights="actor.safetensors",
        shipped="appearance.safetensors",
        record=record(helped),
        strip=np.zeros((12, 32, 3), np.uint8),
        settings={"steps": "240"},
    )
    write_adaptation_page(path, page)
    html = path.read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]*>", " ", html.split("<body>")[1]).split())
    assert "a &lt;film&gt;.mp4" in html
    assert "30.00 to 31.50 dB" in text
    assert "+1.00 dB in each of 1.5 min" in text
    assert "40 0.50 30.00 0.0900 +2.00" in text
    assert ("did not help" in text) == (not helped)
    assert all(address.startswith("data:") for address in re.findall(r'src="(.*?)"', html))
    assert not re.search(r"https?:|url\(", html)


def test_the_chosen_checkpoint_is_marked() -> None:
    one, other = (svg(gain_figure(POINTS, "psnr", chosen)) for chosen in (40, 80))
    assert one != other
