"""A child process in which native code may crash, hang or run out of memory.

Decoders of untrusted media run in it. Requests are pickles, because they come from the trusted
parent. Answers are JSON, because a compromised decoder may send anything.
"""

import ctypes
import json
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mytalk_core.errors import BadInputError, Reason, error_from_json, error_to_json

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LENGTH = struct.Struct(">Q")

Send = Callable[[dict[str, Any]], None]
"""Sends a JSON-able message to the parent during the work."""


@dataclass(frozen=True)
class IsolationConfig:
    """Limits of a child process."""

    # Data segment, in units of 2**30 bytes; an allocation beyond it fails inside the child.
    memory_gigabytes: float = 8.0
    # Seconds without a message after which the child is killed.
    stall_seconds: float = 180.0


class ChildLostError(BadInputError):
    """The child died or hung during a call."""


class IsolatedProcess:
    """A child process that is started by the first call and reused by later ones."""

    def __init__(self, config: IsolationConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._pending = b""

    def __enter__(self) -> "IsolatedProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child; the next call starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None  # opened in _started
                pipe.close()
            self._process = None
            self._pending = b""

    def call(
        self,
        work: Callable[..., Any],
        *arguments: Any,
        on_message: Callable[[dict[str, Any]], None] = lambda message: None,
    ) -> Any:
        """Run `work(*arguments, send)` in the child and return its JSON-able result.

        Args:
            work: a function at module level; its last argument is a `Send`.
            on_message: called with every message of the child.

        Raises:
            ChildLostError: DECODER_CRASHED where the child died, TIMED_OUT where it sent nothing
                for `stall_seconds`. The next call starts another child.
            MytalkError: raised by `work`; any other exception becomes a bug with its text.
        """
        process = self._started()
        assert process.stdin is not None  # opened in _started
        request = pickle.dumps((work, arguments))
        try:
            process.stdin.write(_LENGTH.pack(len(request)) + request)
            process.stdin.flush()
            while True:
                message = self._message(process)
                if "result" in message:
                    return message["result"]
                if "error" in message:
                    raise error_from_json(message["error"])
                if message:
                    on_message(message)
        except (BrokenPipeError, EOFError):
            how = _how_it_died(process.wait())
            self.close()
            raise ChildLostError(
                f"native code {how} while working on it.", reason=Reason.DECODER_CRASHED
            ) from None
        except TimeoutError:
            self.close()
            raise ChildLostError(
                f"did not respond for {self._config.stall_seconds:g} s.",
                reason=Reason.TIMED_OUT,
            ) from None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, repr(self._config.memory_gigabytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        return self._process

    def _message(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None  # opened in _started
        deadline = time.monotonic() + self._config.stall_seconds
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise TimeoutError
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                raise EOFError
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message


def _how_it_died(status: int) -> str:
    if status < 0:
        return f"died of {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _serve() -> None:
    """Main loop of the child: serve requests until the parent closes the pipe or dies."""
    # A scheduler may kill the parent at any time; the child must end with it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    limit = int(float(sys.argv[1]) * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # native libraries print to standard output

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")

    requests = sys.stdin.buffer
    while head := requests.read(_LENGTH.size):
        work, arguments = pickle.loads(requests.read(_LENGTH.unpack(head)[0]))
        try:
            send({"result": work(*arguments, send)})
        except Exception as error:
            send({"error": error_to_json(error)})


if __name__ == "__main__":
    _serve()
