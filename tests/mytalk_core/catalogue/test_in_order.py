"""A function over many items in threads."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from mytalk_core.catalogue.in_order import in_order


def test_results_come_in_order_and_an_endless_source_is_read_step_by_step() -> None:
    taken = itertools.count()
    with ThreadPoolExecutor(4) as threads:
        found = list(itertools.islice(in_order(threads, lambda each: each * 2, taken), 1_000))
    assert found == [2 * each for each in range(1_000)]
    assert next(taken) < 1_000 + 300


def test_an_error_is_raised_in_its_place() -> None:
    found = []
    with ThreadPoolExecutor(4) as threads, pytest.raises(ZeroDivisionError):
        for each in in_order(threads, lambda each: 1 // (3 - each), range(10)):
            found.append(each)
    assert found == [0, 0, 1]
