"""Fetch one file over HTTP: resumed where it broke off, checked before it gets its name."""

import http.client
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from data_prep import acquire_content as content
from data_prep.acquire_connection import Patience, Watch, answer
from data_prep.acquire_part import Part
from data_prep.acquire_sources import Refused, Source, suggested_name

BLOCK = 1 << 18
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
#: What a connection may raise. Their texts name addresses.
_NETWORK = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError,
    TimeoutError,
)  # fmt: skip


class Interrupted(Exception):
    """Trying again may mend it; `wait` is how long the server asked for, in seconds."""

    def __init__(self, text: str, wait: float = 0.0):
        super().__init__(text)
        self.wait = wait


@dataclass
class Download:
    """One file of a data set, from one address into one folder; `sleep` waits between attempts."""

    dataset: str
    source: Source
    folder: Path
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.part = Part(self.folder, self.source.name)
        self.how = "there"

    def run(self) -> Path:
        """
        Fetch, or do nothing where the file is there.

        Raises
        ------
        Refused
            With what a person has to do. No message, and no exception behind it, holds an address.
        """
        failures = 0
        while not self.part.arrived:
            before = self.part.size
            fault = self._try()
            if fault is None:
                continue
            gained = self.part.size - before >= max(1, self.patience.rate * self.patience.window)
            failures = 1 if gained else failures + 1
            if failures >= self.patience.attempts:
                kept = f" {self.part.size} bytes are kept; run again to go on." if self.part.size else ""
                raise Refused(f"{self.source.label}: given up after {failures} attempts: {fault}.{kept}")
            wait = max(fault.wait, self.patience.first * 2 ** (failures - 1))
            self.sleep(min(self.patience.longest, wait))
        return self.part.target

    def _try(self) -> Interrupted | None:
        """One attempt. What others raise may name the address, hence is not even kept as a cause."""
        label = self.source.label
        try:
            return self._watched()
        except Refused as error:
            text = str(error)
        except OSError as error:
            text = f"cannot be stored in {self.folder}: {error.strerror or type(error).__name__}"
        except Exception as error:
            text = f"cannot be fetched: {type(error).__name__}"
        raise Refused(text if text.startswith(label) else f"{label}: {text}")

    def _watched(self) -> Interrupted | None:
        with Watch(self.patience) as watch:
            try:
                self._attempt(watch)
                return None
            except Interrupted as error:
                text, wait = str(error), error.wait
            except _NETWORK as error:
                text, wait = _harmless(error), 0.0
            cut = watch.cut
        return Interrupted("too little came for too long" if cut else text, wait)

    def _attempt(self, watch: Watch) -> None:
        part, asked = self.part, {}
        if part.size and part.size == part.total:  # all came, but the run ended before it was checked
            return self._finish(part.total)
        if part.size and part.validator:
            asked = {"Range": f"bytes={part.size}-", "If-Range": part.validator}
        with answer(self.source, asked, watch=watch, patience=self.patience) as found:
            self._judge_status(found, bool(asked))
            if not part.name:
                self._learn_name(found)
                # The rest of a part of this very file is asked for in another attempt, by its name.
                if self.part.arrived or (self.part.size and self.part.validator == _validator(found) != ""):
                    return None
            total = self._goes_on(found) if found.status_code == 206 else self._begins(found, watch)
            self._receive(found, total, watch)
        return self._finish(total)

    def _finish(self, total: int | None) -> None:
        self.part.finish(self.dataset, self.source.label, total)
        self.how = "fetched"

    def _judge_status(self, found: requests.Response, resumed: bool) -> None:
        status = found.status_code
        if status == 200 or (status == 206 and resumed):
            return
        if status == 416 and resumed:
            self.part.drop()
            raise Interrupted("the file is shorter now than what came of it; started anew")
        if status in _AGAIN:
            wait = found.headers.get("Retry-After", "")
            raise Interrupted(f"it answered with status {status}", float(wait) if wait.isdecimal() else 0.0)
        raise Refused(content.refusal(self.dataset, status))

    def _learn_name(self, found: requests.Response) -> None:
        name = suggested_name(found.headers.get("Content-Disposition", ""), found.url)
        if not name:
            self._check_head(found, _first(found), "a file")
            raise Refused("the server names no file; give the address as NAME=ADDRESS")
        self.part = Part(self.folder, name)

    def _begins(self, found: requests.Response, watch: Watch) -> int | None:
        """Store the first bytes of a file, if it may begin with them; returns its length if known."""
        encoding = found.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity" and not self.part.name.lower().endswith("gz"):
            raise Refused("it came compressed, which was not asked for; refused")
        total = _length(found)
        self.part.make_room(total, limit=self.patience.limit)
        head = _first(found)
        watch.received += len(head)
        self._check_head(found, head, self.part.name)
        self.part.begin(_validator(found), total)
        self.part.place.write_bytes(head)
        return total

    def _goes_on(self, found: requests.Response) -> int:
        """See to it that the answer is the rest of the very file that was begun; returns its whole length."""
        part = self.part
        span = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", found.headers.get("Content-Range", ""))
        first, last, total = map(int, span.groups()) if span else (-1, -1, -1)
        fits = (first, last) == (part.size, total - 1) and _length(found) in (None, last - first + 1)
        if not fits or part.total not in (None, total) or _validator(found) not in ("", part.validator):
            part.drop()
            raise Interrupted("it went on with another part than the one asked for; started anew")
        part.make_room(total, limit=self.patience.limit)
        return total

    def _receive(self, found: requests.Response, total: int | None, watch: Watch) -> None:
        """Append what comes to the part."""
        part = self.part
        bar = tqdm(desc=part.name, total=total, initial=part.size, unit="B", unit_scale=True, disable=None)
        with bar, part.place.open("ab") as file:
            while block := found.raw.read1(BLOCK, decode_content=False):
                watch.received += file.write(block)
                bar.update(len(block))
                if file.tell() > self.patience.limit:
                    part.make_room(file.tell(), limit=self.patience.limit)
        if part.size < total if total is not None else watch.cut:
            raise Interrupted(f"it broke off after {part.size} bytes of {total or 'an unknown number'}")

    def _check_head(self, found: requests.Response, head: bytes, name: str) -> None:
        kind = found.headers.get("Content-Type", "")
        content.check(self.dataset, self.source.label, name, head=head, content_type=kind)


def _first(found: requests.Response) -> bytes:
    """Beginning of a body, as far as its kind shows from it."""
    head = b""
    while len(head) < content.HEAD:
        block = found.raw.read1(content.HEAD - len(head), decode_content=False)
        if not block:
            break
        head += block
    return head


def _length(found: requests.Response) -> int | None:
    """Bytes that the answer announces."""
    text = found.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _validator(found: requests.Response) -> str:
    """What tells two states of a file apart; a weak tag does not, and is no word for `If-Range`."""
    tag = found.headers.get("ETag", "")
    return tag if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag) else found.headers.get("Last-Modified", "")


def _harmless(error: Exception) -> str:
    """What happened, without the address that the library names; raises what trying again cannot mend."""
    if isinstance(error, requests.exceptions.SSLError):
        raise Refused("its certificate is not valid, or no encrypted connection could be made")
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout | TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached, or hung up; is there a network? If not: --from FILE"
    if isinstance(error, ValueError):
        raise Refused(f"the address cannot be used ({type(error).__name__})")
    return "the connection broke"
