"""The addresses and credentials that a person puts into the environment, and what may be done with them.

An address is a secret: links to licensed data carry their permission in path or query. So no text that leaves
this module holds more of it than the host; and it goes, with the credentials, to that host alone.
"""

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

#: Names that a release may consist of; others are taken from the server, or given as NAME=URL.
KNOWN = re.compile(
    r".+\.(zip|z\d\d|rar|r\d\d|7z|\d{3}|tar|tgz|txz|tbz2?|gz|xz|bz2|csv|txt|avi|pdf)", re.IGNORECASE
)
_RESERVED = re.compile(r"\.part(\.json)?$|^sha256sums$|^acquired\.json$|^lookalike\.json$", re.IGNORECASE)
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Refused(ValueError):
    """Nothing that trying again would mend."""


@dataclass(frozen=True)
class Source:
    """One address of a person's; everything secret stays out of its representation.

    Attributes
    ----------
    label : str
        How messages call it: its place in the variable, and its host.
    name : str
        Name to store it by; empty where only the server knows.
    url, authorization : str
        Secret: address, value of the header `Authorization` or nothing.
    """

    label: str
    name: str
    url: str = field(repr=False)
    authorization: str = field(repr=False, default="")


def variable(dataset: str, what: str) -> str:
    """Name of a variable of the environment, such as ``HOCP_SEWA_URLS``."""
    return f"HOCP_{dataset.upper()}_{what}"


def sources(dataset: str, environment: Mapping[str, str]) -> list[Source]:
    """
    Read what the environment gives for a data set.

    Raises
    ------
    ValueError
        If an address is not http or https, two have one name, credentials are half given or would travel in
        the clear. No message holds a secret.
    """
    given = variable(dataset, "URLS")
    authorization = _authorization(dataset, environment)
    texts = environment.get(given, "").split()
    found = [_source(text, f"URL {n} of {given}", authorization) for n, text in enumerate(texts, start=1)]
    names = [source.name.casefold() for source in found if source.name]
    # Several addresses may end alike, as in get.zip?id=7; only the server can tell such files apart.
    return [
        source if names.count(source.name.casefold()) < 2 else replace(source, name="") for source in found
    ]


def _authorization(dataset: str, environment: Mapping[str, str]) -> str:
    user, password, token = (environment.get(variable(dataset, w), "") for w in ("USER", "PASSWORD", "TOKEN"))
    names = ", ".join(variable(dataset, what) for what in ("USER", "PASSWORD", "TOKEN"))
    if bool(user) != bool(password) or (user and token):
        raise Refused(f"{names}: expected user and password together, or a token alone")
    if token and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Refused(f"{variable(dataset, 'TOKEN')}: expected printable characters without blanks")
    return f"Bearer {token}" if token else _basic(user, password) if user else ""


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _source(text: str, label: str, authorization: str) -> Source:
    match = re.fullmatch(r"(?:([^/:?#=]+)=)?(\w+://.+)", text)
    parts = _parts(match[2]) if match else None
    if not parts:
        raise Refused(f"{label}: expected an address with http:// or https://, or NAME=ADDRESS")
    label = f"{label} ({parts.hostname})"
    if parts.username is not None:
        authorization = _basic(unquote(parts.username), unquote(parts.password or ""))
    if authorization and parts.scheme != "https" and parts.hostname not in _LOCAL:
        raise Refused(f"{label}: credentials would travel unencrypted; expected an https:// address")
    url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    name = stored_name(match[1]) if match[1] else _last(parts)
    if match[1] and not name:
        raise Refused(f"{label}: {match[1]!r} cannot be the name of a file here")
    return Source(label, name, url, authorization)


def _parts(url: str) -> SplitResult | None:
    """Split an address; None unless it is one that may be asked."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # says what it could not read
        return None
    return parts if fine and re.fullmatch(r"[\x21-\x7e]+", url) else None


def _last(parts: SplitResult) -> str:
    """Name of a file at the end of an address, where there is one."""
    name = stored_name(unquote(parts.path))
    return name if KNOWN.fullmatch(name) else ""


def stored_name(text: str) -> str:
    """Name for a file that a server or a person suggests, or nothing if none can be made of it."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", text)[-1]).strip()
    name = re.sub(r"[^\w.()+ -]", "_", name)
    if not name.strip("._ ") or name[0] in ".-" or len(name.encode()) > 200 or _RESERVED.search(name):
        return ""
    return name


def suggested_name(disposition: str, url: str) -> str:
    """Name by which a server offers a file, in its header or at the end of its address."""
    message = Message()
    try:
        message["Content-Disposition"] = disposition
        offered = stored_name(message.get_filename() or "")
    except (ValueError, LookupError):  # line breaks, unknown character sets
        offered = ""
    parts = _parts(url)
    return offered or (_last(parts) if parts else "")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses lead to one server by one protocol, so that credentials may go along."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)


def followed(url: str, location: str, label: str) -> str:
    """
    Where a redirect leads.

    Raises
    ------
    Refused
        If that is no web address, or from an encrypted connection to one that is not.
    """
    try:
        target = urljoin(url, location.strip())
    except ValueError:
        target = ""
    parts = _parts(target)
    if not location or not parts:
        raise Refused(f"{label}: redirected to something that is neither http:// nor https://; refused")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise Refused(f"{label}: redirected from an encrypted to an unencrypted connection; refused")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
