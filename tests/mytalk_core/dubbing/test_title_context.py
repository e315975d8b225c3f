"""Artifacts come in the order of their requests, and a bounded number of requests is in work."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.errors import BadInputError, Reason


@dataclass(frozen=True)
class Number:
    """A request."""

    value: int


def doubled(request: Number, context: StageContext) -> int:
    """Not run here."""
    raise NotImplementedError


DOUBLE = Stage("double", 1, Number, int, doubled)


@dataclass
class Counting:
    """A runner that counts the requests whose artifacts were not taken yet."""

    in_work: int = 0
    most: int = 0

    def start(self, stage: Stage[Any, Any], request: Number) -> "Made":
        self.in_work += 1
        self.most = max(self.most, self.in_work)
        return Made(self, request.value)


@dataclass
class Made:
    """An artifact; that of 13 fails."""

    runner: Counting
    value: int

    def result(self) -> int:
        self.runner.in_work -= 1
        if self.value == 13:
            raise BadInputError("thirteen.", reason=Reason.INTERNAL)
        return 2 * self.value


@pytest.fixture
def runner() -> Counting:
    return Counting()


@pytest.fixture
def context(runner: Counting) -> TitleContext:
    film = FilmSource(MediaFile(Path("film.mp4"), ""))
    models = {"motion": "a", "renderer": "b"}
    return TitleContext(runner, film, DubConfig(), models)  # type: ignore[arg-type]


def numbers(count: int, first: int = 100) -> Iterator[Number]:
    return (Number(value) for value in range(first, first + count))


@pytest.mark.parametrize("count", [0, 1, 64, 65, 500])
def test_artifacts_come_in_the_order_of_their_requests(
    context: TitleContext, runner: Counting, count: int
) -> None:
    assert list(context.made(DOUBLE, numbers(count))) == [2 * n for n in range(100, 100 + count)]
    assert runner.in_work == 0
    assert runner.most <= 64


def test_the_next_requests_are_in_work_while_one_is_used(
    context: TitleContext, runner: Counting
) -> None:
    made = context.made(DOUBLE, numbers(500))
    next(made)
    assert runner.in_work == 64


def test_an_error_is_raised_in_its_place(context: TitleContext) -> None:
    made = context.made(DOUBLE, numbers(20, first=10))
    assert [next(made) for _ in range(3)] == [20, 22, 24]
    with pytest.raises(BadInputError, match="thirteen"):
        next(made)


def test_the_digest_of_models_names_each_role_in_its_order(context: TitleContext) -> None:
    assert context.digest("renderer", "motion") == "b a"
    with pytest.raises(KeyError):
        context.digest("none")
