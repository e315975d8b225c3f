import base64
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.evaluation.baselines import still_mouth, truth
from mytalk_core.evaluation.cases import DubCase, read_motion_clips
from mytalk_core.evaluation.evaluation_page import write_evaluation_page
from mytalk_core.evaluation.failures import worst_cases
from mytalk_core.evaluation.motion_methods import OURS, TRUTH
from mytalk_core.evaluation.motion_table import SPEAKING_METRICS
from mytalk_core.evaluation.sections import Section, to_json, to_markdown
from mytalk_core.evaluation.tables import Measurement, MetricTable
from mytalk_core.speech.phones import Phone
from tests.synthetic_face import write_curated

NUMBERS = {  # LMD, aperture r, closures, offset
    "a": (0.9, 0.9, [1, 1], 0),
    "b": (0.8, 0.1, [0, 1], 0),
    "c": (0.1, np.nan, [0, 0], 0),
    "d": (0.2, 0.2, [1], 9),
    "e": (0.3, 0.8, [1], 0),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[DubCase]:
    folder = write_curated(tmp_path_factory.mktemp("failures"), {"test": ["jo"]}, clips=1)
    (clip,) = read_motion_clips(iter_clips(clip_index(folder, "test")))
    said = (Phone("B", Fraction(1, 5), Fraction(2, 5)),)
    return [DubCase(clip, replace(clip, key=key, phones=said)) for key in NUMBERS]


@pytest.fixture(scope="module")
def table() -> MetricTable:
    rows = []
    for key, (distance, r, closed, offset) in NUMBERS.items():
        rows += [
            Measurement(OURS, "jo", "lmd", distance, key),
            Measurement(OURS, "jo", "aperture_r", r, key),
            Measurement(OURS, "jo", "lse_abs_offset", offset, key),
            Measurement("ridge", "jo", "lmd", 7.0, "e"),  # faults of other methods are ignored
            *(Measurement(OURS, "jo", "closure", float(each), key) for each in closed),
        ]
    return MetricTable(SPEAKING_METRICS, rows)


@pytest.fixture(scope="module")
def section(table: MetricTable, cases: list[DubCase]) -> Section:
    failures = worst_cases(table, cases, {OURS: still_mouth, TRUTH: truth})
    return Section("motion", "Speech to motion", ("a note",), {"cross": table}, failures)


def test_at_most_two_cases_per_metric_are_shown_and_only_faults(section: Section) -> None:
    assert {failure.target: failure.faults for failure in section.failures} == {
        "a": ("LMD 0.9000",),
        "b": ("LMD 0.8000", "aperture r 0.10", "M, B, P not closed 1 of 2"),
        "d": ("aperture r 0.20", "sync offset 9 frames"),
        "c": ("M, B, P not closed 2 of 2",),
    }


def test_a_case_is_drawn_reproducibly_with_its_bilabials(
    section: Section, table: MetricTable, cases: list[DubCase]
) -> None:
    drawn = base64.b64decode(section.failures[0].picture.partition(",")[2]).decode()
    for text in (">B<", ">truth<", ">ours<", ">closed below<"):
        assert text in drawn
    assert worst_cases(table, cases, {OURS: still_mouth, TRUTH: truth}) == section.failures


def test_page_and_texts_name_the_worst_cases(section: Section, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.html"
    write_evaluation_page(path, [section], {"data": "<drawn>"})
    page = path.read_text()
    assert page.count("<figure>") == 4
    assert "&lt;drawn&gt;" in page and "<drawn>" not in page
    assert "sync offset 9 frames" in page and "a note" in page
    line = "- LMD 0.9000: jo, speech of a on the lips of jo_0-00000-00-000"
    assert line in to_markdown([section], {})
    assert '"faults": [' in to_json([section], {})
