"""Which artifact is made next, and which titles learn of it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from mytalk_core.dubbing.making import Effort
from mytalk_core.errors import BadInputError, Reason
from pipelines import stage_exchange
from pipelines.actor_pool import ActorPool, Task
from pipelines.pool_worker import PoolWorker
from pipelines.stage_exchange import StageExchange
from pipelines.stage_orders import Answer, Order

MADE = Answer(effort=Effort(1.0, 1), cpu_seconds=3.0)


@dataclass
class Makers:
    """A pool of one worker that makes nothing."""

    tasks: deque[Task] = field(default_factory=deque)
    size: int = 1

    @property
    def load(self) -> int:
        return len(self.tasks)

    def add(self, task: Task) -> None:
        self.tasks.append(task)

    def finish(self, answer: Answer = MADE) -> str:
        """End the oldest task; return its message."""
        task = self.tasks.popleft()
        task.done(answer)
        return cast(bytes, task.arguments[0]).decode()


class Conductor:
    """A worker that dubs a title, with what it orders and what it is answered."""

    def __init__(self) -> None:
        self.handle = self
        self.ask = self
        self.orders: list[Order] = []
        self.answers: dict[str, Answer] = {}

    def remote(self, method: str, title: str, *rest: Any) -> Any:
        if method == "answer":
            self.answers[rest[0]] = rest[1]
            return None
        return (self, object())

    def order(self, *keys: str, background: bool = False) -> None:
        self.orders += [Order(key, "draw", background, key.encode()) for key in keys]


@dataclass
class Run:
    """An exchange, the makers and the titles in work."""

    exchange: StageExchange
    makers: Makers

    def begin(self, title: str, rank: int) -> Conductor:
        conductor = Conductor()
        self.exchange.begin(title, rank, cast(PoolWorker, conductor))
        return conductor

    def made(self, count: int) -> list[str]:
        """Collect all orders, and make as many of them, one after the other."""
        for reference in self.exchange.references:
            self.exchange.settle(reference)
        found = []
        for _ in range(count):
            self.exchange.hand_out()
            found.append(self.makers.finish())
        return found


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def get(reference: tuple[Conductor, object]) -> tuple[Order, ...]:
        orders = tuple(reference[0].orders)
        reference[0].orders.clear()
        return orders

    monkeypatch.setattr(stage_exchange.ray, "get", get)
    monkeypatch.setattr(stage_exchange, "_SPARE", 0)
    makers = Makers()
    return Run(StageExchange(cast(ActorPool, makers), {"draw": 5.0}.get), makers)


def test_the_largest_title_comes_first_and_the_others_have_their_share(run: Run) -> None:
    large, small = run.begin("large", 0), run.begin("small", 1)
    small.order("s1", "s2")
    large.order("l1", "l2", "l3")
    large.order("words", background=True)
    run.makers.size = 2
    assert run.made(0) == []
    run.exchange.hand_out()
    assert [task.arguments[0] for task in run.makers.tasks] == [b"l1", b"s1"]
    assert run.makers.tasks[0].stall_seconds == 5.0
    assert run.made(6) == ["l1", "s1", "l2", "s2", "l3", "words"]
    assert set(large.answers) == {"l1", "l2", "l3", "words"}


def test_what_several_titles_order_is_made_once_and_counted_once(run: Run) -> None:
    one, other = run.begin("one", 0), run.begin("other", 1)
    one.order("faces")
    other.order("faces", "line")
    assert run.made(2) == ["faces", "line"]
    assert one.answers["faces"] == MADE
    assert (other.answers["faces"].effort, other.answers["faces"].cpu_seconds) == (None, 0.0)
    assert other.answers["line"] == MADE


def test_a_title_that_ends_takes_only_its_own_orders_with_it(run: Run) -> None:
    failed, other = run.begin("failed", 0), run.begin("other", 1)
    failed.order("running", "shared", "own")
    other.order("shared")
    run.made(0)
    run.exchange.hand_out()
    run.exchange.end("failed")
    assert run.makers.finish() == "running"
    assert run.made(1) == ["shared"]
    run.exchange.hand_out()
    assert not run.makers.tasks and not failed.answers and set(other.answers) == {"shared"}


def test_a_title_that_begins_again_is_answered_on_its_new_worker(run: Run) -> None:
    lost = run.begin("title", 0)
    lost.order("piece")
    run.made(0)
    run.exchange.hand_out()
    stale = run.exchange.references
    again = run.begin("title", 0)
    again.order("piece")
    lost.order("late")
    for reference in stale:
        run.exchange.settle(reference)
    run.made(0)
    task = run.makers.tasks[0]
    error = BadInputError("bad.", reason=Reason.NO_FACE)
    task.failed(error)
    assert again.answers["piece"].error is error and not lost.answers
    run.makers.tasks.clear()
    run.exchange.hand_out()
    assert not run.makers.tasks
