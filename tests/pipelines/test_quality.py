"""The roll-up of a catalogue: tables from a ledger and reports, by one process and by two."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mytalk_core.catalogue.quality.groups import GroupKind
from mytalk_core.catalogue.quality.limits import quality_limits
from mytalk_core.catalogue.quality.page import PAGE
from mytalk_core.catalogue.quality.tables import GROUPS, TITLES, read_quality_table
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, Reason
from pipelines import quality
from pipelines.beam_runs import BeamEngine
from pipelines.quality import QualityRun, roll_up
from tests.quality_runs import Made, add_run, dubbed, failed

TWO_PROCESSES = BeamEngine(
    options=("--direct_running_mode=multi_processing", "--direct_num_workers=2")
)


def first_run() -> list[Made]:
    """Of one show in two languages, of another that failed, and one whose report is damaged."""
    return [
        dubbed("pilot_de", "de", show="Harbour", studio="North"),
        dubbed("pilot_fr", "fr", 24, show="Harbour", studio="North", warning="odd"),
        failed("second_de", "de", Reason.NO_FACE, show="Harbour"),
        failed("row@7", "", Reason.BAD_CATALOGUE),
        replace(dubbed("torn_de", "de"), report=None),
    ]


def tables(out: Store) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """Rows of titles by id, and of groups by kind and name."""
    titles = {row["id"]: row for row in read_quality_table(out, TITLES).to_pylist()}
    groups = read_quality_table(out, GROUPS).to_pylist()
    return titles, {(row["kind"], row["name"]): row for row in groups}


def test_the_last_result_of_every_title_is_added_up_by_group(tmp_path: Path) -> None:
    results, out = open_store(tmp_path / "out"), open_store(tmp_path / "quality")
    add_run(results, first_run(), tmp_path)
    # Not compacted, as while a run lasts: a failure becomes a film, and a film a failure.
    again = [
        dubbed("second_de", "de", show="Harbour"),
        failed("pilot_fr", "fr", Reason.WORKER_LOST, show="Harbour"),
    ]
    add_run(results, again, tmp_path, compact=False)
    found = roll_up(QualityRun(results, out), quality_limits({"titles_failed": 0.3}))
    titles, groups = tables(out)

    assert titles.keys() == {"pilot_de", "pilot_fr", "second_de", "row@7", "torn_de"}
    assert (titles["second_de"]["run"], titles["second_de"]["lines"]) == (2, 12)
    assert (titles["pilot_fr"]["reason"], titles["pilot_fr"]["lines"]) == ("worker_lost", None)
    assert "nothing here" in titles["torn_de"]["unread"]
    assert titles["pilot_de"]["members"] == ["Anna", "Viktor", "Mrs. Hale"]

    every = groups["all", ""]
    assert (every["titles"], every["titles_failed"], every["titles_unread"]) == (5, 2, 1)
    assert dict(every["reasons"]) == {"worker_lost": 1, "bad_catalogue": 1}
    assert (every["lines"], every["lines_failed"]) == (24, 8)
    assert groups["language", "fr"]["titles_failed"] == 1
    assert groups["studio", "North"]["titles"] == 1
    assert groups["show", "Harbour"]["lines"] == 24
    assert ("show", "") not in groups
    anna = groups["member", "Anna"]
    assert (anna["titles"], anna["lines"], anna["within"]) == (2, 8, "Harbour")
    assert found.exceeded[0].text.startswith("40.0% of titles failed (2 of 5)")
    assert {row["kind"] for row in found.groups} == {each.value for each in GroupKind} - {"member"}
    assert "pilot_de" not in Path(found.page).read_text()  # values are packed
    assert "40.0% of titles failed" in Path(found.page).read_text()


def test_two_processes_share_nothing_but_a_bucket(
    s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = open_store(tmp_path / "out"), open_store(f"{s3_url}/quality/out")
    for store in (here, there):
        add_run(store, first_run(), tmp_path)
    roll_up(QualityRun(here, open_store(tmp_path / "quality")))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    out = open_store(f"{s3_url}/quality/tables")
    found = roll_up(QualityRun(there, out), engine=TWO_PROCESSES)
    assert tables(out) == tables(open_store(tmp_path / "quality"))
    assert found.page == f"{out.url}/{PAGE}"
    assert out.exists(PAGE)


def test_a_ledger_that_is_compacted_meanwhile_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, out = open_store(tmp_path / "out"), open_store(tmp_path / "quality")
    add_run(results, first_run(), tmp_path, compact=False)

    def compacting(engine: BeamEngine, compose: Callable[[Any], None]) -> None:
        Ledger(results).compact(1)
        real(engine, compose)

    real = quality.run_pipeline
    monkeypatch.setattr(quality, "run_pipeline", compacting)
    roll_up(QualityRun(results, out))
    assert len(tables(out)[0]) == 5


def test_a_folder_without_a_ledger_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    results, out = open_store(tmp_path / "out"), open_store(tmp_path / "quality")
    with pytest.raises(BadInputError, match="no ledger") as refused:
        roll_up(QualityRun(results, out))
    assert refused.value.reason is Reason.NOT_FOUND
    add_run(results, first_run(), tmp_path)
    (tmp_path / "out/ledger/titles/00000002").mkdir(parents=True)
    (tmp_path / "out/ledger/titles/00000002/torn.json").write_text(json.dumps({"id": 3}))
    with pytest.raises(BadInputError, match=r"torn\.json") as refused:
        roll_up(QualityRun(results, out))
    assert refused.value.reason is Reason.UNREADABLE
    assert not (tmp_path / "quality").exists()
