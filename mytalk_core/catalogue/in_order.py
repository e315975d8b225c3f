"""Map a function over any number of items in threads; results come in the order of the items."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_WINDOW = 256  # items at a time


def in_order(executor: Executor, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the results of a function; a bounded number of items is in memory.

    Raises what the function raises for an item, in its place.
    """
    waiting = iter(items)
    running: deque[Future[R]] = deque(
        executor.submit(function, item) for item in islice(waiting, _WINDOW)
    )
    try:
        while running:
            result = running.popleft().result()
            running.extend(executor.submit(function, item) for item in islice(waiting, 1))
            yield result
    finally:
        for each in running:
            each.cancel()
