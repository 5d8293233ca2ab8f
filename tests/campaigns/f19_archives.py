"""F19: archives that climb or link out, lie about sizes, explode or are damaged; unpacked and read in place.

Whatever is in an archive: unpacked it gives exactly what its publisher packed, or nothing and a refusal; zip
archives read in place give the same answer; and nothing beside the target comes, goes or changes.
"""

import os
import stat
import struct
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from random import Random

from data_prep.tree import Tree
from data_prep.unpack import unpack
from tests.campaigns import tar_bytes as tars
from tests.campaigns import zip_bytes as zips
from tests.campaigns.case import Case
from tests.campaigns.zip_bytes import Entry, entries_of, some_files

FAULT, TITLE, SIZE = "F19", "Archives", 1500
#: Name of the archive, its bytes, and what has to come out if anything does.
Made = tuple[str, bytes, dict[str, bytes]]
Maker = Callable[[Random], Made]
KINDS: dict[str, tuple[frozenset[str], Maker]] = {}


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` cases, and at least one of each kind."""
    for index, kind in zip(range(max(count, len(KINDS))), cycle(KINDS), strict=False):
        expected, maker = KINDS[kind]
        yield Case(
            kind, expected, lambda folder, m=maker, key=f"{seed}/{index}": judged(folder, *m(Random(key)))
        )


def judged(folder: Path, name: str, content: bytes, inside: dict[str, bytes]) -> str:
    """Unpack an archive and read it in place, with a tree beside that must stay as it is."""
    (folder / "in").mkdir()
    (folder / "outside").mkdir()
    (folder / "outside/secret.txt").write_text("secret")
    (folder / "in" / name).write_bytes(content)
    before = state(folder)
    outcome = _unpacked(folder / "in" / name, folder / "target", inside)
    if name.endswith(".zip"):
        in_place = _read(Tree(folder / "in"), name, inside)
        if in_place != outcome:
            return f"unpacked {outcome}, in place {in_place}"
    return outcome if state(folder) == before else "something beside the target changed"


def _unpacked(place: Path, target: Path, inside: dict[str, bytes]) -> str:
    try:
        unpack(place, target)
    except ValueError as error:
        assert str(place) in str(error) or str(place.parent) in str(error), f"says not which: {error}"
        return "left something behind" if os.path.lexists(target) else "refused"
    found = {path.relative_to(target).as_posix(): path for path in target.rglob("*") if not path.is_dir()}
    for path in target.rglob("*"):
        assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR), path
    return "ok" if {name: path.read_bytes() for name, path in found.items()} == inside else "other content"


def _read(tree: Tree, name: str, inside: dict[str, bytes]) -> str:
    try:
        found = {member: tree.read(f"{name}/{member}", limit=1 << 30) for member in tree.members(name)}
    except ValueError as error:
        assert name in str(error), f"says not which: {error}"
        return "refused"
    return "ok" if found == inside else "other content"


def state(folder: Path) -> dict[str, tuple]:
    """All below a folder but its target: type and rights, links, content."""
    found = {}
    for place, folders, names in os.walk(folder):
        if Path(place) == folder and "target" in folders:
            folders.remove("target")
        for path in (Path(place, name) for name in (*folders, *names)):
            facts = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
            found[str(path)] = (facts.st_mode, facts.st_nlink, content)
    return found


# Kinds -----------------------------------------------------------------------------------------------------


def kind(name: str, *expected: str) -> Callable[[Maker], Maker]:
    """Decorate the function that makes archives of one kind."""

    def adder(maker: Maker) -> Maker:
        assert name not in KINDS
        KINDS[name] = frozenset(expected or ("refused",)), maker
        return maker

    return adder


def zipped(name: str, change: Callable[[Random, list[Entry]], object], *expected: str) -> None:
    """Add a kind of zip archive: harmless members, then a change; hostile ones come behind harmless ones."""

    @kind(f"zip: {name}", *expected)
    def maker(rng: Random) -> Made:
        inside = some_files(rng)
        entries = entries_of(inside)
        made = change(rng, entries)
        return "a.zip", made if isinstance(made, bytes) else zips.archive(entries), inside


def named(name: str, *spellings: bytes, **fields: object) -> None:
    """Add a kind of zip and one of tar archive with a member so named."""
    zipped(
        name, lambda rng, entries: entries.append(Entry(rng.choice(spellings), rng.randbytes(9), **fields))
    )
    if not any(b"\0" in spelling for spelling in spellings):
        tarred(
            name,
            lambda rng: (
                tars.pax({"path": (text := rng.choice(spellings)).decode()}) + tars.member(text[:99] or b"x")
            ),
        )


def tarred(name: str, made: Callable[[Random], bytes], *expected: str) -> None:
    """Add a kind of tar archive, compressed in any way: harmless members, then others."""

    @kind(f"tar: {name}", *expected)
    def maker(rng: Random) -> Made:
        inside = some_files(rng)
        whole = tars.of(inside).rstrip(b"\0")
        body = whole + bytes(-len(whole) % tars.BLOCK) + made(rng) + tars.END
        how = rng.choice(("", "gz", "xz", "bz2"))
        return f"a.tar{'.' + how if how else ''}", tars.compressed(body, how), inside


@kind("harmless", "ok")
def harmless(rng: Random) -> Made:
    inside = some_files(rng, rng.randrange(1, 9))
    how = rng.choice(("zip", "", "gz", "xz", "bz2"))
    if how == "zip":
        return "a.zip", zips.archive(entries_of(inside)), inside
    return "a.tar", tars.compressed(tars.of(inside), how), inside


@kind("harmless, with 64-bit numbers", "ok")
def wide(rng: Random) -> Made:
    inside = some_files(rng)
    return "a.zip", zips.archive64(entries_of(inside)), inside


@kind("archives in archives, to any depth", "ok")
def nested(rng: Random) -> Made:
    packed = zips.kernel(4 << 20)
    inner = zips.archive([Entry(b"0", packed=packed[0], crc=packed[1], size=4 << 20)])
    for _ in range(rng.randrange(2, 6)):
        inner = zips.archive([Entry(f"lib {n}.zip".encode(), inner) for n in range(2)])
    inside = {f"{rng.randrange(99)}.zip": inner}
    return "a.zip", zips.archive(entries_of(inside)), inside


named("climbs", b"../out.txt", b"../outside/secret.txt", b"a/../../out.txt", b"a/b/../../../out.txt", b"..")
named("absolute", b"/tmp/hocp-out.txt", b"//tmp/hocp-out.txt", b"/")
named("backslash", b"..\\out.txt", b"a\\b.txt", b"\\\\host\\share\\x")
named("drive letter", b"C:/out.txt", b"c:out.txt", b"Z:/")
named("empty part or dot", b"a//b.txt", b"./a/./b.txt", b"a/.", b"./")
named("control character", b"a\nb.txt", b"\x1b[2Jx", b"a\x7fb")
named("name too long", b"n" * 256, b"d/" * 300 + b"x")
named("too deep", b"d/" * 40 + b"x", b"d/" * 500 + b"x")
zipped("NUL in name", lambda rng, e: e.append(Entry(rng.choice((b"a.png\0.exe", b"ok\0/../../x", b"\0")))))
zipped("empty name", lambda rng, e: e.append(Entry(b"")))
zipped("folder with content", lambda rng, e: e.append(Entry(b"a/", rng.randbytes(5))))
zipped("file marked as folder", lambda rng, e: e.append(Entry(b"a", b"", mode=0o040755 << 16)))
zipped("same name twice", lambda rng, e: e.append(Entry(rng.choice(e).name, rng.randbytes(9))))
zipped("names that differ in case", lambda rng, e: e.append(Entry(rng.choice(e).name.upper())))
zipped(
    "names that differ in Unicode form",
    lambda rng, e: e.extend(
        Entry(name.encode())
        for name in rng.choice((("é", "e\u0301"), ("straße", "STRASSE"), ("Å", "\u212b")))
    ),
)
zipped("file that is a folder too", lambda rng, e: e.append(Entry(rng.choice(e).name + b"/under.txt")))
zipped("folder that is a file too", lambda rng, e: e.append(Entry(rng.choice(e).name.split(b"/")[0])))
for _bits, _word in (
    (0o120777, "symbolic link"),
    (0o020666, "device"),
    (0o010644, "pipe"),
    (0o140644, "socket"),
):
    zipped(_word, lambda rng, e, bits=_bits: e.append(Entry(b"odd", b"../outside", mode=bits << 16)))
zipped(
    "link, then a member through it",
    lambda rng, e: e.extend([Entry(b"d", b"../outside", mode=0o120777 << 16), Entry(b"d/secret.txt")]),
)
zipped("link of Windows", lambda rng, e: e.append(Entry(b"odd", mode=0x400)))
zipped("encrypted", lambda rng, e: setattr(rng.choice(e), "flags", rng.choice((0x801, 0x841, 0x2801))))
zipped(
    "method that needs any memory",
    lambda rng, e: setattr(rng.choice(e), "method", rng.choice((9, 12, 14, 93, 99))),
)
zipped("stored in two sizes", lambda rng, e: e.append(Entry(b"s", b"abcdef", zips.STORED, size=3)))
zipped("wrong CRC", lambda rng, e: setattr(rng.choice(e), "crc", rng.randrange(2**32)))
zipped("more comes than the header says", lambda rng, e: _shorter(rng.choice(e)))
zipped(
    "less comes than the header says", lambda rng, e: setattr(rng.choice(e), "size", 900 + rng.randrange(99))
)
zipped("two names for one member", lambda rng, e: setattr(rng.choice(e), "local_name", rng.randbytes(9)))
zipped("offset outside", lambda rng, e: setattr(rng.choice(e), "offset", rng.choice((2**31, 2**32 - 2, 77))))
zipped(
    "packed size outside", lambda rng, e: setattr(rng.choice(e), "packed_size", rng.choice((10**6, 2**31)))
)
zipped("64-bit sizes that lie", lambda rng, e: e.append(_wide(rng)))
zipped(
    "end that counts wrongly",
    lambda rng, e: zips.archive(e, count=rng.choice((0, 1, 4, 65535))),
)
zipped("table of any size", lambda rng, e: zips.archive(e, table=rng.choice((2**32 - 2, 2**31, 10**9))))
zipped("overlapping bomb", lambda rng, e: zips.bomb(rng.randrange(50, 250)))
zipped("quoting bomb", lambda rng, e: zips.quoted_bomb(rng.randrange(20, 90)))
zipped("bomb of 42 kB and more", lambda rng, e: e.append(_zeros()))
zipped("bomb that says it is small", lambda rng, e: e.append(_zeros(size=rng.randrange(9, 10**6))))
zipped("begins as one, then noise", lambda rng, e: b"PK\3\4" + rng.randbytes(rng.randrange(400)))


def _shorter(entry: Entry) -> None:
    """Admit to the first half of the content, and give its CRC."""
    entry.packed, entry.data = entry.body, entry.data[: len(entry.data) // 2]


def _wide(rng: Random) -> Entry:
    size, packed, offset = (rng.choice((2**63, 2**40, 2**64 - 1, 10)) for _ in range(3))
    big = 0xFFFFFFFF
    return Entry(b"wide", size=big, packed_size=big, offset=big, extra=zips.zip64(size, packed, offset))


def _zeros(size: int = 70 << 20) -> Entry:
    packed, crc = zips.kernel()
    return Entry(b"zeros", packed=packed, crc=crc, size=size)


@cache
def _zero_tar() -> bytes:
    """70 MB of zeros in a tar, compressed a thousandfold."""
    return tars.compressed(tars.member("zeros", bytes(70 << 20)) + tars.END, "gz")


@kind("tar: bomb")
def tar_bomb(rng: Random) -> Made:
    return "a.tar.gz", _zero_tar(), {}


@kind("tar: dictionary of 4 GB")
def greedy(rng: Random) -> Made:
    inside = some_files(rng)
    return "a.tar.xz", tars.greedy_xz(tars.of(inside)), inside


@kind("zip: cut at a random byte")
def cut_zip(rng: Random) -> Made:
    inside = some_files(rng)
    whole = zips.archive(entries_of(inside))
    return "a.zip", whole[: rng.randrange(len(whole))], inside


@kind("tar: cut at a random byte", "refused", "ok")  # ok: within the padding behind the end
def cut_tar(rng: Random) -> Made:
    inside = some_files(rng)
    how = rng.choice(("", "gz", "xz", "bz2"))
    whole = tars.compressed(tars.of(inside), how)
    return "a.tar", whole[: rng.randrange(len(whole))], inside


@kind("zip: one bit flipped", "refused", "ok")  # ok: in a date or the like
def flipped_zip(rng: Random) -> Made:
    inside = some_files(rng)
    return "a.zip", _flipped(rng, zips.archive(entries_of(inside))), inside


@kind("tar: one bit flipped", "refused", "ok")
def flipped_tar(rng: Random) -> Made:
    inside = some_files(rng)
    return "a.tar", _flipped(rng, tars.compressed(tars.of(inside), rng.choice(("gz", "xz", "bz2")))), inside


def _flipped(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) * 8)
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


tarred("symbolic link out", lambda rng: tars.link("odd", rng.choice(("../outside", "/etc", "../../.."))))
tarred("symbolic link inside", lambda rng: tars.member("a") + tars.link("odd", "a"))
tarred(
    "link, then a member through it", lambda rng: tars.link("d", "../outside") + tars.member("d/secret.txt")
)
tarred(
    "hard link out", lambda rng: tars.link("odd", rng.choice(("../outside/secret.txt", "/etc/passwd")), b"1")
)
tarred(
    "hard link inside, then written",
    lambda rng: tars.member("a") + tars.link("b", "a", b"1") + tars.member("b"),
)
tarred("device or pipe", lambda rng: tars.header("odd", kind=rng.choice((b"3", b"4", b"6", b"7"))))
tarred("unknown type", lambda rng: tars.header("odd", kind=rng.choice((b"A", b"D", b"M", b"V", b"Z"))))
tarred("sparse, old form", lambda rng: tars.header("odd", kind=b"S", size=rng.randrange(2**33)))
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "odd"}
tarred(
    "sparse, new form",
    lambda rng: (
        tars.pax({**SPARSE, "GNU.sparse.realsize": str(rng.randrange(2**50))})
        + tars.member("x", tars.padded(b"1\n0\n0\n"))
    ),
)
tarred("same name twice", lambda rng: tars.member("a") + tars.member("a", b"other"))
tarred("names that differ in case", lambda rng: tars.member("a/B.png") + tars.member("a/b.PNG"))
tarred("file with a slash at its end", lambda rng: tars.member("a/"))
tarred("file that is a folder too", lambda rng: tars.member("a") + tars.member("a/b"))
tarred("name that is not UTF-8", lambda rng: tars.member(b"caf\xe9.png"))
tarred("size of any size", lambda rng: tars.header("a", size=rng.randrange(2**31, 2**33)))
tarred("size below zero", lambda rng: tars.header("a", raw_size=b"\xff" * 12))
tarred("size of 2**80", lambda rng: tars.header("a", raw_size=b"\x80" + rng.randbytes(11)))
tarred(
    "extended size that lies",
    lambda rng: tars.pax({"size": rng.choice(("-512", "9" * 30, "1e9"))}) + tars.member("a"),
)
tarred(
    "long name of any length", lambda rng: tars.header("x", kind=rng.choice((b"L", b"x", b"g")), size=2**32)
)
tarred("long names without end", lambda rng: tars.member("x", b"y\0", b"L") * 2000)
tarred(
    "extended header of length 0 (CVE-2019-20907)",
    lambda rng: tars.member("x", b"0 path=y\n", b"x") + tars.member("a"),
)
tarred("wrong checksum", lambda rng: b"x" * 100 + tars.member("a")[100:])
tarred("CVE-2007-4559: climbs", lambda rng: tars.member("../" * rng.randrange(1, 9) + "outside/secret.txt"))
tarred(
    "CVE-2024-12718: rights of what lies outside",
    lambda rng: tars.link("x", f"{'a/' * 9}{'../' * 9}../outside") + tars.folder("x"),
)
tarred("CVE-2025-4138: target that is normalised away", lambda rng: tars.folder("a") + tars.link("a/b", ".")
       + tars.link("c", "a/b/../../outside") + tars.member("c/secret.txt"))  # fmt: skip
tarred("CVE-2025-4330: hard link to a link", lambda rng: tars.link("a/b/c", "../../../outside/secret.txt")
       + tars.link("d", "a/b/c", b"1") + tars.member("d"))  # fmt: skip
tarred(
    "CVE-2025-4517: path longer than any resolver follows", lambda rng: tars.long_chain("abcdefghijklmnop")
)
tarred("CVE-2026-7774: links without a name", lambda rng: tars.pax({"path": rng.choice(("", "/", "./"))})
       + tars.link("x", "../outside") + tars.member("secret.txt"))  # fmt: skip
tarred(
    "CVE-2026-7774: plainly",
    lambda rng: tars.link("", "..") + tars.link("", "outside") + tars.member("secret.txt"),
)


@kind("needs a tool, holds noise")
def noise(rng: Random) -> Made:
    magic, name = rng.choice(
        ((b"Rar!\x1a\7\1\0", "a.rar"), (b"Rar!\x1a\7\0", "a.part1.rar"), (b"7z\xbc\xaf\x27\x1c", "a.7z"))
    )
    return name, magic + rng.randbytes(rng.randrange(300)), {}


@kind("kind that is not known")
def unknown(rng: Random) -> Made:
    head = rng.choice(
        (b"<!doctype html>", b"\x89PNG\r\n", struct.pack("<L", 0x184D2204), b"", b"MZ", b"\x1f\x9d")
    )
    return rng.choice(("a.zip", "a.tar", "a.bin")), head + rng.randbytes(rng.randrange(99)), {}


@kind("zip: no member", "unpacked refused, in place ok")
def empty(rng: Random) -> Made:
    return "a.zip", zips.end(0, 0, 0), {}
