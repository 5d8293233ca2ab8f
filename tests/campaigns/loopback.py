"""A real web server on this machine, whose every answer a test decides."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

Respond = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request; the test writes the answer."""

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(10)

    def do_GET(self) -> None:
        self.server.seen.append(self)
        self.close_connection = True
        with suppress(OSError):  # the client has hung up
            self.server.respond(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    @property
    def number(self) -> int:
        """Which request this is, from 1."""
        return self.server.seen.index(self) + 1

    def answer(
        self, body: bytes = b"", status: int = 200, *, length: int | None = -1, **headers: str
    ) -> None:
        """Send an answer; underscores in names of headers stand for hyphens, a length of None for none."""
        self.head(status, length=len(body) if length == -1 else length, **headers)
        self.wfile.write(body)

    def head(self, status: int = 200, *, length: int | None = None, **headers: str) -> None:
        """Send what precedes the body."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def start(self) -> int:
        """First byte that is asked for; 0 for the whole."""
        return int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))

    def ranged(self, body: bytes, *, until: int | None = None, **headers: str) -> None:
        """Answer as a good server does; hang up before byte `until`."""
        start, end = self.start(), len(body) if until is None else until
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.answer(body[start:end], 206 if start else 200, length=len(body) - start, **headers)

    def trickle(self, text: bytes) -> None:
        """Send one byte of a text again and again, a few a second, until the test is over."""
        position = 0
        while not self.server.over.wait(0.04):
            self.wfile.write(text[position % len(text) :][:1])
            position += 1

    def stall(self) -> None:
        """Keep the connection, send nothing, until the test is over."""
        self.wfile.flush()
        self.server.over.wait(20)

    def hang_up(self) -> None:
        """End the connection as a crash does."""
        self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    """Serves on a free port; `seen` holds all requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, respond: Respond):
        self.respond, self.seen, self.over = respond, [], threading.Event()
        super().__init__(("127.0.0.1", 0), Exchange)

    def url(self, path: str = "/a.zip", host: str = "127.0.0.1") -> str:
        """Address of a file here."""
        return f"http://{host}:{self.server_port}{path}"

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def serving(respond: Respond) -> Iterator[Server]:
    """Run a server while the block runs; no proxy stands between."""
    with Server(respond) as server, patch.dict("os.environ", {"no_proxy": "*", "NO_PROXY": "*"}):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
