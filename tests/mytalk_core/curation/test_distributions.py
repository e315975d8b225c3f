"""Each clip with a measurement is counted in one bin."""

import numpy as np
import pyarrow as pa
import pytest

from mytalk_core.curation.distributions import (
    COUNTS_SHAPE,
    MEASUREMENTS,
    Histogram,
    count_values,
    histograms,
)


def rows(values: list[float], losses: list[int], column: str = "yaw_degrees") -> pa.Table:
    others = {each.column: [float("nan")] * len(values) for each in MEASUREMENTS}
    return pa.table(others | {column: values, "losses": losses, "kind": ["clip"] * len(values)})


def yaw(table: pa.Table) -> Histogram:
    (histogram,) = histograms(count_values(table))
    return histogram


def test_each_value_is_in_the_bin_between_its_edges() -> None:
    histogram = yaw(rows([-1.0, 0.0, 1.9, 2.0, 89.9, 90.0, 90.1, float("nan")], [0] * 8))
    assert np.flatnonzero(histogram.given).tolist() == [0, 1, 2, 45, 46]
    assert histogram.given[[0, 1, 2, 45, 46]].tolist() == [1, 2, 1, 2, 1]
    assert histogram.unmeasured == 1


def test_clips_without_losses_are_counted_as_kept() -> None:
    histogram = yaw(rows([1.0, 1.0, 3.0], [0, 4, 0]))
    assert (histogram.given.sum(), histogram.kept.sum()) == (3, 2)


def test_parts_add_up() -> None:
    table = rows([1.0, 50.0, 99.0, 7.0], [0, 1, 0, 0])
    parts = count_values(table.slice(0, 1)) + count_values(table.slice(1))
    assert (parts == count_values(table)).all()


def test_measurements_without_values_have_no_histogram() -> None:
    assert list(histograms(np.zeros(COUNTS_SHAPE, np.int64))) == []


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda each: each.column)
def test_edges_are_one_more_than_bins(measurement: object) -> None:
    assert len(measurement.edges) == measurement.bins + 1  # type: ignore[attr-defined]
