"""F20: servers that stall, truncate, redirect and lie, and pages that want a person.

Whatever a server does: the file appears whole under its name, or not at all with a message that says what to
do; no message and no file holds anything of the address but its host, nor of the credentials.
"""

import gzip
import io
import socket
import zipfile
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from random import Random

from data_prep import acquire, acquire_sources
from data_prep.acquire_connection import Patience
from hocp.contracts import files
from tests.campaigns.case import Case
from tests.campaigns.loopback import Exchange, Server, serving

FAULT, TITLE, SIZE = "F20", "Downloads", 300
SECRETS = ("s3cr3t-query", "s3cr3t-path", "s3cr3t-token", "s3cr3t-cookie")
QUICK = Patience(connect=2, window=0.25, rate=2000, attempts=3, first=0.0, longest=0.0, limit=1 << 22)
WHOLE = {"ETag": '"one"'}
KINDS: dict[str, tuple[frozenset[str], Callable[[Random, Path], str]]] = {}


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` cases, and at least one of each kind."""
    for index, kind in zip(range(max(count, len(KINDS))), cycle(KINDS), strict=False):
        expected, run = KINDS[kind]
        yield Case(kind, expected, lambda folder, run=run, key=f"{seed}/{index}": run(Random(key), folder))


def kind(name: str, *expected: str) -> Callable:
    """Decorate what makes the answers of one kind: it takes a source of random details and an archive."""

    def adder(make: Callable[[Random, bytes], Callable[[Exchange], None]]) -> Callable:
        def run(rng: Random, folder: Path) -> str:
            body = payload(rng)
            with serving(make(rng, body)) as server:
                return fetched(folder, server, body)

        KINDS[name] = frozenset(expected or ("refused",)), run
        return make

    return adder


def story(name: str, *expected: str) -> Callable:
    """Decorate a kind that tells its whole story itself."""

    def adder(run: Callable[[Random, Path], str]) -> Callable:
        KINDS[name] = frozenset(expected), run
        return run

    return adder


def payload(rng: Random) -> bytes:
    """A zip archive of some 10 to 60 kB that does not compress."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("001/00001.png", rng.randbytes(rng.randrange(10_000, 60_000)))
    return file.getvalue()


def fetched(
    folder: Path, server: Server, body: bytes, path: str = "/s3cr3t-path/a.zip"
) -> str:  # fmt: skip
    """Fetch from a server, and name what came of it."""
    environment = {
        "HOCP_SEWA_URLS": server.url(f"{path}{'&' if '?' in path else '?'}key=s3cr3t-query"),
        "HOCP_SEWA_TOKEN": "s3cr3t-token",
    }
    target = folder / "target"
    sources = acquire_sources.sources("sewa", environment)
    try:
        found = acquire.fetch("sewa", sources, target, patience=QUICK, sleep=lambda _: None)
        return "ok" if (target / found[0].name).read_bytes() == body else "another content under its name"
    except ValueError as error:
        clean(error)
    return "refused, but a name is there" if [*target.glob("*.zip")] else "refused"


def clean(error: BaseException) -> None:
    """No secret is in a message, nor in what stands behind it."""
    seen = error
    while seen:
        assert not any(secret in f"{seen} {seen!r} {seen.args}" for secret in SECRETS), (
            "a secret in a message"
        )
        seen = seen.__cause__ or seen.__context__


def judged(run: Callable[[Random, Path], str]) -> Callable[[Random, Path], str]:
    """After a story: nothing but the target was written, and nothing there holds a secret."""

    def whole(rng: Random, folder: Path) -> str:
        (folder / "beside.txt").write_text("as it was")
        outcome = run(rng, folder)
        assert (folder / "beside.txt").read_text() == "as it was"
        assert {path.name for path in folder.iterdir()} <= {"beside.txt", "target"}
        for path in folder.rglob("*"):
            assert not any(secret in path.name for secret in SECRETS)
            assert path.is_dir() or not any(secret.encode() in path.read_bytes() for secret in SECRETS), path
        allowed = (".zip", ".part", ".part.json", "SHA256SUMS", "acquired.json")
        assert all(path.name.endswith(allowed) for path in folder.glob("target/*")), list(
            folder.glob("target/*")
        )
        return outcome

    return whole


# Resuming --------------------------------------------------------------------------------------------------


@kind("good server", "ok")
def good(rng: Random, body: bytes) -> Callable:
    return lambda e: e.ranged(body, **WHOLE)


def broken_first(body: bytes, rng: Random, then: Callable[[Exchange], None], **headers: str) -> Callable:
    """Hang up in the middle of the first answer, then do something else."""
    until = rng.randrange(5000, len(body) - 1)
    return lambda e: e.ranged(body, until=until, **(headers or WHOLE)) if e.number == 1 else then(e)


@kind("hangs up in the middle, then goes on", "ok")
def resumed(rng: Random, body: bytes) -> Callable:
    headers = rng.choice((WHOLE, {"Last_Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}))

    def then(e: Exchange) -> None:
        assert e.start() and e.headers["If-Range"] == next(iter(headers.values()))
        e.ranged(body, **headers)

    return broken_first(body, rng, then, **headers)


@kind("hangs up, and names nothing that identifies the file", "ok")
def anonymous(rng: Random, body: bytes) -> Callable:
    weak = rng.choice(({"X": "y"}, {"ETag": 'W/"one"'}))
    return broken_first(body, rng, lambda e: e.answer(b"" if e.start() else body, **weak), **weak)


@kind("ignores that only the rest is wanted", "ok")
def ignoring(rng: Random, body: bytes) -> Callable:
    return broken_first(body, rng, lambda e: e.answer(body, **WHOLE))


@kind("goes on with another part than the one asked for", "ok")
def shifted(rng: Random, body: bytes) -> Callable:
    n = len(body)
    spans = (
        f"bytes 0-{n - 1}/{n}",
        f"bytes 7-{n - 1}/{n}",
        f"bytes 1-2/{n}",
        "bytes */5",
        "",
        f"bytes 9-8/{n}",
        "x",
    )
    span = rng.choice(spans)

    def then(e: Exchange) -> None:
        if e.start():
            e.answer(body[e.start() :], 206, Content_Range=span, **WHOLE)
        else:
            e.answer(body, **WHOLE)

    return broken_first(body, rng, then)


@kind("goes on with a file of another length or state", "ok")
def other_state(rng: Random, body: bytes) -> Callable:
    longer, tag = rng.choice(((9, '"one"'), (0, '"two"')))

    def then(e: Exchange) -> None:
        if not e.start():
            return e.answer(body, **WHOLE)
        n = len(body) + longer
        return e.answer(
            body[e.start() :] + b"x" * longer, 206, Content_Range=f"bytes {e.start()}-{n - 1}/{n}", ETag=tag
        )

    return broken_first(body, rng, then)


@kind("the rest does not exist", "ok")
def too_far(rng: Random, body: bytes) -> Callable:
    return broken_first(body, rng, lambda e: e.answer(status=416) if e.start() else e.answer(body, **WHOLE))


@kind("file was exchanged in between", "ok")
def exchanged(rng: Random, body: bytes) -> Callable:
    old = payload(rng)
    return lambda e: e.ranged(old, until=6000, ETag='"old"') if e.number == 1 else e.answer(body, **WHOLE)


@kind("sends a part though the whole was asked for")
def unasked(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(body[9:], 206, Content_Range=f"bytes 9-{len(body) - 1}/{len(body)}")


# Silence and lies ------------------------------------------------------------------------------------------


@kind("never answers")
def silent(rng: Random, body: bytes) -> Callable:
    return lambda e: e.stall()


@kind("stalls in the middle once", "ok")
def stalling(rng: Random, body: bytes) -> Callable:
    def respond(e: Exchange) -> None:
        e.ranged(body, until=9000 if e.number == 1 else None, **WHOLE)
        if e.number == 1:
            e.stall()

    return respond


@kind("slow loris")
def loris(rng: Random, body: bytes) -> Callable:
    where = rng.choice(("status", "headers", "continue", "body", "chunk"))

    def respond(e: Exchange) -> None:
        if where == "continue":
            while not e.server.over.wait(0.01):
                e.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif where in ("status", "headers"):
            e.trickle(
                b"HTTP/1.1 200 OK\r\n" if where == "status" else b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 99
            )
        elif where == "body":
            e.head(length=len(body))
            e.trickle(body)
        else:
            e.protocol_version = "HTTP/1.1"
            e.head(Transfer_Encoding="chunked")
            e.trickle(b"0" * 60_000)

    return respond


@kind("always hangs up at the same byte")
def stuck(rng: Random, body: bytes) -> Callable:
    until = rng.randrange(5000)
    return lambda e: e.ranged(body, until=max(until, e.start()), **WHOLE)


@kind("announces more than comes")
def boasting(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(body, length=len(body) + rng.randrange(1, 99))


@kind("sends a part as the whole")
def modest(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(body[: rng.randrange(100, len(body) - 30)], length=rng.choice((-1, None)))


@kind("in chunks", "ok")
def chunked(rng: Random, body: bytes) -> Callable:
    return lambda e: _chunks(e, body, b"0\r\n\r\n")


@kind("in chunks that end or lie")
def bad_chunks(rng: Random, body: bytes) -> Callable:
    end = rng.choice((b"", b"zz\r\n", b"-5\r\n", b"fffffffffffffffff\r\n"))
    return lambda e: _chunks(e, body[:9000], end)


def _chunks(e: Exchange, body: bytes, end: bytes) -> None:
    e.protocol_version = "HTTP/1.1"
    e.head(Transfer_Encoding="chunked")
    for at in range(0, len(body), 4000):
        block = body[at : at + 4000]
        e.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
    e.wfile.write(end)


@kind("hangs up at once, or does not speak HTTP")
def rude(rng: Random, body: bytes) -> Callable:
    text = rng.choice(
        (b"", b"220 ftp ready\r\n", rng.randbytes(99), b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n")
    )
    return lambda e: e.wfile.write(text)


@kind("headers without end")
def headers(rng: Random, body: bytes) -> Callable:
    line = rng.choice((b"X-A: 1\r\n" * 5000, b"X-A: " + b"a" * 200_000 + b"\r\n"))
    return lambda e: e.wfile.write(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n")


@kind("lengths that are none")
def lengths(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(body[:500], length=rng.choice(("-1", "1e9", "9" * 5000, "12, 13", "x")))


@kind("larger than allowed, or than the disk")
def large(rng: Random, body: bytes) -> Callable:
    length = rng.choice((1 << 23, 10**15, None))

    def respond(e: Exchange) -> None:
        e.head(length=length)
        e.wfile.write(body + bytes(0 if length else 5 << 20))

    return respond


@kind("compressed though that was not asked for")
def encoded(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(gzip.compress(body), Content_Encoding=rng.choice(("gzip", "br", "deflate")))


# Pages and statuses ----------------------------------------------------------------------------------------

PAGES = {
    "page to log in": b"<!DOCTYPE html><form><input type='password'></form>",
    "page of a licence": b"<html><body>You have to accept the licence agreement</body></html>",
    "some page": b"\xef\xbb\xbf  <html><body>Hello</body></html>",
    "text of an error": b'{"error": "link expired"}',
    "nothing": b"",
}
for _name, _page in PAGES.items():

    @kind(f"{_name} in the place of the file")
    def page(rng: Random, body: bytes, text: bytes = _page) -> Callable:
        kinds = ("text/html; charset=utf-8", "application/octet-stream", "application/zip")
        return lambda e: e.answer(text, Content_Type=rng.choice(kinds))


@kind("an archive called a page", "ok")
def mislabelled(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(body, Content_Type="text/html")


for _status in (204, 304, 400, 401, 403, 404, 407, 410, 451, 500, 503):

    @kind(f"status {_status}")
    def status(rng: Random, body: bytes, number: int = _status) -> Callable:
        return lambda e: e.answer(b"" if number in (204, 304) else b"no", number)


@kind("busy at first", "ok")
def busy(rng: Random, body: bytes) -> Callable:
    number, wait = rng.choice((429, 500, 502, 503, 504, 408)), rng.choice(("1", "9999999", "soon", "-4"))
    return lambda e: e.answer(status=number, Retry_After=wait) if e.number < 3 else e.answer(body)


# Redirects -------------------------------------------------------------------------------------------------


@kind("moved", "ok")
def moved(rng: Random, body: bytes) -> Callable:
    number, to = (
        rng.choice((301, 302, 303, 307, 308)),
        rng.choice(("/new/a.zip", "new/a.zip?k=s3cr3t-query", "//{}/new")),
    )

    def respond(e: Exchange) -> None:
        if "new" in e.path:
            assert e.headers["Authorization"] == "Bearer s3cr3t-token"
            return e.answer(body)
        return e.answer(
            b"x" * 99, number, Location=to.format(e.headers["Host"]), Set_Cookie="c=s3cr3t-cookie"
        )

    return respond


@kind("redirect to what is no web address")
def elsewhere(rng: Random, body: bytes) -> Callable:
    places = (
        "file:///etc/passwd", "FILE:/etc/passwd", "ftp://127.0.0.1/a.zip", "data:text/plain,x",
        "javascript:1", "http://", "http://[", "", "http://localhost:99999/", "gopher://127.0.0.1/", "http:///etc/passwd",
    )  # fmt: skip
    return lambda e: e.answer(status=302, Location=rng.choice(places))


@kind("redirect in a circle")
def circle(rng: Random, body: bytes) -> Callable:
    return lambda e: e.answer(status=302, Location=rng.choice((e.path, f"/{e.number}/a.zip")))


@kind("redirect with a body without end", "ok")
def endless(rng: Random, body: bytes) -> Callable:
    def respond(e: Exchange) -> None:
        if e.path.startswith("/new"):
            return e.answer(body)
        e.head(302, Location="/new/a.zip")
        while not e.server.over.wait(0.001):
            e.wfile.write(bytes(1 << 16))
        return None

    return respond


@story("redirect to another host, which must not see the credentials", "ok")
def other_host(rng: Random, folder: Path) -> str:
    body = payload(rng)
    with serving(lambda e: e.answer(body)) as other:
        place = other.url(f"/a.zip?key={rng.random()}", host=rng.choice(("127.0.0.1", "localhost")))
        with serving(lambda e: e.answer(status=302, Location=place)) as server:
            outcome = fetched(folder, server, body)
            assert server.seen[0].headers["Authorization"]
        assert [e.headers["Authorization"] for e in other.seen] == [None]
    return outcome


# Names, hashes, runs ---------------------------------------------------------------------------------------


@story("hostile name for the file", "ok", "refused")
def hostile_name(rng: Random, folder: Path) -> str:
    body = payload(rng)
    names = (
        "../../a.zip", "/etc/a.zip", "..\\a.zip", "C:\\x\\a.zip", "a\0.zip", "..", "", ".bashrc",
        "SHA256SUMS", "acquired.json", "b.zip.part", "-rf.zip", "n" * 300 + ".zip", "%2e%2e%2fa.zip",
        "a\x1b[2J.zip",
    )  # fmt: skip
    text = f'attachment; filename="{rng.choice(names)}"'.replace("\0", "\\0")
    with serving(lambda e: e.answer(body, Content_Disposition=text)) as server:
        before = set(folder.rglob("*"))
        outcome = fetched(folder, server, body, "/get?id=7")
        made = {
            path for path in {*folder.rglob("*")} - before if path.name not in ("SHA256SUMS", "acquired.json")
        }
        assert all(path == folder / "target" or path.suffix == ".zip" for path in made), made
    return outcome


@story("another file on the second time", "refused")
def second_time(rng: Random, folder: Path) -> str:
    with serving(lambda e: e.answer(payload(Random(e.number)))) as server:
        assert fetched(folder, server, payload(Random(1))) == "ok"
        (folder / "target/a.zip").unlink()
        return fetched(folder, server, b"")


@story("the rest is from another file, whose hash is known", "refused")
def mixed(rng: Random, folder: Path) -> str:
    body = payload(rng)
    other = body[:6000] + rng.randbytes(len(body) - 6000)
    (folder / "target").mkdir()
    (folder / "known.zip").write_bytes(body)
    (folder / "target/SHA256SUMS").write_text(f"{files.sha256(folder / 'known.zip')}  a.zip\n")
    (folder / "known.zip").unlink()
    with serving(broken_first(body, rng, lambda e: e.ranged(other, **WHOLE))) as server:
        return fetched(folder, server, body)


@story("the file is there already", "ok")
def there(rng: Random, folder: Path) -> str:
    body = payload(rng)
    (folder / "target").mkdir()
    (folder / "target/a.zip").write_bytes(body)
    with serving(lambda e: e.answer(b"")) as server:
        outcome = fetched(folder, server, body)
        assert not server.seen
    return outcome


@story("killed between two runs, or after the last byte", "ok")
def killed(rng: Random, folder: Path) -> str:
    body = payload(rng)
    (folder / "target").mkdir()
    (folder / "target/a.zip.part").write_bytes(body[: rng.choice((0, 1, 700, len(body) - 1, len(body)))])
    note = rng.choice(({"validator": '"one"', "total": len(body)}, {"validator": '"one"', "total": None}, {}))
    files.write_json(folder / "target/a.zip.part.json", note)
    with serving(
        lambda e: e.ranged(body, **WHOLE) if e.start() < len(body) else e.answer(status=416)
    ) as server:
        return fetched(folder, server, body)


@story("no network", "refused")
def no_network(rng: Random, folder: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with serving(lambda e: e.answer()) as server:
        server.url = lambda path: f"http://localhost:{port}{path}"
        return fetched(folder, server, b"")


KINDS = {name: (expected, judged(run)) for name, (expected, run) in KINDS.items()}
