import math

import pytest

from mytalk_core.evaluation.appearance_acceptance import acceptance_table
from mytalk_core.evaluation.pasting import PASTED
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable

CLIPS = [("ann", "1"), ("ann", "2"), ("li", "1")]
METRICS = [Metric("psnr_mouth", "", "higher"), Metric("lpips_mouth", "", "lower")]


def rows(method: str, metric: str, *values: float) -> list[Measurement]:
    return [
        Measurement(method, speaker, metric, value, clip)
        for (speaker, clip), value in zip(CLIPS, values, strict=True)
    ]


def reconstruction() -> MetricTable:
    nan = math.nan
    measured = (
        rows("ours", "psnr_mouth", 30.0, 32.0, 27.0)
        + rows("ours", "lpips_mouth", 0.1, 0.2, 0.2)
        + rows(PASTED, "lpips_mouth", 0.2, 0.4, 0.5)
        + rows("truth", "psnr_mouth", nan, nan, nan)
        + rows("truth", "lpips_mouth", 0, 0, 0)
    )
    return MetricTable(METRICS, measured, frozenset({"truth"}))


def test_lpips_ratio_is_the_ratio_of_a_speakers_means() -> None:
    table = acceptance_table(reconstruction())
    assert table.value("ours", "lpips_over_pasted", "ann") == pytest.approx(0.3 / 0.6)
    assert table.value("ours", "lpips_over_pasted", "li") == pytest.approx(0.4)
    assert table.value(PASTED, "lpips_over_pasted") == pytest.approx(1)
    assert "truth" not in table.methods


def test_the_worst_speaker_has_its_distance_from_the_mean() -> None:
    table = acceptance_table(reconstruction())
    # ann 31, li 27: the mean is 29.
    assert table.value("ours", "worst_below_mean") == pytest.approx(2)
    assert table.value("ours", "worst_below_mean", "li") == pytest.approx(2)
    assert math.isnan(table.value("ours", "worst_below_mean", "ann"))


def test_unmeasured_metrics_have_no_column() -> None:
    measured = rows("ours", "psnr_mouth", 30.0, 32.0, 27.0)
    table = acceptance_table(MetricTable(METRICS[:1], measured))
    assert [metric.name for metric in table.metrics] == ["worst_below_mean"]
