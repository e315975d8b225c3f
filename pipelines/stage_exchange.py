"""Between titles and makers, in the driver: which artifact is made next, and who learns of it.

A title that has least in work comes first, of several the one with the largest film. What several
titles order, such as the faces of a film for all languages, is made once.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import RayError

from mytalk_core.errors import MytalkError
from pipelines.actor_pool import ActorPool, Task
from pipelines.pool_worker import PoolWorker
from pipelines.stage_orders import Answer, Order

_COLLECT_SECONDS = 2.0
# Tasks that wait in the pool, beside one for each maker: they save a wait for the driver.
_SPARE = 2


@dataclass(eq=False)
class _Wanted:
    """An artifact that is queued or being made."""

    order: Order
    titles: list[str]  # that wait for it
    charged: str = ""  # the title for which it is being made; empty while it is queued


@dataclass(eq=False)
class _Title:
    """A title that a worker dubs."""

    rank: int
    handle: Any  # of the worker
    # Keys by whether only the report waits for them; some are made for another title meanwhile.
    queued: dict[bool, deque[str]] = field(default_factory=lambda: {False: deque(), True: deque()})
    running: int = 0


class StageExchange:
    """The orders of all titles in work.

    Call `hand_out` in turn with the methods of the pools.
    """

    def __init__(self, makers: ActorPool, stall_seconds: Callable[[str], float | None]) -> None:
        """Args: who makes artifacts; seconds without progress after which a stage hangs."""
        self._makers, self._stall_seconds = makers, stall_seconds
        self._titles: dict[str, _Title] = {}
        self._wanted: dict[str, _Wanted] = {}  # by key
        self._collecting: dict[Any, tuple[str, _Title]] = {}  # by reference

    @property
    def references(self) -> list[Any]:
        """Ray references to wait for; `settle` takes each."""
        return list(self._collecting)

    def begin(self, title: str, rank: int, worker: PoolWorker) -> None:
        """Collect the orders of a title that a worker begins, or begins again.

        Args:
            rank: among the titles; the lowest comes first.
        """
        self.end(title)
        self._titles[title] = _Title(rank, worker.handle)
        self._collect(title)

    def end(self, title: str) -> None:
        """Forget the orders of a title; what is being made is finished."""
        if self._titles.pop(title, None) is None:
            return
        for key, wanted in list(self._wanted.items()):
            if title in wanted.titles:
                wanted.titles.remove(title)
            if not wanted.titles and not wanted.charged:
                del self._wanted[key]

    def settle(self, reference: Any) -> None:
        """Accept the orders of a title; ignore other references."""
        if reference not in self._collecting:
            return
        title, begun = self._collecting.pop(reference)
        if self._titles.get(title) is not begun:
            return  # it has ended, or another worker dubs it
        try:
            orders = ray.get(reference)
        except RayError:
            return  # the pool sees the death of the worker by its task
        for order in orders:
            self._accept(title, order)
        self._collect(title)

    def hand_out(self) -> None:
        """Give the makers what they have room for."""
        while self._makers.load < self._makers.size + _SPARE:
            taken = self._next()
            if taken is None:
                return
            self._make(*taken)

    def _collect(self, title: str) -> None:
        found = self._titles[title]
        reference = found.handle.ask.remote("collect", title, _COLLECT_SECONDS)
        self._collecting[reference] = (title, found)

    def _accept(self, title: str, order: Order) -> None:
        wanted = self._wanted.setdefault(order.key, _Wanted(order, []))
        if title not in wanted.titles:
            wanted.titles.append(title)
        if not wanted.charged:
            self._titles[title].queued[order.background].append(order.key)

    def _next(self) -> tuple[str, _Wanted] | None:
        """Take the next order from its queue, with the title that it is made for."""
        for background in (False, True):
            waiting = {
                name: title for name, title in self._titles.items() if self._has(title, background)
            }
            if waiting:
                name = min(waiting, key=lambda each: (waiting[each].running, waiting[each].rank))
                return name, self._wanted[waiting[name].queued[background].popleft()]
        return None

    def _has(self, title: _Title, background: bool) -> bool:
        """Whether a title has an order that is not being made, first in its queue."""
        queued = title.queued[background]
        while queued and ((found := self._wanted.get(queued[0])) is None or found.charged):
            queued.popleft()
        return bool(queued)

    def _make(self, title: str, wanted: _Wanted) -> None:
        order = wanted.order
        wanted.charged = title
        charged = self._titles[title]
        charged.running += 1

        def done(answer: Answer) -> None:
            del self._wanted[order.key]
            charged.running -= 1
            for each in wanted.titles:
                self._titles[each].handle.ask.remote("answer", each, order.key, answer)
                # It is counted once; for the others it was there.
                answer = replace(answer, effort=None, cpu_seconds=0.0)

        def failed(error: MytalkError) -> None:
            done(Answer(error))

        stall = self._stall_seconds(order.stage)
        arguments = (order.message, title)
        self._makers.add(Task("make", arguments, done, failed, stall_seconds=stall))
