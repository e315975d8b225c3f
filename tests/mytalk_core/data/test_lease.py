"""The lease of a folder: a live holder is named in the error, a dead one is replaced."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mytalk_core.data.lease import (
    LEASE,
    Holder,
    LeaseConfig,
    _as_json,
    held_lease,
    is_lease,
    lease_holder,
)
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, OutputError, Reason

QUICK = LeaseConfig(seconds=0.5, watch_seconds=0.05)
ELSEWHERE = Holder("t0", "farm7", "another boot", 41, "1234", "2024-05-01 10:00:00 UTC", 0.5)

HOLDING = """
import sys, time
sys.path[:0] = {path!r}
from mytalk_core.data.lease import LeaseConfig, held_lease
from mytalk_core.data.storage import open_store
from mytalk_core.errors import OutputError
with held_lease(open_store({out!r}), config=LeaseConfig({seconds}, 0.05)) as lease:
    print("held", flush=True)
    try:
        while True:
            time.sleep(0.05)
            lease.check()
    except OutputError:
        print("lost", flush=True)
"""


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "out")
    url = request.getfixturevalue("s3_url")
    return open_store(f"{url}/{tmp_path.name}")


def write(store: Store, holder: Holder, number: int = 1) -> None:
    assert store.create(f"{LEASE}/{number:08d}.json", _as_json(holder))


def holding(out: Path, seconds: float = 30.0) -> subprocess.Popen[str]:
    """Start a process that holds the lease until it is killed or loses it."""
    script = HOLDING.format(path=sys.path, out=str(out), seconds=seconds)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_error_of_a_second_run_names_the_holder(store: Store) -> None:
    with held_lease(store) as lease:
        lease.check()
        assert lease.epoch == 1
        with (
            pytest.raises(BadInputError, match=f"process {os.getpid()} on ") as refusal,
            held_lease(store),
        ):
            pass
        assert refusal.value.reason is Reason.OUTPUT_IN_USE
        lease.check()
        assert all(map(is_lease, store.names()))
    assert list(store.names()) == []
    assert lease_holder(store) is None
    with held_lease(store):
        pass


def test_the_lease_of_a_killed_local_process_is_taken_over_immediately(tmp_path: Path) -> None:
    process = holding(tmp_path, seconds=1e9)
    with (
        pytest.raises(BadInputError, match=f"process {process.pid} "),
        held_lease(Store(str(tmp_path))),
    ):
        pass
    process.send_signal(signal.SIGKILL)
    messages: list[str] = []
    # Without wait(): a zombie process counts as dead.
    while True:
        try:
            with held_lease(Store(str(tmp_path)), messages.append) as lease:
                assert lease.epoch == 2
                break
        except BadInputError:
            continue
    process.wait()
    assert len(messages) == 1
    assert f"process {process.pid} " in messages[0]


def test_a_frozen_holder_is_replaced_by_the_run_that_waits_and_stops_when_it_thaws(
    tmp_path: Path,
) -> None:
    process = holding(tmp_path, seconds=1.0)
    process.send_signal(signal.SIGSTOP)
    messages: list[str] = []
    waiting = replace(QUICK, seconds=1.0, wait=True)
    with held_lease(Store(str(tmp_path)), messages.append, config=waiting) as lease:
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        assert process.stdout.readline() == "lost\n"
        process.wait()
        lease.renew()
        lease.check()
    assert [f"process {process.pid} " in message for message in messages] == [True, True]
    assert "waiting for" in messages[0]
    assert "taking over" in messages[1]


def test_a_run_that_waits_begins_when_the_other_one_ends(store: Store) -> None:
    began = threading.Event()
    said = threading.Event()

    def second() -> None:
        waiting = replace(QUICK, wait=True)
        with held_lease(store, lambda text: said.set(), config=waiting):
            began.set()

    thread = threading.Thread(target=second)
    with held_lease(store, config=replace(QUICK, seconds=3.0)):
        thread.start()
        assert said.wait(60)
        while (holder := lease_holder(store)) is None or holder.beat < 4:
            time.sleep(0.1)
        assert not began.is_set()  # heartbeats keep the lease for longer than its seconds
    assert began.wait(60)
    thread.join()


def test_the_lease_of_a_lost_machine_is_taken_over_without_a_heartbeat(store: Store) -> None:
    write(store, ELSEWHERE)
    messages: list[str] = []
    with held_lease(store, messages.append, config=QUICK) as lease:
        lease.check()
        assert lease.epoch == 2
    assert "process 41 on farm7, since 2024-05-01" in messages[0]
    assert list(store.names()) == []


def test_leases_of_different_names_are_independent(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    motion = held_lease(store, name=f"motion.{LEASE}")
    with motion, held_lease(store, name=f"appearance.{LEASE}"), pytest.raises(BadInputError):
        held_lease(store, name=f"motion.{LEASE}").__enter__()


def test_a_holder_on_another_machine_with_a_heartbeat_keeps_its_lease(store: Store) -> None:
    write(store, replace(ELSEWHERE, seconds=60.0))
    ended = threading.Event()

    def renew() -> None:
        number = 1
        while not ended.wait(0.05):
            number += 1
            write(store, replace(ELSEWHERE, seconds=60.0, beat=number), number)

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        with (
            pytest.raises(BadInputError, match="process 41 on farm7"),
            held_lease(store, config=QUICK),
        ):
            pass
    finally:
        ended.set()
        renewing.join()
    holder = lease_holder(store)
    assert holder is not None and holder.token == "t0"


@pytest.mark.parametrize("number", [2, 9])
def test_a_run_that_lost_its_lease_raises_and_keeps_the_new_one(store: Store, number: int) -> None:
    """Also where the file that it would create is free, because early files were removed."""
    with held_lease(store, config=replace(QUICK, seconds=1e9)) as lease:
        write(store, ELSEWHERE, number)
        lease.renew()
        with pytest.raises(OutputError) as lost:
            lease.check()
        assert lost.value.reason is Reason.OUTPUT_IN_USE
    assert lease_holder(store) == ELSEWHERE


def test_a_heartbeat_that_is_overdue_is_sent_before_the_work_goes_on(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with held_lease(store, config=replace(QUICK, seconds=1e9)) as lease:
        lease._renewed_at -= 2e9  # as after a long stop
        lease.check()
        assert lease_holder(store) == replace(lease._mine, beat=1)
        write(store, ELSEWHERE, 3)
        lease._renewed_at -= 2e9
        with pytest.raises(OutputError):
            lease.check()


def test_leases_are_renewed_with_notes_and_stay_short(store: Store) -> None:
    with held_lease(store, config=QUICK) as lease:
        lease.note(left=7)
        while True:
            holder = lease_holder(store)
            assert holder is not None
            if holder.beat > 4 and holder.notes == {"left": 7}:
                break
            time.sleep(0.02)
        assert len(list(store.names())) <= 4


def test_a_holder_keeps_its_lease_while_the_storage_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    with held_lease(store, config=replace(QUICK, seconds=1e9)) as lease:
        with monkeypatch.context() as broken:
            broken.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(5, "failed")))
            lease._renewed_at -= 2e9
            lease.check()
        lease.check()
        holder = lease_holder(store)
        assert holder is not None and holder.beat == 1


def test_one_of_several_concurrent_runs_holds_the_lease(store: Store) -> None:
    start, ended = threading.Barrier(8), threading.Barrier(8)
    results: list[str] = []

    def run() -> None:
        start.wait()
        try:
            with held_lease(store):
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
    assert list(store.names()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"token": 1}'])
def test_an_unreadable_lease_is_an_error_and_unchanged(tmp_path: Path, text: str) -> None:
    path = tmp_path / LEASE / "00000001.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(BadInputError, match=LEASE), held_lease(open_store(tmp_path)):
        pass
    assert path.read_text() == text


def test_an_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_store(tmp_path / "file" / "out")
    with pytest.raises(OutputError, match="file"), held_lease(store):
        pass


def test_a_store_that_ignores_conditions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    actual = MemoryFileSystem.pipe_file
    monkeypatch.setattr(
        MemoryFileSystem, "pipe_file", lambda self, path, value, mode="": actual(self, path, value)
    )
    store = open_store("memory://ignores")
    with pytest.raises(OutputError, match="ignores conditions"), held_lease(store):
        pass
    assert list(store.names()) == []
