"""Unpacking: whole or not at all, by tools where the format wants one; scripts stand in for the tools."""

import errno
import gzip
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile

import pytest

from data_prep import __main__ as command_line
from data_prep import members, unpack_files, unpack_tar, unpack_tools
from data_prep.members import Member, Roster, name_fault
from data_prep.unpack import unpack
from data_prep.volumes import volumes
from hocp.contracts import files
from tests.campaigns import tar_bytes as tars
from tests.campaigns.zip_bytes import Entry
from tests.campaigns.zip_bytes import archive as zip_archive

CONTENT = {"a/1.png": b"one", "a/b/2.png": b"two" * 999, "é.txt": b""}


def zip_of(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/", b"")
        for name, data in content.items():
            opened.writestr(name, data)
    return path


def found(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_what_went_in_comes_out(tmp_path, suffix):
    place = tmp_path / f"a.{suffix}"
    if suffix == "zip":
        zip_of(place, CONTENT)
    else:
        with tarfile.open(place, f"w:{suffix[4:]}") as opened:
            for name, data in CONTENT.items():
                info = tarfile.TarInfo(f"./{name}")
                info.size, info.mode = len(data), 0o4777
                opened.addfile(info, io.BytesIO(data))
    done = unpack(place, tmp_path / "out")
    assert found(tmp_path / "out") == CONTENT
    assert (done.files, done.bytes) == (3, 3000)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").rglob("*") if p.is_file()} == {0o644}


@pytest.mark.skipif(not shutil.which("tar"), reason="no tar here")
@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7"])
def test_archives_of_gnu_tar(tmp_path, form):
    (tmp_path / "in/d").mkdir(parents=True)
    long = "n" * (150 if form in ("gnu", "pax") else 60)
    (tmp_path / "in/d" / long).write_bytes(b"text")
    subprocess.run(["tar", f"--format={form}", "-czf", "../a.tgz", "."], cwd=tmp_path / "in", check=True)
    if form == "v7":  # without a mark of its own; known by its compression
        assert b"ustar" not in gzip.decompress((tmp_path / "a.tgz").read_bytes())
    unpack(tmp_path / "a.tgz", tmp_path / "out")
    assert found(tmp_path / "out") == {f"d/{long}": b"text"}


def test_nothing_is_replaced(tmp_path):
    zip_of(tmp_path / "a.zip", CONTENT)
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="out: exists"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_hash_is_compared_first(tmp_path):
    zip_of(tmp_path / "a.zip", CONTENT)
    (tmp_path / "SHA256SUMS").write_text("0" * 64 + "  a.zip\n")
    with pytest.raises(ValueError, match="SHA256SUMS says"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_room_is_looked_for_first(tmp_path, monkeypatch):
    zip_of(tmp_path / "a.zip", CONTENT)
    monkeypatch.setattr(unpack_files.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 2999))
    with pytest.raises(ValueError, match="GB would come out"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    zip_of(tmp_path / "a.zip", CONTENT)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("data_prep.unpack.write", full)
    with pytest.raises(ValueError, match="No space left on device"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_command_says_how_much(tmp_path, capsys):
    zip_of(tmp_path / "a.zip", CONTENT)
    assert command_line.main(["unpack", str(tmp_path / "a.zip"), "--out", str(tmp_path / "out")]) == 0
    assert "3 files, 3,000 bytes" in capsys.readouterr().out
    assert command_line.main(["unpack", str(tmp_path / "b.zip"), "--out", str(tmp_path / "out")]) == 2


# Rules for members -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a", "a b/c.png", "é/ü", "日本/1.png", "-x", "..a/b..", "a.", "x" * 255, "12:30"]
)
def test_names_that_are_fine(name):
    assert name_fault(name) == ""


def test_limits_hold_while_members_come(monkeypatch):
    monkeypatch.setattr(members, "MEMBERS", 2)
    roster = Roster("it", packed=10)
    roster.add(Member("a", 1))
    roster.add(Member("b", 1))
    with pytest.raises(ValueError, match="3 members, expected at most 2"):
        roster.add(Member("c", 1))
    with pytest.raises(ValueError, match=f"10 bytes would become {64 << 20 | 1}"):
        Roster("it", packed=10).add(Member("a", 64 << 20 | 1))
    Roster("it", packed=1 << 20).add(Member("a", 200 << 20))


def test_folders_may_come_again_but_under_one_spelling():
    roster = Roster("it", packed=10)
    assert [roster.add(Member(name, 0, "folder")) for name in ("a/", "a", "./a/", "./")] == [
        "a",
        "a",
        "a",
        "",
    ]
    with pytest.raises(ValueError, match="only in case"):
        roster.add(Member("A/x", 1))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([Entry(b"a"), Entry(b"b", offset=0)], "overlap"),
        ([Entry(b"a", packed_size=7), Entry(b"b")], "overlap"),
        ([Entry(b"a", packed_size=99)], "overlap"),
        ([Entry(b"a", offset=2**32 - 2)], "overlap"),
        ([Entry(b"a\0b")], "leads out"),
        ([Entry(b"a/")], "an empty part"),
        ([Entry(b"a", mode=0o120777 << 16)], "mode 120000"),
        ([Entry(b"a", mode=0x400)], "mode 0"),
        ([Entry(b"a", flags=1)], "encrypted"),
        ([Entry(b"a", method=14)], "compression 14"),
        ([Entry(b"a", b"xyz", 0, size=2)], "two sizes differ"),
        ([Entry(b"a"), Entry(b"A")], "different only in case"),
        ([Entry(b"a"), Entry(b"a/b")], "the same name"),
        ([Entry(b"a", size=65 << 20)], "bytes would become"),
        ([Entry(b"a", size=3)], "more or fewer bytes"),
        ([Entry(b"a", size=5)], "more or fewer bytes"),
        ([Entry(b"a", crc=7)], "CRC"),
        ([Entry(b"a", local_name=b"b")], "differ"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_rule_by_itself(tmp_path, entries, said):
    (tmp_path / "a.zip").write_bytes(zip_archive(entries))
    with pytest.raises(ValueError, match=f"a.zip.*{said}"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_members_must_be_as_many_as_the_end_says(tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_archive([Entry(b"a"), Entry(b"b")], count=3))
    with pytest.raises(ValueError, match="2 members, its end counts 3"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tars.link("a", "b"), "a link or a device"),
        (tars.link("a", "b", b"1"), "a link or a device"),
        (tars.header("a", kind=b"S"), "a link or a device"),
        (tars.header("a", kind=b"L", size=20_000), "a header of 20000 bytes"),
        (tars.header("a", raw_size=b"\xff" * 12), "would become"),
        (tars.header("a", size=65 << 20), "would become"),
        (tars.header("a", size=9), "unexpected end|fewer bytes"),
        (tars.member("a/"), "an empty part"),
        (tars.member("../a"), "leads out"),
        (tars.member("a") + bytes(100), "end mark"),
        (tars.member("a"), "end mark"),
        (tars.member("a") + b"x" * 512 + tars.END, "end mark"),
    ],
)
def test_each_rule_of_tar_by_itself(tmp_path, content, said):
    with pytest.raises(ValueError, match=f"^it: refused: .*({said})"):
        unpack_tar.unpack(io.BytesIO(content), "it", packed=len(content), folder=tmp_path)


def test_tar_stops_where_more_comes_than_is_in_proportion(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS", 4096)
    whole = tars.member("a") + tars.END + bytes(8192)
    with pytest.raises(ValueError, match="more than 4096 bytes would come out"):
        unpack_tar.unpack(io.BytesIO(whole), "it", packed=1, folder=tmp_path)


# Volumes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "given", "order"),
    [
        ("a.part1.rar a.part2.rar a.part10.rar b.part1.rar", "a.part2.rar", None),
        ("m.part01.rar m.PART02.RAR m.part03.rar", "m.part02.rar", "m.part01.rar m.PART02.RAR m.part03.rar"),
        ("a.rar a.r00 a.r01", "a.r01", "a.rar a.r00 a.r01"),
        ("a.7z.001 a.7z.002", "a.7z.001", "a.7z.001 a.7z.002"),
        ("a.z01 a.zip b.zip", "a.zip", "a.z01 a.zip"),
        ("a.zip b.z01", "a.zip", "a.zip"),
        ("a.rar", "a.rar", "a.rar"),
        ("a.tar.gz", "a.tar.gz", "a.tar.gz"),
    ],
)
def test_volumes_in_order(tmp_path, there, given, order):
    for name in there.split():
        (tmp_path / name).touch()
    if order is None:
        with pytest.raises(ValueError, match=r"missing: a\.part3\.rar, .*a\.part9\.rar; fetch"):
            volumes(tmp_path / given)
    else:
        assert [path.name for path in volumes(tmp_path / given)] == order.split()


@pytest.mark.parametrize(
    ("there", "given", "missing"),
    [
        ("m.part02.rar m.part04.rar", "m.part04.rar", "m.part01.rar, m.part03.rar"),
        ("a.r00 a.r01", "a.r00", "a.rar"),
        ("a.rar a.r00 a.r03", "a.rar", "a.r01, a.r02"),
        ("a.7z.002", "a.7z.002", "a.7z.001"),
        ("a.zip a.z02", "a.zip", "a.z01"),
    ],
)
def test_missing_volumes_are_named(tmp_path, there, given, missing):
    for name in there.split():
        (tmp_path / name).write_bytes(b"Rar!\x1a\7\0")
    with pytest.raises(ValueError, match=f"volumes missing: {missing}; fetch"):
        unpack(tmp_path / given, tmp_path / "out")


# Tools -----------------------------------------------------------------------------------------------------

#: What each tool prints of the same archive, by its manual and sources.
SEVEN = """
7-Zip 23.01 (x64)
Path = a.rar
Type = Rar
----------
Path = d
Folder = +
Size = 0
Attributes = D_ drwxr-xr-x
Encrypted = -

Path = d/1.png
Folder = -
Size = 3
Attributes = A_ -rw-r--r--
Encrypted = -
Symbolic Link =
Hard Link =

"""
UNRAR = """
UNRAR 6.24 freeware

Archive: a.part1.rar
Details: RAR 5, volume

        Name: d/1.png
        Type: File
        Size: 3
 Packed size: 2
       Ratio: -->
  Attributes: -rw-r--r--

        Name: d/1.png
        Type: File
        Size: 3
 Packed size: 1
       Ratio: <--

        Name: d
        Type: Directory
  Attributes: drwxr-xr-x

"""
LISTS = {"7z": SEVEN, "unrar": UNRAR}


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Install stand-ins for tools: each prints a list, and unpacks by a line of shell in its target."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(unpack_tools.shutil, "which", lambda name: _there(tmp_path / "bin" / name))
    monkeypatch.setenv("HOCP_SEWA_TOKEN", "s3cr3t")

    def install(name, listing, unpacking="mkdir d; printf one > d/1.png"):
        (tmp_path / "list").write_text(listing)
        place = tmp_path / "bin" / name
        place.write_text(
            '#!/bin/sh\n[ -z "$HOCP_SEWA_TOKEN" ] || exit 9\n'
            f"case $1 in l|lt) exec cat {tmp_path}/list;; esac\n"
            "for word; do case $word in -o/*) cd ${word#-o};; */) cd $word;; esac; done\n" + unpacking + "\n"
        )
        place.chmod(0o755)

    return install


def _there(place):
    return str(place) if place.exists() else None


def rar(tmp_path, name="a.rar"):
    (tmp_path / name).write_bytes(b"Rar!\x1a\7\1\0 and more")
    return tmp_path / name


@pytest.mark.parametrize("tool", LISTS)
def test_tools_list_then_unpack(tmp_path, tools, tool):
    tools(tool, LISTS[tool])
    done = unpack(rar(tmp_path), tmp_path / "out")
    assert done == (1, 3) and found(tmp_path / "out") == {"d/1.png": b"one"}


HOSTILE = {
    "d/1.png": "../1.png",
    "Attributes = A_ -rw": "Attributes = A_ lrw",
    "Symbolic Link =": "Symbolic Link = /etc",
    "Hard Link =": "Hard Link = d/2.png",
    "Encrypted = -\nSymbolic": "Encrypted = +\nSymbolic",
    "Size = 3": f"Size = {10**12}",
    "Size = 3\n": "Size = \n",
    "Hard Link =\n": "Comment = /../../../out.txt\n",
    "Path = d/1.png": "Path = D\nFolder = -\nSize = 0\n\nPath = d/1.png",
}


@pytest.mark.parametrize("true", HOSTILE)
def test_hostile_lists_are_refused_before_a_byte(tmp_path, tools, true):
    assert true in SEVEN
    tools("7z", SEVEN.replace(true, HOSTILE[true]), f"touch {tmp_path}/unpacked")
    with pytest.raises(ValueError, match=r"a\.rar: refused"):
        unpack(rar(tmp_path), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.rar", "bin", "list"]


@pytest.mark.parametrize(
    "kind", ["Unix symbolic link", "Windows symbolic link", "NTFS junction point", "Hard link"]
)
def test_hostile_lists_of_unrar(tmp_path, tools, kind):
    tools("unrar", UNRAR.replace("Type: Directory", f"Type: {kind}"), f"touch {tmp_path}/unpacked")
    with pytest.raises(ValueError, match=f"a link, a device or the like .{kind}"):
        unpack(rar(tmp_path), tmp_path / "out")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    ("unpacking", "said"),
    [
        ("mkdir d; printf more > d/1.png", "not what it announces"),
        ("mkdir d", "not what it announces"),
        ("mkdir d; printf one > d/1.png; touch d/2.png", "not what it announces"),
        ("mkdir d; ln -s /etc/passwd d/1.png", "link or a device"),
        ("mkdir d; printf one > d/1.png; ln d/1.png d/2.png", "link or a device"),
        ("mkdir d; printf one > d/1.png; mkfifo d/2.png", "link or a device"),
        ("mkdir d; printf one > d/1.png; chmod 0 d; exit 3", "ended with status 3"),
        ("echo 'Cannot find volume a.part2.rar' >&2; exit 6", "Cannot find volume a.part2.rar"),
        ("mkdir d; head -c 9000000 /dev/zero > d/1.png", "7z ended with status|not what it announces"),
    ],
)
def test_what_comes_out_is_looked_at(tmp_path, tools, unpacking, said):
    tools("7z", SEVEN, unpacking)
    with pytest.raises(ValueError, match=said):
        unpack(rar(tmp_path), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.rar", "bin", "list"]


def test_bsdtar_only_translates(tmp_path, tools):
    with tarfile.open(tmp_path / "a.tar", "w") as opened:
        info = tarfile.TarInfo("d/1.png")
        info.size = 3
        opened.addfile(info, io.BytesIO(b"one"))
    tools("bsdtar", "")
    (tmp_path / "bin/bsdtar").write_text(f"#!/bin/sh\ncat {tmp_path}/a.tar; exit ${{FAIL:-0}}\n")
    unpack(rar(tmp_path), tmp_path / "out")
    assert found(tmp_path / "out") == {"d/1.png": b"one"}
    os.environ["FAIL"] = "1"
    try:
        with pytest.raises(ValueError, match="bsdtar ended with status 1"):
            unpack(rar(tmp_path), tmp_path / "second")
    finally:
        del os.environ["FAIL"]
    assert not (tmp_path / "second").exists()


def test_a_tool_that_cannot_list_gives_way_to_the_next(tmp_path, tools):
    """Debian's 7zz reads no rar; its 7z does where p7zip-rar is installed."""
    tools("7z", SEVEN)
    (tmp_path / "bin/7zz").write_text("#!/bin/sh\necho 'Cannot open the file as archive' >&2; exit 2\n")
    (tmp_path / "bin/7zz").chmod(0o755)
    assert unpack(rar(tmp_path), tmp_path / "out") == (1, 3)
    (tmp_path / "bin/7z").unlink()
    with pytest.raises(ValueError, match=r"7zz ended with status 2: Cannot open.*install unrar"):
        unpack(rar(tmp_path), tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_what_one_tool_shows_to_be_hostile_no_other_is_asked(tmp_path, tools):
    tools("unrar", UNRAR.replace("Type: Directory", "Type: Unix symbolic link"))
    (tmp_path / "bin/7z").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    (tmp_path / "bin/7z").chmod(0o755)
    with pytest.raises(ValueError, match="refused"):
        unpack(rar(tmp_path), tmp_path / "out")
    assert not (tmp_path / "asked").exists()


def test_missing_tools_are_named(tmp_path, tools):
    with pytest.raises(ValueError, match="none of unrar, 7zz, 7z, bsdtar is installed; install one"):
        unpack(rar(tmp_path), tmp_path / "out")
    rar(tmp_path, "m.part1.rar")
    rar(tmp_path, "m.part2.rar")
    with pytest.raises(ValueError, match="rar archive in volumes: none of unrar, 7zz, 7z is installed"):
        unpack(tmp_path / "m.part2.rar", tmp_path / "out")


@pytest.mark.skipif(not (shutil.which("7z") or shutil.which("7zz")), reason="7z is not installed here")
def test_real_7z(tmp_path):
    tool = shutil.which("7zz") or shutil.which("7z")
    (tmp_path / "in/d e").mkdir(parents=True)
    (tmp_path / "in/d e/é 1.bin").write_bytes(os.urandom(300_000))
    subprocess.run(
        [tool, "a", "-v100k", "../a.7z", "."], cwd=tmp_path / "in", check=True, stdout=subprocess.DEVNULL
    )
    unpack(tmp_path / "a.7z.002", tmp_path / "out")
    assert files.sha256(tmp_path / "out/d e/é 1.bin") == files.sha256(tmp_path / "in/d e/é 1.bin")
    (tmp_path / "in/link").symlink_to("/etc")
    subprocess.run(
        [tool, "a", "-snl", "../b.7z", "."], cwd=tmp_path / "in", check=True, stdout=subprocess.DEVNULL
    )
    with pytest.raises(ValueError, match="refused"):
        unpack(tmp_path / "b.7z", tmp_path / "out2")


@pytest.mark.skipif(not (shutil.which("rar") and shutil.which("unrar")), reason="no rar and unrar here")
def test_real_rar_in_volumes(tmp_path):
    (tmp_path / "in/d e").mkdir(parents=True)
    (tmp_path / "in/d e/é 1.bin").write_bytes(os.urandom(300_000))

    def pack(*words):
        subprocess.run(["rar", "a", "-idq", "-r", *words, "."], cwd=tmp_path / "in", check=True)

    pack("-v100k", "../a.rar")
    assert unpack(tmp_path / "a.part2.rar", tmp_path / "out") == (1, 300_000)
    assert files.sha256(tmp_path / "out/d e/é 1.bin") == files.sha256(tmp_path / "in/d e/é 1.bin")
    whole = (tmp_path / "a.part2.rar").read_bytes()
    (tmp_path / "a.part2.rar").write_bytes(whole[:9000] + bytes(9) + whole[9009:])
    with pytest.raises(ValueError, match=r"checksum error.*Nothing was kept"):
        unpack(tmp_path / "a.part1.rar", tmp_path / "damaged")
    (tmp_path / "a.part2.rar").unlink()
    with pytest.raises(ValueError, match=r"missing: a\.part2\.rar"):
        unpack(tmp_path / "a.part1.rar", tmp_path / "damaged")
    for name, words, said in (
        ("link", ["-ol"], "a link, a device or the like"),
        ("locked", ["-psecret"], "encrypted"),
        ("hidden", ["-hpsecret"], "password"),
    ):
        link = tmp_path / "in/link"
        link.symlink_to("/etc") if name == "link" else link.unlink(missing_ok=True)
        pack(*words, f"../{name}.rar")
        with pytest.raises(ValueError, match=said):
            unpack(tmp_path / f"{name}.rar", tmp_path / "damaged")
    assert not (tmp_path / "damaged").exists()


@pytest.mark.skipif(not shutil.which("bsdtar"), reason="bsdtar is not installed here")
def test_real_bsdtar(tmp_path, monkeypatch):
    tool = shutil.which("bsdtar")
    monkeypatch.setattr(unpack_tools.shutil, "which", lambda name: tool if name == "bsdtar" else None)
    (tmp_path / "in/d e").mkdir(parents=True)
    (tmp_path / "in/d e/1.bin").write_bytes(os.urandom(300_000))
    subprocess.run([tool, "--format=7zip", "-cf", "../a.7z", "."], cwd=tmp_path / "in", check=True)
    unpack(tmp_path / "a.7z", tmp_path / "out")
    assert files.sha256(tmp_path / "out/d e/1.bin") == files.sha256(tmp_path / "in/d e/1.bin")
    whole = (tmp_path / "a.7z").read_bytes()
    (tmp_path / "a.7z").write_bytes(whole[:9000] + bytes(9) + whole[9009:])
    with pytest.raises(ValueError, match=r"a\.7z"):
        unpack(tmp_path / "a.7z", tmp_path / "damaged")
    assert not (tmp_path / "damaged").exists()
