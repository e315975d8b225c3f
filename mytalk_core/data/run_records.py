"""What the ledger of a catalogue records of runs, titles and pieces of films."""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import cattrs

from mytalk_core.errors import ErrorClass, Reason

ROW_MARK = "@"
"""In the id of a record: it is that of a row of the list, because its title has no good id."""


class TitleStatus(StrEnum):
    """How a title ended."""

    OK = "ok"
    FAILED = "failed"


class RunEnd(StrEnum):
    """Why a run took no further titles."""

    FINISHED = "finished"  # every title was tried
    DEADLINE = "deadline"
    BUDGET = "budget"  # processor hours
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # by a signal
    FAILED = "failed"  # by an error of the run itself


@dataclass(frozen=True)
class RunStart:
    """A run, and what it set out to do."""

    number: int  # grows with every run of a folder
    started: str  # ISO 8601, UTC, as are all times here
    who: str  # process and machine
    catalogue: str  # path or URL without secrets
    version: str  # of this software
    titles: int = 0  # rows of the catalogue
    chosen: int = 0  # titles that are to be dubbed
    refused: int = 0  # rows that cannot be dubbed
    finished: int = 0  # titles that earlier runs made, with the same inputs
    failed_before: int = 0  # titles that failed before and are not tried again
    unasked: int = 0  # rows that were not asked for
    token: str = ""  # unique to the run: two may begin in the same second


@dataclass(frozen=True)
class RunEnded:
    """How a run ended."""

    ended: str
    why: RunEnd
    ok: int
    failed: int
    left: int  # titles that were chosen and not tried
    cpu_seconds: float  # of the titles that were tried
    message: str = ""  # of an error of the run itself


@dataclass(frozen=True)
class TitleRecord:
    """How a title ended in a run; a row of the tables. Addresses have no secrets."""

    id: str
    run: int  # later results are of later runs
    status: TitleStatus
    where: str  # the row of the catalogue
    language: str
    source: str  # address of the film that was dubbed
    config_id: str  # digest of inputs, configuration and software
    studio: str = ""  # as the row says
    show: str = ""  # as the row says
    reason: Reason | None = None  # of a failed title
    error_class: ErrorClass | None = None  # of a failed title
    message: str = ""  # of a failed title
    warning: str = ""  # to be reviewed although the dub succeeded
    output: str = ""  # the film, relative to the folder of the results
    report: str = ""  # likewise
    source_bytes: int = 0  # of the film that was dubbed
    film_bytes: int = 0  # of the dubbed film
    film_seconds: float = 0.0
    frames: int = 0
    rendered_frames: int = 0  # with new lips
    left_alone: str = ""  # other frames by reason, as JSON such as {"no_face": 12}
    segments: int = 0  # pieces of the film that were drawn in this run
    seconds: float = 0.0  # elapsed
    cpu_seconds: float = 0.0
    machine: str = ""
    ended: str = ""

    @property
    def lips_seconds(self) -> float:
        """Seconds of the film with new lips."""
        return self.film_seconds * self.rendered_frames / max(self.frames, 1)


@dataclass(frozen=True)
class SegmentRecord:
    """A piece of a film that was drawn."""

    id: str  # of the title
    run: int
    key: str  # of the artifact
    seconds: float
    frames: int
    machine: str
    ended: str


@dataclass(frozen=True)
class KnownTitle:
    """What a run needs to know of the last result of a title."""

    run: int
    config_id: str
    status: TitleStatus
    error_class: ErrorClass | None
    output: str
    film_bytes: int


def encoded_record(value: Any) -> bytes:
    """Encode a record as the content of its file."""
    return (json.dumps(record_converter().unstructure(value), indent=1) + "\n").encode()


@cache
def record_converter() -> cattrs.Converter:
    """The converter between records and JSON values; fields of later versions are left out."""
    return cattrs.Converter(forbid_extra_keys=False)
