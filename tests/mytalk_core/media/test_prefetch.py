"""Prefetching keeps the order of items and errors, and is bounded."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count, islice

import pytest

from mytalk_core.media.prefetch import mapped_ahead, prefetched


def breaking(after: int) -> Iterator[int]:
    yield from range(after)
    raise RuntimeError("the item's own")


def test_items_keep_their_order_and_an_error_follows_them() -> None:
    assert list(prefetched(range(50), 3)) == list(range(50))
    items = prefetched(breaking(5), 2)
    assert list(islice(items, 5)) == list(range(5))
    with pytest.raises(RuntimeError, match="own"):
        next(items)


@pytest.mark.parametrize("threads", [1, 4])
def test_results_keep_the_order_of_the_items(threads: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.003 * (item % 3 == 0))
        return item * item

    found = list(mapped_ahead(work, range(30), threads, depth=5))
    assert found == [item * item for item in range(30)]


def test_an_error_is_raised_in_its_result_s_place() -> None:
    def work(item: int) -> int:
        return 6 // (3 - item)

    results = mapped_ahead(work, range(10), threads=2, depth=4)
    assert list(islice(results, 3)) == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_prefetching_is_bounded_by_the_depth() -> None:
    done: list[int] = []
    results = mapped_ahead(done.append, count(), threads=2, depth=3)
    for _ in range(4):
        next(results)
    results.close()
    assert max(done) <= 4 + 3


def test_items_are_processed_concurrently() -> None:
    meeting = threading.Barrier(2, timeout=600)  # passes only if both are processed at once
    results = mapped_ahead(lambda _: meeting.wait(), range(6), threads=2, depth=4)
    assert len(list(results)) == 6


def test_the_thread_ends_with_the_program() -> None:
    """A thread in native code during interpreter finalisation crashes occasionally."""
    script = """
import atexit, itertools, threading, time
from mytalk_core.media.prefetch import prefetched

def slowly():
    for item in itertools.count():
        time.sleep(0.05)
        yield item

atexit.register(lambda: print(threading.active_count()))
kept = prefetched(slowly(), 2)
next(kept)
print(threading.active_count())
raise SystemExit(3)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600
    )
    assert (run.returncode, run.stdout.split()) == (3, ["2", "1"])
