"""Validation results as TensorBoard event files, one folder per run."""

import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event

from mytalk_core.training.state import Validation


class EventLog:
    """Write the validations of one run; a resumed run continues in the same folder.

    Events after the step from which a run resumes are cut off, so no step is written twice.
    """

    def __init__(self, folder: Path, step: int) -> None:
        """Open the log at `step`, the step of the restored checkpoint or 0."""
        for file in sorted(folder.glob("events.out.tfevents.*")):
            _cut_after(file, step)
        # TensorBoard names files by the second; the suffix separates restarts within one second.
        self._writer = SummaryWriter(str(folder), filename_suffix=f".from-{step}")

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
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, found.step)
        self._writer.add_image("held_out/sample", picture, found.step, dataformats="HWC")
        self._writer.flush()


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
