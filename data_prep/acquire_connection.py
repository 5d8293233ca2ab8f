"""One answer of a server: redirects followed by our rules, silence and trickles cut off.

No library's redirects: they would take credentials along or read a body without a limit. And no library's
timeouts alone: they start anew with every byte, so that a server may send one a minute for ever.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import extract_cookies_to_jar

from data_prep.acquire_sources import Refused, Source, followed, same_origin

REDIRECTS = 5
logging.getLogger("urllib3").setLevel(logging.WARNING)  # below that it writes addresses


@dataclass(frozen=True)
class Patience:
    """How long to wait for what.

    Attributes
    ----------
    connect : float
        Seconds for a connection.
    window : float
        Seconds over which the rate is measured, from the first moment on.
    rate : int
        Bytes a second; a slower window ends the attempt, and the next one goes on from there.
    attempts : int
        Failures in a row, none of which brought at least what a window asks for.
    first, longest : float
        Seconds before the second attempt, doubled each time, and their limit.
    limit : int
        Bytes of one file.
    """

    connect: float = 20.0
    window: float = 60.0
    rate: int = 1024
    attempts: int = 6
    first: float = 2.0
    longest: float = 120.0
    limit: int = 256 << 30


class Watch:
    """Cuts the connection once less than `rate` came through within a window."""

    def __init__(self, patience: Patience):
        self.received = 0
        self.cut = False
        self._patience = patience
        self._socket: socket.socket | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._socket:
            self._socket.close()

    def attach(self, connection: socket.socket) -> None:
        """Watch a connection in the place of an earlier one."""
        old, self._socket = self._socket, connection.dup()  # survives its wrapping in TLS
        if old:
            old.close()
        if self.cut:
            self._shut()

    def _look(self) -> None:
        before = 0
        while not self._over.wait(self._patience.window):
            if self.received - before < self._patience.rate * self._patience.window:
                self.cut = True
                self._shut()
                return
            before = self.received

    def _shut(self) -> None:
        try:
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # closed already
            pass


class _Adapter(HTTPAdapter):
    """Shows each new connection to the watch."""

    def __init__(self, watch: Watch):
        self._watch = watch
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        watch, plain = self._watch, type(pool).ConnectionCls

        class Watched(plain):
            def _new_conn(self) -> socket.socket:
                connection = super()._new_conn()
                watch.attach(connection)
                return connection

        pool.ConnectionCls = Watched
        return pool


@contextmanager
def answer(
    source: Source, headers: dict[str, str], *, watch: Watch, patience: Patience
) -> Iterator[requests.Response]:
    """
    Yield the answer at the end of the redirects; its body has not been read.

    Parameters
    ----------
    source : Source
        Where, and by what right; the right goes to this origin alone.
    headers : dict
        Besides our own.

    Raises
    ------
    Refused
        If a redirect leads where none may, or there are more than `REDIRECTS`.
    """
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(watch))
        url = source.url
        for _ in range(REDIRECTS + 1):
            found = _get(session, source, url, headers, patience)
            try:
                if not found.is_redirect:
                    yield found
                    return
                url = followed(url, found.headers.get("Location", ""), source.label)
            finally:
                found.close()
    raise Refused(f"{source.label}: redirected more than {REDIRECTS} times; refused")


def _get(
    session: requests.Session, source: Source, url: str, headers: dict[str, str], patience: Patience
) -> requests.Response:
    """Ask one server once."""
    own = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "hocp-data-prep"}
    own |= headers

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Take the place of what requests would take from the address or from ~/.netrc."""
        if source.authorization and same_origin(source.url, url):
            request.headers["Authorization"] = source.authorization
        return request

    request = session.prepare_request(requests.Request("GET", url, headers=own, auth=authorize))
    settings = session.merge_environment_settings(request.url, {}, True, None, None)  # proxies, authorities
    timeout = (patience.connect, patience.window)
    found = session.get_adapter(url).send(request, timeout=timeout, **settings)
    extract_cookies_to_jar(session.cookies, request, found.raw)  # a log-in page may set one, then redirect
    return found
