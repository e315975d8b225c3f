"""Work ahead: iterators that run in threads of their own, a few items before their reader."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetched(items: Iterable[T], depth: int) -> Iterator[T]:
    """The items in order, made by another thread up to `depth` ahead.

    An error in making an item is raised where the item would have come.

    An exception that a reader lets through keeps this generator, and so its thread, until somebody
    lets go of it; the thread therefore also ends with the program, before the interpreter is torn
    down under the native code it may be in.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | None, error: BaseException | None) -> bool:
        while not stopped.is_set() and threading.main_thread().is_alive():
            try:
                ready.put((item, error), timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item, None):
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # an item without an error is one of `items`
    finally:
        stopped.set()
        thread.join()


def mapped_ahead(
    work: Callable[[T], R], items: Iterable[T], threads: int, depth: int
) -> Generator[R, None, None]:
    """`work(item)` of each item in their order, done by `threads` threads up to `depth` ahead.

    What comes out does not depend on which thread is when done. An error in an item's work is
    raised where its result would have come.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
