"""What validations find, as TensorBoard reads it: one folder of event files for a run."""

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
    """Writes the validations of one run; a resumed run goes on in the same folder.

    What an earlier process wrote of steps that were lost is cut off, so no step stands there twice.
    """

    def __init__(self, folder: Path, step: int) -> None:
        """Args: `step` is the one from which the run goes on, 0 for a new one."""
        for file in sorted(folder.glob("events.out.tfevents.*")):
            _cut_after(file, step)
        # Files of processes that start within a second would have the same name.
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
        """Write one validation to disk; `picture` (H, W, 3) RGB shows what it looked at."""
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
    """The whole events of a file, each with the byte at which it ends.

    A file is a sequence of records: length (8 bytes), its checksum (4), the event, its checksum (4)
    (TensorFlow's `record_writer.h`). A last one that a killed process left in part is passed over.
    """
    data, end = file.read_bytes(), 0
    while len(data) >= end + 12:
        (size,) = struct.unpack_from("<Q", data, end)
        begin, end = end + 12, end + 12 + size + 4
        if end > len(data):
            return
        yield Event.FromString(data[begin : begin + size]), end


def _cut_after(file: Path, step: int) -> None:
    """Shorten a file to the events up to `step`; all that come later were written later."""
    kept = 0
    for event, end in read_events(file):
        if event.step > step:
            break
        kept = end
    with file.open("r+b") as opened:
        opened.truncate(kept)
