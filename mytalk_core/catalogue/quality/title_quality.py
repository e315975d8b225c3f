"""The quality of one title: its record in the ledger and what its report measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mytalk_core.catalogue.quality.line_measures import LineMeasures, line_measures
from mytalk_core.data.run_records import TitleRecord, TitleStatus
from mytalk_core.data.storage import Store
from mytalk_core.dubbing.title_report.document import Document, document_path, parsed_report
from mytalk_core.errors import BadInputError


@dataclass(frozen=True)
class MemberQuality:
    """What a title came to for a member of its cast."""

    named: bool  # whether a person named them; else the name is an id such as m1
    lines: LineMeasures


@dataclass(frozen=True)
class TitleQuality:
    """What a title came to."""

    record: TitleRecord
    lines: LineMeasures = field(default_factory=LineMeasures)
    members: Mapping[str, MemberQuality] = field(default_factory=dict)  # by name; with lines only
    unread: str = ""  # why a dubbed title has no report; empty where it has one

    @property
    def is_failed(self) -> bool:
        """Whether the title has no film."""
        return self.record.status is TitleStatus.FAILED

    @property
    def is_measured(self) -> bool:
        """Whether its report was read."""
        return not (self.is_failed or self.unread)


def title_quality(store: Store, record: TitleRecord) -> TitleQuality:
    """Read the report of a title.

    Args:
        store: of the folder of the results.
        record: the last result of the title.

    Raises:
        StorageError: the storage does not answer.
    """
    if record.status is TitleStatus.FAILED:
        return TitleQuality(record)
    name = document_path(Path(record.output)).as_posix()
    try:
        document = parsed_report(store.read(name), f"{store.url}/{name}")
    except BadInputError as error:
        return TitleQuality(record, unread=error.what)
    return TitleQuality(record, line_measures(document["lines"]), _members(document))


def _members(document: Document) -> dict[str, MemberQuality]:
    """Members who have a line, by their names; several of one name count as one."""
    found: dict[str, MemberQuality] = {}
    for member in document["members"]:
        own = [line for line in document["lines"] if line["speaker"]["member"] == member["id"]]
        if not own:
            continue
        lines = line_measures(own)
        if member["name"] in found:
            lines += found[member["name"]].lines
        found[member["name"]] = MemberQuality(member["name"] != member["id"], lines)
    return found
