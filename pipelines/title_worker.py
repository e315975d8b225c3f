"""Titles of a catalogue in a worker: files in, orders of artifacts, film and record out.

The worker runs the graph of a title and writes its film; others make its artifacts.
"""

import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mytalk_core.catalogue.delivery import DubbedTitle, DubLink, deliver, film_folder
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.page import report_path
from mytalk_core.data.run_records import SegmentRecord, TitleRecord, TitleStatus
from mytalk_core.data.storage import Store
from mytalk_core.errors import MytalkError, OutputError, Reason
from mytalk_core.media.output import output_error
from mytalk_core.work_log import log, working_on
from pipelines.pool_worker import Beat
from pipelines.processor_time import processor_seconds
from pipelines.run_metrics import StageMetrics
from pipelines.stage_orders import Answer, Order, OrderDesk, OrderingRunner

Dubber = Callable[[CatalogueTitle, Path, DubLink], DubbedTitle]
"""Dubs a title into the film at this path, with a report beside it, complete or not at all."""

MakeDubber = Callable[[], Dubber]
"""Called once in every worker process. Must be picklable."""


@dataclass(frozen=True)
class TitleTask:
    """A title that is to be dubbed in a run."""

    title: CatalogueTitle
    config_id: str
    run: int


class TitleWorker:
    """One process that runs the graph of a title at a time."""

    def __init__(
        self,
        make_dubber: MakeDubber,
        open_artifacts: Callable[[], Artifacts],
        store: Store,
        beat: Beat,
    ) -> None:
        self._dubber, self._artifacts = make_dubber(), open_artifacts()
        self._store, self._ledger = store, Ledger(store)
        self._beat = beat
        self._metrics = StageMetrics()
        self._desk = OrderDesk()

    def collect(self, title: str, seconds: float) -> tuple[Order, ...]:
        """Return the new orders of a title; wait for one, but not longer than `seconds`."""
        return self._desk.collect(title, seconds)

    def answer(self, title: str, key: str, answer: Answer) -> None:
        """Say what became of an order."""
        self._desk.answer(title, key, answer)

    def work(self, task: TitleTask) -> TitleRecord:
        """Dub one title, deliver it and record it.

        Raises:
            MytalkError: why it could not be done; INTERNAL for a bug that this title triggers.
        """
        with working_on(run=task.run, id=task.title.id):
            log("title started", row=task.title.where, film=task.title.film)
            return self._worked(task)

    def _worked(self, task: TitleTask) -> TitleRecord:
        start, cpu = time.monotonic(), processor_seconds()
        segments = 0

        def drawn(key: str, seconds: float, frames: int) -> None:
            nonlocal segments
            segments += 1
            self._beat()
            self._ledger.add_segment(
                SegmentRecord(
                    task.title.id, task.run, key, seconds, frames, socket.gethostname(), now()
                )
            )

        link = DubLink(
            self._beat,
            self._artifacts,
            lambda files, made: OrderingRunner(
                self._artifacts, self._desk, files, self._beat, made
            ),
            drawn,
            self._metrics.made,
        )
        self._desk.open(task.title.id)
        try:
            with film_folder(self._store, task.title) as film:
                dubbed = self._dubber(task.title, film, link)
                self._beat()
                size = deliver(dubbed, task.title, self._store)
        except MytalkError:
            raise
        except Exception as error:
            raise _typed(error, task.title.output) from error
        finally:
            ordered = self._desk.close()
        cpu = processor_seconds() - cpu + ordered
        record = _record(task, dubbed, size, Effort(segments, time.monotonic() - start, cpu))
        self._ledger.add_title(record)
        return record


@dataclass(frozen=True)
class Effort:
    """What dubbing a title took."""

    segments: int = 0  # pieces that were drawn
    seconds: float = 0.0  # elapsed
    cpu_seconds: float = 0.0  # of this worker, and of making what it ordered


def failed_title(task: TitleTask, error: MytalkError) -> TitleRecord:
    """Return the record of a title that could not be dubbed."""
    return replace(
        _ended(task, TitleStatus.FAILED),
        reason=error.reason,
        error_class=error.error_class,
        message=MytalkError.__str__(error),  # Ray raises a subclass whose own text is a traceback
    )


def now() -> str:
    """Return the time for records: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _record(task: TitleTask, dubbed: DubbedTitle, film_bytes: int, effort: Effort) -> TitleRecord:
    return replace(
        _ended(task, TitleStatus.OK),
        warning=dubbed.warning,
        output=task.title.output,
        report=report_path(Path(task.title.output)).as_posix(),
        film_bytes=film_bytes,
        film_seconds=dubbed.seconds,
        frames=dubbed.frames,
        rendered_frames=dubbed.rendered_frames,
        left_alone=dubbed.left_alone_text,
        segments=effort.segments,
        seconds=effort.seconds,
        cpu_seconds=effort.cpu_seconds,
        machine=socket.gethostname(),
    )


def _ended(task: TitleTask, status: TitleStatus) -> TitleRecord:
    """The record of a title that ends now, without what came of it."""
    title = task.title
    return TitleRecord(
        id=title.id,
        run=task.run,
        status=status,
        where=title.where,
        language=title.language,
        source=title.film,
        config_id=task.config_id,
        studio=title.labels.studio,
        show=title.labels.show,
        source_bytes=title.film_bytes,
        ended=now(),
    )


def _typed(error: Exception, where: str) -> MytalkError:
    """The error of a title for an unexpected one: the disk's, or a bug that the title triggers."""
    if isinstance(error, OSError):
        found = output_error(error, where)
        return found or OutputError(str(error), reason=Reason.OUTPUT_NOT_WRITABLE, where=where)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return MytalkError(
        f"{type(error).__name__}: {error} ({place.filename} line {place.lineno})",
        reason=Reason.INTERNAL,
    )
