"""Validation results as TensorBoard event files, one folder per run."""

import shutil
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import image, scalar

from mytalk_core.data.storage import Store
from mytalk_core.media.output import temporary_root, work_folder
from mytalk_core.training.state import Validation


class EventLog:
    """Write the validations of one run; a resumed run continues in the same folder.

    Events after the step from which a run resumes are cut off, so no step is written twice.
    """

    def __init__(self, folder: Path, step: int, written: Callable[[], None] = lambda: None) -> None:
        """Open the log at `step`, the step of the restored checkpoint or 0.

        Args:
            written: called when a validation is on disk.
        """
        self._written = written
        for file in sorted(folder.glob("events.out.tfevents.*")):
            _cut_after(file, step)
        folder.mkdir(parents=True, exist_ok=True)
        # Not `SummaryWriter`, whose `flush` does not wait for the thread that writes its events.
        # Files are named by the second; the suffix separates restarts within one second.
        self._writer = EventsWriter(str(folder / "events"), f".from-{step}")

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def add(self, found: Validation, picture: NDArray[np.uint8]) -> None:
        """Write one validation to disk with `picture`, an (H, W, 3) RGB sample."""
        scalars = {
            **{f"loss/{name}": value for name, value in found.losses.items()},
            **{f"held_out/{name}": value for name, value in found.figures.items()},
            "pace/learning_rate": found.learning_rate,
            "pace/steps_per_second": found.steps_per_second,
        }
        shown = [scalar(name, value) for name, value in scalars.items()]
        shown.append(image("held_out/sample", picture, dataformats="HWC"))
        for summary in shown:
            event = Event(step=found.step, wall_time=time.time(), summary=summary)
            self._writer.write_event(event)
        self._writer.flush()
        self._written()


@contextmanager
def stored_event_log(store: Store, folder: str, step: int) -> Iterator[EventLog]:
    """Yield the event log of a folder of a store, opened at `step` as `EventLog`.

    A local log grows in place, as TensorBoard follows an open file. An object cannot grow: there
    the log grows on this machine, and what changed is stored again after each validation.

    Raises:
        BadInputError, OutputError, StorageError: as `Store.read`; from `add`, as `Store.publish`.
    """
    here = store.local_path(folder)
    if here is not None:
        with EventLog(here, step) as log:
            yield log
        return
    with work_folder(temporary_root() / "events") as here:
        copies = _Copies(store, folder, here)
        with EventLog(here, step, copies.put) as log:
            yield log


class _Copies:
    """The files of a log in an object store, and their copies in a folder of this machine."""

    def __init__(self, store: Store, folder: str, here: Path) -> None:
        self._store, self._folder, self._here = store, folder, here
        self._sizes: dict[str, int] = {}  # bytes of a stored file by its name
        for name in store.names(f"{folder}/"):
            file = here / name.rpartition("/")[2]
            self._sizes[file.name] = file.write_bytes(store.read(name))

    def put(self) -> None:
        """Store the files that have changed: they only grow, or are cut off."""
        for file in self._here.iterdir():
            size = file.stat().st_size
            if self._sizes.get(file.name) != size:
                with self._store.publish(f"{self._folder}/{file.name}") as temporary:
                    shutil.copyfile(file, temporary)
                self._sizes[file.name] = size


def read_events(file: Path) -> Iterator[tuple[Event, int]]:
    """Yield the events of a file, each with the offset of its end in bytes.

    A file is a sequence of records: length (8 bytes), its checksum (4), the event, its checksum (4)
    (TensorFlow's `record_writer.h`). A truncated last record is skipped.
    """
    data, end = file.read_bytes(), 0
    while len(data) >= end + 12:
        (size,) = struct.unpack_from("<Q", data, end)
        begin, end = end + 12, end + 12 + size + 4
        if end > len(data):
            return
        yield Event.FromString(data[begin : begin + size]), end


def _cut_after(file: Path, step: int) -> None:
    """Truncate a file before its first event after `step`; events are in order of steps."""
    kept = 0
    for event, end in read_events(file):
        if event.step > step:
            break
        kept = end
    with file.open("r+b") as opened:
        opened.truncate(kept)
