"""What a server answered: the archive, or a page for a person; and what the person then has to do."""

import re
import zipfile
from pathlib import Path

from data_prep.access import ACCESS
from data_prep.acquire_sources import Refused, variable

HEAD = 4096  # bytes that are looked at
#: Suffix -> what a file of that kind begins with. Later volumes (.z01, .002) begin with anything.
_BEGINS = {
    r"\.zip": (b"PK\3\4", b"PK\5\6", b"PK\7\x08"),
    r"\.(rar|r\d\d)": (b"Rar!\x1a\7",),
    r"\.7z(\.001)?": (b"7z\xbc\xaf\x27\x1c",),
    r"\.(gz|tgz)": (b"\x1f\x8b",),
    r"\.(xz|txz)": (b"\xfd7zXZ\0",),
    r"\.(bz2|tbz2?)": (b"BZh",),
    r"\.pdf": (b"%PDF",),
    r"\.avi": (b"RIFF",),
}


def by_hand(dataset: str) -> str:
    """What a person can always do instead."""
    return (
        f"Open {ACCESS[dataset].page} in a browser, fetch the file there, then give it: "
        f"python -m data_prep acquire {dataset} --from FILE"
    )


def check(dataset: str, label: str, name: str, *, head: bytes, content_type: str = "") -> None:
    """
    Refuse what begins otherwise than a file of its name does.

    Raises
    ------
    Refused
        If it is a web page, with the step that the page asks of a person; or another kind of file.
    """
    begins = next((b for pattern, b in _BEGINS.items() if re.search(f"{pattern}$", name, re.IGNORECASE)), ())
    if begins and head.startswith(begins):
        return
    if _is_page(head, content_type):
        raise Refused(f"{label}: {_page(head)} came instead of {name}. {by_hand(dataset)}")
    if begins or (name.lower().endswith(".tar") and head[257:262] != b"ustar"):
        raise Refused(f"{label}: what came does not begin as {name} has to. {by_hand(dataset)}")


def _is_page(head: bytes, content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return kind in ("text/html", "application/xhtml+xml") or bool(
        re.match(rb"<(!doctype\s+html|html|head|body|script|!--)|<\?xml[^>]*>\s*(<!doctype html|<html)", text)
    )


def _page(head: bytes) -> str:
    """Kind of a web page; nothing of its text is repeated, since it may hold the address."""
    text = head.lower()
    if re.search(rb"type\s*=\s*[\"']?password|log.?in|sign.?in|password", text):
        return "a page to log in, so that credentials are missing, wrong or of another kind,"
    if re.search(rb"licen[cs]e|agreement|eula|terms|conditions|accept", text):
        return "a page that asks to accept terms, which only a person can,"
    return "a web page"


def whole(place: Path, label: str, name: str) -> None:
    """
    Refuse a zip archive that lacks its end, which a server may hide by a wrong length.

    Raises
    ------
    Refused
        If it cannot be opened.
    """
    if name.lower().endswith(".zip") and not zipfile.is_zipfile(place):
        raise Refused(f"{label}: {name} lacks its end: the server sent a part as the whole")


def refusal(dataset: str, status: int) -> str:
    """What an error status asks of a person."""
    user, password, token = (variable(dataset, what) for what in ("USER", "PASSWORD", "TOKEN"))
    page = ACCESS[dataset].page
    if status == 401:
        return f"it wants credentials, or others (401). Set {user} and {password}, or {token}"
    if status == 403:
        return f"no permission (403): an expired link, or no signed agreement. Ask anew at {page}"
    if status in (404, 410):
        return f"the file is not there any more ({status}). Look at {page} for where it is now"
    if status == 407:
        return "the proxy wants credentials (407). Set them in HTTPS_PROXY"
    return f"it answered with status {status}. {by_hand(dataset)}"
