"""The lock of a folder: a live holder is named in the error, a dead one is replaced."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mytalk_core.data.run_lock import LOCK_FILE, Holder, LockConfig, _LockFile, run_lock
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, OutputError, Reason

QUICK = LockConfig(beat_seconds=0.05, stale_seconds=0.5, watch_seconds=0.05)
ELSEWHERE = Holder("t0", "farm7", "another boot", 41, "1234", "2024-05-01 10:00:00 UTC")

HOLDING = """
import sys
sys.path[:0] = {path!r}
from mytalk_core.data.run_lock import run_lock
from mytalk_core.data.storage import open_store
with run_lock(open_store({out!r})):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "out")
    url = request.getfixturevalue("s3_url")
    return open_store(f"{url}/{tmp_path.name}")


def write(store: Store, holder: Holder) -> None:
    with store.publish(LOCK_FILE) as temporary:
        temporary.write_text(json.dumps(asdict(holder)))


def holding(out: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its stdin is closed."""
    script = HOLDING.format(path=sys.path, out=str(out))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_error_of_a_second_run_names_the_holder(store):
    with run_lock(store) as lock:
        lock.check()
        with (
            pytest.raises(BadInputError, match=f"process {os.getpid()} on ") as refusal,
            run_lock(store),
        ):
            pass
        assert refusal.value.reason is Reason.OUTPUT_IN_USE
        lock.check()
    assert list(store.names()) == []
    with run_lock(store):
        pass


def test_the_lock_of_a_killed_local_process_is_taken_over_immediately(tmp_path):
    process = holding(tmp_path)
    with (
        pytest.raises(BadInputError, match=f"process {process.pid} "),
        run_lock(Store(str(tmp_path))),
    ):
        pass
    process.send_signal(signal.SIGKILL)
    messages: list[str] = []
    never = LockConfig(stale_seconds=1e9)
    # Without wait(): a zombie process counts as dead.
    while True:
        try:
            with run_lock(Store(str(tmp_path)), messages.append, config=never):
                break
        except BadInputError:
            continue
    process.wait()
    assert len(messages) == 1
    assert f"process {process.pid} " in messages[0]


def test_the_lock_of_a_lost_machine_is_taken_over_without_a_heartbeat(store):
    write(store, ELSEWHERE)
    messages: list[str] = []
    with run_lock(store, messages.append, config=QUICK) as lock:
        lock.check()
    assert "process 41 on farm7, since 2024-05-01" in messages[0]
    assert list(store.names()) == []


def test_old_temporary_files_of_killed_holders_are_removed(tmp_path):
    store = open_store(tmp_path)
    write(store, ELSEWHERE)
    for name, seconds in ((".run-lock.0123.part.json", 0), (".run-lock.4567.part.json", 1)):
        (tmp_path / name).touch()
        if seconds == 0:
            os.utime(tmp_path / name, (0, 0))
    with run_lock(store, config=QUICK):
        assert {path.name for path in tmp_path.iterdir()} == {LOCK_FILE, ".run-lock.4567.part.json"}


def test_locks_of_different_names_are_independent(tmp_path):
    store = open_store(tmp_path)
    motion = run_lock(store, name="motion.run-lock.json")
    with motion, run_lock(store, name="appearance.run-lock.json"), pytest.raises(BadInputError):
        run_lock(store, name="motion.run-lock.json").__enter__()


def test_a_holder_on_another_machine_with_a_heartbeat_keeps_its_lock(store):
    write(store, ELSEWHERE)
    ended = threading.Event()

    def renew() -> None:
        beat = 0
        while not ended.wait(0.05):
            beat += 1
            write(store, replace(ELSEWHERE, beat=beat))

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        with (
            pytest.raises(BadInputError, match="process 41 on farm7"),
            run_lock(store, config=replace(QUICK, stale_seconds=60.0)),
        ):
            pass
    finally:
        ended.set()
        renewing.join()
    assert _LockFile(store, LOCK_FILE).read().token == "t0"


def test_a_run_that_lost_its_lock_raises_and_keeps_the_new_lock(store):
    with run_lock(store, config=QUICK) as lock:
        write(store, ELSEWHERE)
        assert lock._lost.wait(600)
        with pytest.raises(OutputError) as lost:
            lock.check()
        assert lost.value.reason is Reason.OUTPUT_IN_USE
    assert _LockFile(store, LOCK_FILE).read() == ELSEWHERE


def test_locks_are_renewed(store):
    with run_lock(store, config=QUICK):
        first = _LockFile(store, LOCK_FILE).read()
        renewed = threading.Event()
        while not renewed.wait(0.02):
            if _LockFile(store, LOCK_FILE).read().beat > first.beat:
                renewed.set()


def test_one_of_several_concurrent_runs_holds_the_lock(tmp_path):
    store, start, ended = open_store(tmp_path), threading.Barrier(8), threading.Barrier(8)
    results: list[str] = []

    def run() -> None:
        start.wait()
        try:
            with run_lock(store):
                results.append("held")
                ended.wait()
        except BadInputError:
            results.append("refused")
            ended.wait()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["held"] + ["refused"] * 7
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"token": 1}'])
def test_an_unreadable_lock_file_is_an_error_and_unchanged(tmp_path, text):
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(BadInputError, match=LOCK_FILE), run_lock(open_store(tmp_path)):
        pass
    assert (tmp_path / LOCK_FILE).read_text() == text


def test_an_unwritable_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"), run_lock(open_store(tmp_path / "file" / "out")):
        pass
