"""Fetch one file over HTTP: resumed where it broke off, checked before it gets its name."""

import http.client
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from data_prep import acquire_content as content
from data_prep import sums
from data_prep.acquire_connection import Patience, Watch, answer
from data_prep.acquire_sources import Refused, Source, suggested_name
from hocp.contracts import files

SPARE = 64 << 20  # bytes that stay free on the disk
BLOCK = 1 << 18
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class Interrupted(Exception):
    """Trying again may mend it; `wait` is how long the server asked for, in seconds."""

    def __init__(self, text: str, wait: float = 0.0):
        super().__init__(text)
        self.wait = wait


@dataclass
class Download:
    """One file on its way: ``name.part`` beside its place, and ``name.part.json`` with what identifies it."""

    dataset: str
    source: Source
    folder: Path
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.name = self.source.name
        self.how = "there"

    @property
    def target(self) -> Path:
        """Where the whole file goes."""
        return self.folder / self.name

    @property
    def part(self) -> Path:
        """Where it grows."""
        return self.folder / f"{self.name}.part"

    @property
    def _note(self) -> Path:
        return self.folder / f"{self.name}.part.json"

    def run(self) -> Path:
        """
        Fetch, or do nothing where the file is there.

        Raises
        ------
        Refused
            With what a person has to do. No message, and no exception behind it, holds an address.
        """
        failures = 0
        while not (self.name and self.target.exists()):
            before = self._size()
            fault = self._try()
            if fault is None:
                continue
            gained = self._size() - before >= max(1, self.patience.rate * self.patience.window)
            failures = 1 if gained else failures + 1
            if failures >= self.patience.attempts:
                kept = f" {self._size()} bytes are kept; run again to go on." if self._size() else ""
                raise Refused(f"{self.source.label}: given up after {failures} attempts: {fault}.{kept}")
            self.sleep(min(self.patience.longest, max(fault.wait, self.patience.first * 2 ** (failures - 1))))
        return self.target

    def _try(self) -> Interrupted | None:
        """One attempt. What libraries raise names addresses, hence is not even kept as a cause."""
        label, refused = self.source.label, None
        try:
            with Watch(self.patience) as watch:
                try:
                    self._attempt(watch)
                    return None
                except Interrupted as error:
                    fault = error
                except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException,
                        ConnectionError, TimeoutError) as error:  # fmt: skip
                    fault = _harmless(error)
            return Interrupted("too little came for too long") if watch.cut else Interrupted(str(fault), fault.wait)
        except Refused as error:
            refused = str(error) if str(error).startswith(label) else f"{label}: {error}"
        except OSError as error:
            refused = f"{label}: cannot be stored in {self.folder}: {error.strerror or type(error).__name__}"
        except Exception as error:
            refused = f"{label}: cannot be fetched: {type(error).__name__}"
        raise Refused(refused)

    def _attempt(self, watch: Watch) -> None:
        start, asked = self._size(), {}
        note = self._identity()
        if start and start == note.get("total"):  # all came, but the run ended before it was checked
            return self._finish(start)
        if start and note.get("validator"):
            asked = {"Range": f"bytes={start}-", "If-Range": note["validator"]}
        with answer(self.source, asked, watch=watch, patience=self.patience) as found:
            self._judge_status(found, bool(asked))
            if not self.name:
                self._learn_name(found)
                if self.target.exists() or self._resumable(found):
                    return None
            start, total = self._from_where(found, start if asked else 0)
            self._receive(found, start, total, watch)
        return self._finish(total)

    def _judge_status(self, found: requests.Response, resumed: bool) -> None:
        status = found.status_code
        if status == 200 or (status == 206 and resumed):
            return
        if status == 416 and resumed:
            self._drop()
            raise Interrupted("the file is shorter now than what came of it; started anew")
        if status in _AGAIN:
            wait = found.headers.get("Retry-After", "")
            raise Interrupted(f"it answered with status {status}", float(wait) if wait.isdecimal() else 0.0)
        raise Refused(f"{self.source.label}: {content.refusal(self.dataset, status)}")

    def _learn_name(self, found: requests.Response) -> None:
        self.name = suggested_name(found.headers.get("Content-Disposition", ""), found.url)
        if not self.name:
            self._check_head(found, _first(found), "a file")
            raise Refused(f"{self.source.label}: the server names no file; give the address as NAME=ADDRESS")

    def _resumable(self, found: requests.Response) -> bool:
        """Whether a part of this very file is here, so that asking again, by name, saves fetching it."""
        return bool(self._size()) and self._identity().get("validator") == _validator(found) != ""

    def _from_where(self, found: requests.Response, start: int) -> tuple[int, int | None]:
        """First byte of the answer, and bytes of the whole file where that is known."""
        encoding = found.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity" and not re.search(r"gz$", self.name, re.IGNORECASE):
            raise Refused(f"{self.source.label}: it came as {encoding}, which was not asked for; refused")
        length = found.headers.get("Content-Length", "")
        length = int(length) if length.isdecimal() else None
        if found.status_code == 200:
            return 0, length
        span = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", found.headers.get("Content-Range", ""))
        first, last, total = map(int, span.groups()) if span else (-1, -1, -1)
        known = self._identity().get("total") or total
        same = _validator(found) in ("", self._identity().get("validator"))
        if first != start or last != total - 1 or total != known or length not in (None, last - first + 1) or not same:
            self._drop()
            raise Interrupted("it went on with another part than the one asked for; started anew")
        return start, total

    def _receive(self, found: requests.Response, start: int, total: int | None, watch: Watch) -> None:
        """Append what comes to the part."""
        self._has_room(total, start)
        head = _first(found) if not start else b""
        watch.received += len(head)
        if not start:
            self._check_head(found, head, self.name)
            self._drop()
            files.write_json(self._note, {"validator": _validator(found), "total": total})
        bar = tqdm(desc=self.name, total=total, initial=start, unit="B", unit_scale=True, disable=None)
        with bar, self.part.open("ab" if start else "wb") as file:
            block = head or found.raw.read1(BLOCK, decode_content=False)
            while block:
                file.write(block)
                bar.update(len(block))
                if file.tell() > self.patience.limit:
                    self._has_room(file.tell(), start)
                block = found.raw.read1(BLOCK, decode_content=False)
                watch.received += len(block)
        size = self._size()
        if size < total if total is not None else watch.cut:
            raise Interrupted(f"it broke off after {size} bytes of {total or 'an unknown number'}")

    def _check_head(self, found: requests.Response, head: bytes, name: str) -> None:
        kind = found.headers.get("Content-Type", "")
        content.check(self.dataset, self.source.label, name, head=head, content_type=kind)

    def _has_room(self, total: int | None, start: int) -> None:
        free = shutil.disk_usage(self.folder).free - SPARE
        if total is not None and total > self.patience.limit:
            self._drop()
            raise Refused(f"{self.source.label}: {self.name} has {total} bytes or more, the limit is {self.patience.limit}")
        if total is not None and total - start > free:
            raise Refused(
                f"{self.source.label}: {self.name} needs {(total - start) / 1e9:.1f} GB more, "
                f"{self.folder} has {max(0, free) / 1e9:.1f} GB to spare"
            )

    def _finish(self, total: int | None) -> None:
        """Check the whole file, then give it its name and record its hash."""
        try:
            if total is not None and self._size() != total:
                raise Refused(f"{self.source.label}: {self._size()} bytes came, {total} were announced")
            with self.part.open("rb") as file:
                content.check(self.dataset, self.source.label, self.name, head=file.read(content.HEAD))
                os.fsync(file.fileno())
            content.whole(self.part, self.source.label, self.name)
            digest = files.sha256(self.part)
            expected = sums.read(self.folder).get(self.name, digest)
            if digest != expected:
                raise Refused(
                    f"{self.source.label}: {self.name} has SHA-256 {digest}, but had {expected} when first seen. "
                    f"If the release was changed on purpose, take its line out of {self.folder / sums.NAME}"
                )
        except Refused:
            self._drop()
            raise
        with files.publish(self.target) as scratch:
            self.part.replace(scratch)
        sums.record(self.folder, {self.name: digest})
        self.how = "fetched"
        self._drop()

    def _size(self) -> int:
        return self.part.stat().st_size if self.name and self.part.is_file() else 0

    def _identity(self) -> dict:
        """What identified the file when its part began; nothing if that was not written down whole."""
        try:
            note = files.read_json(self._note) if self.name else {}
        except (ValueError, OSError):
            return {}
        return note if isinstance(note, dict) else {}

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _first(found: requests.Response) -> bytes:
    """Beginning of a body, as far as its kind shows from it."""
    head = b""
    while len(head) < content.HEAD:
        block = found.raw.read1(content.HEAD - len(head), decode_content=False)
        if not block:
            break
        head += block
    return head


def _validator(found: requests.Response) -> str:
    """What tells two states of a file apart; a weak tag does not, and is no word for `If-Range`."""
    tag = found.headers.get("ETag", "")
    fine = re.fullmatch(r'"[\x21\x23-\x7e]*"', tag)
    return tag if fine else found.headers.get("Last-Modified", "")


def _harmless(error: Exception) -> Interrupted:
    """What happened, without the address that the libraries' own texts name."""
    if isinstance(error, requests.exceptions.SSLError):
        raise Refused("its certificate is not valid, or no encrypted connection could be made")
    if isinstance(error, (requests.ConnectTimeout, requests.ReadTimeout, TimeoutError)):
        return Interrupted("no answer in time")
    if isinstance(error, requests.exceptions.ProxyError):
        return Interrupted("the proxy cannot be reached")
    if isinstance(error, requests.ConnectionError):
        return Interrupted("the server cannot be reached, or hung up; is there a network? If not: --from FILE")
    if isinstance(error, ValueError):
        raise Refused(f"the address cannot be used ({type(error).__name__})")
    return Interrupted("the connection broke")
