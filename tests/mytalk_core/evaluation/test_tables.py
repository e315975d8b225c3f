import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable, measurements

METRICS = [
    Metric("lmd", "LMD", "lower", 4),
    Metric("r", "aperture r", "higher", 2),
    Metric("leak", "open", "neither", 2),
]


@pytest.fixture
def table() -> MetricTable:
    rows = [
        *measurements("truth", "s5", [("lmd", 0.0), ("r", 1.0), ("leak", 0.2)]),
        *measurements("still", "s5", [("lmd", 0.03), ("r", math.nan), ("leak", 0.0)]),
        *measurements("ridge", "s5", [("lmd", 0.02), ("r", 0.8), ("leak", 0.1)]),
        *measurements("ridge", "s5", [("lmd", 0.04), ("r", math.nan), ("leak", 0.1)]),
        *measurements("ridge", "s26", [("lmd", 0.01), ("r", 0.6), ("leak", 0.1)]),
        *measurements("still", "s26", [("lmd", 0.05), ("r", math.nan), ("leak", 0.0)]),
    ]
    return MetricTable(METRICS, rows, references=frozenset({"truth"}))


def test_speakers_have_equal_weight_regardless_of_clip_count(table):
    assert table.value("ridge", "lmd", "s5") == pytest.approx(0.03)
    assert table.value("ridge", "lmd") == pytest.approx(0.02)


def test_nan_is_left_out_of_a_mean(table):
    assert table.value("ridge", "r") == pytest.approx(0.7)
    assert math.isnan(table.value("still", "r"))


def test_the_best_value_is_bold_and_references_are_excluded(table):
    overall = table.to_markdown().split("### s26")[0].splitlines()
    assert "| truth | 0.0000 | 1.00 | 0.20 |" in overall
    assert "| still | 0.0400 | n/a | 0.00 |" in overall
    assert "| ridge | **0.0200** [0.0150, 0.0250] | **0.70** | 0.10 |" in overall


def test_every_speaker_has_a_table(table):
    text = table.to_markdown()
    assert text.index("### Mean over 2 speakers") < text.index("### s26") < text.index("### s5")
    assert "| truth | n/a | n/a | n/a |" in text.split("### s26")[1].split("### s5")[0]


def test_values_that_print_alike_are_all_bold():
    rows = [
        *measurements("a", "x", [("lmd", 0.02001)]),
        *measurements("b", "x", [("lmd", 0.02002)]),
    ]
    assert MetricTable(METRICS[:1], rows).to_markdown().count("**0.0200**") == 4


def test_json_has_the_same_numbers_and_null_for_unknown(table):
    data = json.loads(table.to_json())
    assert data["values"]["lmd"]["ridge"]["all"] == pytest.approx(0.02)
    assert data["values"]["r"]["still"]["s5"] is None
    assert data["references"] == ["truth"]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.floats(-1, 1))
def test_an_interval_is_within_the_values_and_a_single_clip_has_none(values, other):
    rows = [m for value in values for m in measurements("a", "x", [("lmd", value)])]
    rows += measurements("a", "y", [("lmd", other)])  # a single clip has no interval
    table = MetricTable(METRICS[:1], rows)

    low, high = table.interval("a", "lmd", "x")
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert table.interval("a", "lmd", "y") is None
    both = table.interval("a", "lmd")
    assert both == pytest.approx(((low + other) / 2, (high + other) / 2), abs=1e-6)


def test_intervals_have_95_percent_coverage():
    """About 95 % of 200 samples of 20 normal numbers have intervals around the true mean."""
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        rows = [
            m for value in random.normal(5, 2, 20) for m in measurements("a", "x", [("lmd", value)])
        ]
        low, high = MetricTable(METRICS[:1], rows).interval("a", "lmd")
        hits += low <= 5 <= high
    assert 178 <= hits <= 196


def test_a_weighted_mean_is_the_ratio_of_sums():
    rows = [
        Measurement("m", "jo", "ratio", above / below, weight=below)
        for above, below in ((3.0, 1.0), (4.0, 2.0), (5.0, 9.0))
    ]
    table = MetricTable((Metric("ratio", "ratio", "lower"),), rows)
    assert table.value("m", "ratio") == pytest.approx(1.0)
    low, high = table.interval("m", "ratio")
    assert 5 / 9 <= low < 1 < high <= 3
