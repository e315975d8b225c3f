"""A web server with scripted answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """One file on a web server, and how the server answers."""

    content: bytes = b"film"
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)  # of the next answers; 200 after them
    cut_after: list[int] = field(default_factory=list)  # bytes sent in the next answers
    url: str = ""  # set by `serving`
    gets: int = 0  # GET requests received


@contextmanager
def serving(site: Site) -> Iterator[None]:
    """Serve the site within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            site.gets += 1
            self.answer(True)

        def answer(self, body: bool) -> None:
            status = site.statuses.pop(0) if site.statuses else 200
            self.send_response(status)
            for name, value in site.headers.items():
                self.send_header(name, value)
            content = site.content if status == 200 else b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                cut = site.cut_after.pop(0) if site.cut_after and content else None
                self.wfile.write(content[:cut])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.url = f"http://127.0.0.1:{server.server_port}/film.mp4"
        yield
        server.shutdown()
