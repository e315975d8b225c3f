"""Which titles a night dubs, what it is estimated to take, and when it ends."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from mytalk_core.catalogue.entries import Entry, RefusedTitle, UnaskedTitle, content_id
from mytalk_core.catalogue.estimate import Prices, estimate_night, read_prices
from mytalk_core.catalogue.night import Limits, NightPlan, plan_night, refused_id
from mytalk_core.catalogue.planning import NIGHTLY, Choice
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import RunEnd, TitleRecord, TitleStatus
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.errors import BadInputError, ErrorClass, Reason, StorageError
from tests.catalogue_titles import catalogue_title

RECIPE = {"weights": "abc"}
EVERYTHING = frozenset(ErrorClass)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(open_store(tmp_path / "out"))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name, size in (("small.mp4", 10), ("large.mp4", 1_000), ("dub.wav", 5)):
        (tmp_path / name).write_bytes(bytes(size))
    return tmp_path


def result_of(films: Path, id: str, **fields: object) -> TitleRecord:
    """The record of a title of the small film that was dubbed."""
    title = catalogue_title(id, films / "small.mp4", films / "dub.wav")
    record = TitleRecord(
        id, 1, TitleStatus.OK, "", "en", title.film, content_id(title, RECIPE), output=title.output
    )
    return replace(record, **fields)  # type: ignore[arg-type]


def failed(films: Path, id: str, kind: ErrorClass) -> TitleRecord:
    return result_of(films, id, status=TitleStatus.FAILED, error_class=kind, output="")


def planned(ledger: Ledger, films: Path, *ids: str, retry=NIGHTLY, recipe=RECIPE) -> NightPlan:
    titles = [catalogue_title(id, films / "small.mp4", films / "dub.wav") for id in ids]
    return plan_night(titles, ledger, recipe, retry)


def choices(plan: NightPlan) -> dict[str, Choice]:
    return {each.title.id: each.choice for each in plan.chosen}


def test_a_night_does_what_is_new_changed_lost_or_transiently_broken(
    ledger: Ledger, films: Path
) -> None:
    for id in ("done", "gone", "cut"):
        ledger.add_title(result_of(films, id, film_bytes=4))
    for id, size in (("done", 4), ("cut", 3)):
        path = films / f"out/{id}/{id}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
    ledger.add_title(result_of(films, "changed", config_id="another"))
    for kind in ErrorClass:
        ledger.add_title(failed(films, kind.value, kind))
    ledger.compact(1)
    ids = ("new", "done", "gone", "cut", "changed", *(kind.value for kind in ErrorClass))
    plan = planned(ledger, films, *ids)
    assert choices(plan) == {
        "new": Choice.NEW,
        "gone": Choice.LOST,
        "cut": Choice.LOST,
        "changed": Choice.CHANGED,
        "transient": Choice.RETRY,
    }
    assert (plan.choices[Choice.FINISHED], plan.choices[Choice.LEFT_OUT]) == (1, 2)
    assert plan.titles == len(ids)
    everything = choices(planned(ledger, films, *ids, retry=EVERYTHING))
    assert everything["bug"] is everything["bad_input"] is Choice.RETRY
    none = planned(ledger, films, *ids, retry=frozenset())
    assert "transient" not in choices(none)
    other = planned(ledger, films, *ids, recipe={"weights": "new"})
    assert len(other.chosen) == len(ids)


def test_the_largest_films_come_first_and_rows_are_counted(ledger: Ledger, films: Path) -> None:
    problem = TitleProblem("film", "is missing")
    entries: list[Entry] = [
        catalogue_title("a", films / "small.mp4", films / "dub.wav"),
        RefusedTitle(1, "row 1", "b", "en", "", (problem,)),
        UnaskedTitle(2),
        catalogue_title("c", films / "large.mp4", films / "dub.wav"),
    ]
    plan = plan_night(entries, ledger, RECIPE)
    assert [each.title.id for each in plan.chosen] == ["c", "a"]
    assert (plan.titles, len(plan.refused), plan.unasked) == (4, 1, 1)


def test_a_refused_row_never_has_the_id_of_another_title() -> None:
    good = RefusedTitle(3, "row 3", "pilot", "de", "", (TitleProblem("film", "is missing"),))
    assert refused_id(good) == "pilot"
    twice = replace(good, problems=(TitleProblem("id", "is pilot, as in row 1"),))
    assert refused_id(twice) == "pilot@4"
    assert refused_id(replace(twice, id="")) == "row@4"
    assert "/" not in refused_id(replace(twice, id="../up"))


def test_a_night_is_estimated_by_what_earlier_ones_took(ledger: Ledger, films: Path) -> None:
    """A film of a hundred times the size takes a hundred times as long."""
    empty = estimate_night(planned(ledger, films, "a"), ledger, None)
    assert (empty.to_dub, empty.cpu_hours, empty.why) == (1, None, {"new": 1})
    done = result_of(
        films,
        "done",
        source_bytes=10,
        film_bytes=20,
        film_seconds=60.0,
        frames=100,
        rendered_frames=25,
        cpu_seconds=36.0,
    )
    ledger.add_title(done)
    entries = [catalogue_title("b", films / "large.mp4", films / "dub.wav")]
    plan = plan_night(entries, ledger, RECIPE)
    found = estimate_night(plan, ledger, Prices(2.0, 1e6, "EUR"))
    assert found.film_hours == pytest.approx(100 / 60)
    assert found.lips_minutes == pytest.approx(25)
    assert found.cpu_hours == pytest.approx(1)
    assert found.film_bytes == pytest.approx(2_000)
    assert (found.cpu_cost, found.storage_cost) == (pytest.approx(2), pytest.approx(2))
    unknown = replace(plan.chosen[0], title=replace(plan.chosen[0].title, files={}))
    both = replace(plan, chosen=(*plan.chosen, unknown))
    assert estimate_night(both, ledger, None).cpu_hours == pytest.approx(2)


@pytest.mark.parametrize(
    "text", ["cpu_hour: much\nstorage_gb_month: 1", "cpu_hour: 1", "cpu_hours: 1"]
)
def test_a_bad_file_of_prices_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(BadInputError) as refused:
        read_prices(tmp_path / "prices.yaml")
    assert refused.value.reason is Reason.BAD_CONFIGURATION


def test_limits_end_a_night() -> None:
    def no_answer() -> bool:
        raise StorageError("no answer.", reason=Reason.STORAGE_ERROR)

    assert Limits(None, None, lambda: False).reached() is None
    assert Limits(0.0, None, lambda: False).reached() is RunEnd.DEADLINE
    assert Limits(60.0, None, no_answer).reached() is None
    assert Limits(60.0, None, lambda: True).reached() is RunEnd.CANCELLED
    budget = Limits(None, 1.0, lambda: False)
    budget.spent = 3599.0
    assert budget.reached() is None
    budget.spent = 3600.0
    assert budget.reached() is RunEnd.BUDGET


def test_a_wish_to_end_is_looked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    clock = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    limits = Limits(None, None, lambda: bool(looks.append(clock[0])))
    for _ in range(100):
        limits.reached()
        clock[0] += 1.0
    assert 15 <= len(looks) <= 25
