"""A child that crashes, hangs or exhausts its memory does not affect its parent."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.errors import BadInputError, MytalkError, Reason
from mytalk_core.footage.isolated import ChildLostError, IsolatedProcess, IsolationConfig, Send

CONFIG = IsolationConfig(memory_gigabytes=2.0)


@pytest.fixture
def child(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
    with IsolatedProcess(CONFIG) as process:
        yield process


def add(a: int, b: int, send: Send) -> int:
    send({"item": "sum"})
    return a + b


def crash(send: Send) -> None:
    ctypes.string_at(0)


def hang(send: Send) -> None:
    time.sleep(3600)


def grow(send: Send) -> int:
    return int(np.ones(2**30, np.float64).sum())


def refuse(send: Send) -> None:
    raise BadInputError("is odd.", reason=Reason.NO_FACE, where="here", remedy="Even it.")


def fail(send: Send) -> None:
    raise KeyError("gone")


def greet(send: Send) -> str:
    os.write(1, b"native greeting\n")
    print("hello")  # noqa: T201
    return "done"


def process_id(send: Send) -> int:
    return os.getpid()


def test_a_call_returns_its_result_and_passes_on_messages(child):
    messages = []
    assert child.call(add, 2, 3, on_message=messages.append) == 5
    assert messages == [{"item": "sum"}]


def test_one_child_serves_many_calls(child):
    assert child.call(process_id) == child.call(process_id)


def test_errors_keep_their_type_and_text(child):
    with pytest.raises(BadInputError) as typed:
        child.call(refuse)
    assert str(typed.value) == "here: is odd. Even it."
    assert typed.value.reason is Reason.NO_FACE
    with pytest.raises(MytalkError) as bug:
        child.call(fail)
    assert bug.value.reason is Reason.INTERNAL
    assert "KeyError" in str(bug.value)


def test_a_crash_raises_an_error_and_the_next_call_works(child):
    with pytest.raises(ChildLostError) as lost:
        child.call(crash)
    assert lost.value.reason is Reason.DECODER_CRASHED
    assert "SIGSEGV" in str(lost.value)
    assert child.call(add, 1, 1) == 2


def test_a_child_that_hangs_is_killed(child):
    child._config = replace(CONFIG, stall_seconds=1.0)
    with pytest.raises(ChildLostError) as lost:
        child.call(hang)
    assert lost.value.reason is Reason.TIMED_OUT
    child._config = CONFIG
    assert child.call(add, 1, 1) == 2


def test_the_child_survives_an_allocation_beyond_its_limit(child):
    with pytest.raises(MytalkError, match="MemoryError"):
        child.call(grow)
    assert child.call(add, 1, 1) == 2


def test_output_of_native_code_is_not_read_as_an_answer(child):
    assert child.call(greet) == "done"


def test_the_child_dies_with_its_parent(child):
    script = (
        "import sys, time\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from test_isolated import CONFIG, IsolatedProcess, process_id\n"
        "child = IsolatedProcess(CONFIG)\n"
        "print(child.call(process_id), flush=True)\n"
        "time.sleep(3600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    grandchild = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 300
    while Path(f"/proc/{grandchild}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{grandchild}/stat").read_text().split(")")[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{grandchild}").exists()
