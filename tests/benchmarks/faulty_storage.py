"""An S3 server on loopback that fails, and that counts what was put."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

_BUSY = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


class _Handler(MotoRequestHandler):
    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True


class FaultyStorage:
    """Runs until `stop`. A failure is an answer 503, or a connection that breaks.

    Half of the connections break before a request is carried out, and half after it.
    """

    def __init__(self, seed: int = 0) -> None:
        self.failing = 0.0  # share of the requests
        self.calls = self.failed = 0
        # The MD5 of every content that was put, by path of bucket and object.
        self.puts: dict[str, list[str]] = defaultdict(list)
        self._dead_until = 0.0
        self._random, self._lock = random.Random(seed), threading.Lock()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it notes every request
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_Handler
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The address of the server."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def die(self, seconds: float) -> None:
        """Break all connections for a while."""
        self._dead_until = time.monotonic() + seconds

    @property
    def is_dead(self) -> bool:
        """Whether it breaks all connections."""
        return time.monotonic() < self._dead_until

    def put_below(self, folder: str) -> list[str]:
        """The paths below a folder that were put."""
        with self._lock:
            return [path for path in self.puts if path.startswith(f"{folder.strip('/')}/")]

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()

    def _answer(
        self, environment: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        with self._lock:
            self.calls += 1
            fails, kind = self._random.random() < self.failing, self._random.random()
            self.failed += fails or self.is_dead
        if self.is_dead or (fails and kind < 0.25):
            raise ConnectionAbortedError
        if fails and kind < 0.75:
            length = int(environment.get("CONTENT_LENGTH") or 0)
            environment["wsgi.input"].read(length)  # else it would pass for the next request
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [_BUSY]

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if environment["REQUEST_METHOD"] == "PUT" and status.startswith("200"):
                tag = next((text for name, text in headers if name.lower() == "etag"), "")
                with self._lock:
                    self.puts[environment["PATH_INFO"].strip("/")].append(tag)
            return start_response(status, headers, *rest)

        answer = self._moto(environment, started)
        if fails:
            raise ConnectionAbortedError
        return answer  # type: ignore[no-any-return]
