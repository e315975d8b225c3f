"""Rates of stages are medians of the latest measurements."""

from pathlib import Path

import pytest

from mytalk_core.data.stage_rates import StageRates


def test_an_estimate_is_the_median_of_the_latest(tmp_path: Path) -> None:
    rates = StageRates(tmp_path / "work")
    assert rates.estimate("draw", 100) is None
    for _ in range(30):
        rates.add("draw", 1000.0, 10)  # of a slower machine, long ago
    rates.save()
    later = StageRates(tmp_path / "work")
    for seconds in range(1, 21):
        later.add("draw", float(seconds), 10)
    later.save()
    assert StageRates(tmp_path / "work").estimate("draw", 100) == pytest.approx(105.0)


def test_a_stage_without_units_counts_artifacts(tmp_path: Path) -> None:
    rates = StageRates(tmp_path)
    rates.add("cast", 3.0, 0)
    assert rates.estimate("cast", 2) == 6.0


def test_measurements_of_other_runs_stay(tmp_path: Path) -> None:
    one, other = StageRates(tmp_path), StageRates(tmp_path)
    one.add("draw", 1.0, 1)
    other.add("move", 2.0, 1)
    one.save()
    other.save()
    assert StageRates(tmp_path).estimate("draw", 1) == 1.0
    assert StageRates(tmp_path).estimate("move", 1) == 2.0


@pytest.mark.parametrize(
    "text", ["", "[]", '{"draw": 3}', '{"draw": [[1]]}', '{"draw": [["a", 1]]}']
)
def test_a_damaged_file_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "stage_rates.json").write_text(text)
    rates = StageRates(tmp_path)
    assert rates.estimate("draw", 1) is None
    rates.add("draw", 1.0, 1)
    rates.save()
    assert StageRates(tmp_path).estimate("draw", 1) == 1.0
