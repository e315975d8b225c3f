"""Folders of results as runs of a catalogue leave them: a ledger and reports of titles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import RunStart, TitleRecord, TitleStatus
from mytalk_core.data.storage import Store
from mytalk_core.dubbing.title_report.document import write_document
from mytalk_core.dubbing.title_report.values import TitleReport
from mytalk_core.errors import ErrorClass, Reason
from tests.title_reports import film_report


@dataclass(frozen=True)
class Made:
    """A title of a run."""

    record: TitleRecord
    report: TitleReport | None = None


def dubbed(id: str, language: str, lines: int = 12, **columns: object) -> Made:
    """A title with a film and its report.

    Of 12 lines one is too long, one out of sync, one undecided, one not drawn, one off-screen.
    """
    record = TitleRecord(
        id,
        0,
        TitleStatus.OK,
        "list.csv line 2",
        language,
        f"s3://studio/{id.partition('_')[0]}.mov",
        "c1",
        output=f"{id}/{id}.mp4",
        report=f"{id}/{id}.mp4.report.html",
        film_seconds=3600.0,
        frames=100,
        rendered_frames=25,
    )
    report = film_report(lines, 3)
    facts = replace(report.facts, id=id, language=language)
    return Made(replace(record, **columns), replace(report, facts=facts))


def failed(id: str, language: str, reason: Reason, **columns: object) -> Made:
    """A title without a film."""
    record = TitleRecord(id, 0, TitleStatus.FAILED, "list.csv", language, "s3://studio/a.mov", "")
    wrong = replace(record, reason=reason, error_class=ErrorClass.BAD_INPUT, message="no good")
    return Made(replace(wrong, **columns))


def add_run(store: Store, titles: Sequence[Made], scratch: Path, compact: bool = True) -> None:
    """Write what a run leaves of these titles."""
    ledger = Ledger(store)
    run = ledger.begin(RunStart(0, "", "", "", "")).number
    for each in titles:
        if each.report is not None:
            path = scratch / "report.json"
            write_document(path, each.report)
            with store.publish(f"{each.record.output}.report.json") as temporary:
                temporary.write_bytes(path.read_bytes())
        ledger.add_title(replace(each.record, run=run))
    if compact:
        ledger.compact(run)
