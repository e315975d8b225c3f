"""TensorBoard event files, read back event by event."""

import io
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from mytalk_core.data.storage import open_store
from mytalk_core.training.event_log import EventLog, read_events, stored_event_log
from mytalk_core.training.state import Validation

PICTURE = np.zeros((6, 8, 3), np.uint8) + np.array([250, 0, 0], np.uint8)


def found(step: int, score: float = 0.5) -> Validation:
    return Validation(step, {"points": 1.0 / step}, {"cross_lmd": score}, 0.01, 3.0)


def events(folder: Path) -> list[tuple[int, str, float | bytes]]:
    """Return step, name and value of every entry that TensorBoard would show, in file order."""
    read = []
    for file in sorted(folder.iterdir()):
        for event, _ in read_events(file):
            for value in event.summary.value:
                shown = value.image.encoded_image_string or value.simple_value
                read.append((event.step, value.tag, shown))
    return read


def test_losses_figures_pace_and_a_picture_are_written(tmp_path: Path) -> None:
    with EventLog(tmp_path, 0) as log:
        log.add(found(10), PICTURE)
    read = {name: value for _, name, value in events(tmp_path)}
    picture = read.pop("held_out/sample")
    assert {name: round(float(value), 6) for name, value in read.items()} == {
        "loss/points": 0.1,
        "held_out/cross_lmd": 0.5,
        "pace/learning_rate": 0.01,
        "pace/steps_per_second": 3.0,
    }
    assert (np.asarray(Image.open(io.BytesIO(picture))) == PICTURE).all()


def test_a_resumed_run_writes_no_step_twice(tmp_path: Path) -> None:
    with EventLog(tmp_path, 0) as log:
        for step in (10, 20, 30):
            log.add(found(step, score=1.0), PICTURE)
    (file,) = tmp_path.iterdir()
    with file.open("ab") as torn:  # as after a kill during a write
        torn.write(b"\x40\0\0\0\0\0\0\0abc")
    with EventLog(tmp_path, 25) as log:  # the last checkpoint
        for step in (30, 40):
            log.add(found(step, score=2.0), PICTURE)
    scores = [(step, value) for step, name, value in events(tmp_path) if name.endswith("lmd")]
    assert scores == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0)]


def test_a_log_in_an_object_store_is_resumed_on_another_machine(tmp_path: Path) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}")
    for begun, steps in ((0, (10, 20, 30)), (20, (30, 40))):
        with stored_event_log(store, "tensorboard/run", begun) as log:
            for step in steps:
                log.add(found(step, score=1.0 + begun), PICTURE)
    for name in store.names("tensorboard/run/"):
        (tmp_path / name.rpartition("/")[2]).write_bytes(store.read(name))
    scores = [(step, value) for step, name, value in events(tmp_path) if name.endswith("lmd")]
    assert scores == [(10, 1.0), (20, 1.0), (30, 21.0), (40, 21.0)]


def test_each_file_begins_with_its_version_even_after_all_events_were_cut(tmp_path: Path) -> None:
    """TensorBoard requires the version record."""
    with EventLog(tmp_path, 0) as log:
        log.add(found(10), PICTURE)
    with EventLog(tmp_path, 5) as log:
        log.add(found(10), PICTURE)
    assert len(list(tmp_path.iterdir())) == 2
    for file in tmp_path.iterdir():
        first, _ = next(read_events(file))
        assert first.file_version == "brain.Event:2"
    assert [step for step, name, _ in events(tmp_path) if name.endswith("lmd")] == [10]
