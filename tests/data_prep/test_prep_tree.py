"""Archives nobody has to trust, and the tree that reads them in place."""

import io
import stat
import zipfile

import pytest

from data_prep import archive, members
from data_prep.tree import Tree


def write_zip(path, *members, data=b"text", mode=0, flag=0):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(info, data)
            info.flag_bits |= flag


HOSTILE_NAMES = ["../out.txt", "/etc/out.txt", "a/../../out.txt", "C:/out.txt", "a\\..\\out.txt"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_that_lead_out_are_refused(tmp_path, name):
    write_zip(tmp_path / "a.zip", "fine.txt", name)
    with pytest.raises(ValueError, match="refused: member"):
        Tree(tmp_path).members("a.zip")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path, kind):
    write_zip(tmp_path / "a.zip", "odd", mode=kind | 0o777)
    with pytest.raises(ValueError, match="unsafe: a link, a device"):
        Tree(tmp_path).read("a.zip/odd")


def test_encrypted_archives_are_refused(tmp_path):
    write_zip(tmp_path / "a.zip", "secret", flag=1)
    with pytest.raises(ValueError, match="encrypted"):
        Tree(tmp_path).members("a.zip")


def test_double_names_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        write_zip(tmp_path / "a.zip", "same", "same")
    with pytest.raises(ValueError, match="has the same name"):
        Tree(tmp_path).members("a.zip")


def test_bombs_are_refused_before_a_byte_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS", 1 << 20)
    write_zip(tmp_path / "a.zip", "zeros", data=bytes(2 << 20))
    with pytest.raises(ValueError, match="would become 2097152"):
        Tree(tmp_path).members("a.zip")


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "MEMBERS", 3)
    write_zip(tmp_path / "a.zip", *"abcd")
    with pytest.raises(ValueError, match="4 members, expected at most 3"):
        Tree(tmp_path).members("a.zip")


def test_wrong_crc_names_the_member(tmp_path):
    write_zip(tmp_path / "a.zip", "one")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[30 + len("one")] ^= 0xFF  # first byte of the packed content
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.zip/one: damaged"):
        Tree(tmp_path).read("a.zip/one")


def test_cut_archive_is_named_whatever_the_place_of_the_cut(tmp_path):
    write_zip(tmp_path / "whole.zip", "one", "two")
    whole = (tmp_path / "whole.zip").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.zip").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.zip"):
            tree = Tree(tmp_path)
            for member in tree.members("cut.zip"):
                tree.read(f"cut.zip/{member}")


def test_paths_stay_in_the_tree(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "release").mkdir()
    tree = Tree(tmp_path / "release")
    for path in ("../secret.txt", str(tmp_path / "secret.txt"), "a/../../secret.txt"):
        with pytest.raises(FileNotFoundError, match="leads out"):
            tree.read(path)


def test_same_content_in_folder_and_archive(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.txt").write_bytes(b"text")
    write_zip(tmp_path / "a/b.zip", "c/one.txt")
    tree = Tree(tmp_path)
    assert list(tree.everything()) == ["a/b.zip", "a/b.zip/c/one.txt", "a/one.txt"]
    assert tree.read("a/one.txt") == tree.read("a/b.zip/c/one.txt") == b"text"
    with pytest.raises(FileNotFoundError, match="no member"):
        tree.read("a/b.zip/absent")
    with pytest.raises(ValueError, match="4 bytes, expected at most 3"):
        tree.read("a/b.zip/c/one.txt", limit=3)
    with pytest.raises(ValueError, match="4 bytes, expected at most 3"):
        tree.read("a/one.txt", limit=3)


def test_links_to_folders_are_followed_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.txt").write_bytes(b"")
    (tmp_path / "release").mkdir()
    (tmp_path / "release/linked").symlink_to(tmp_path / "a")
    (tmp_path / "a/loop").symlink_to(tmp_path / "a")
    assert Tree(tmp_path / "release").files == ["linked/one.txt"]


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="absent: no such folder"):
        Tree(tmp_path / "absent")


def test_checksums_are_compared_with_a_list(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180-2
    places = {"a.zip": tmp_path / "a.zip"}
    assert archive.checksums(places) == {"a.zip": digest}
    (tmp_path / "SHA256SUMS").write_text(f"{digest} *a.zip\n")
    assert archive.checksums(places) == {"a.zip": digest}
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  a.zip\n")
    with pytest.raises(ValueError, match="SHA256SUMS says 0000"):
        archive.checksums(places)


def test_lists_are_read_as_text_without_their_mark(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbfa,\xff\n")
    with zipfile.ZipFile(tmp_path / "list.zip", "w") as opened:
        opened.write(tmp_path / "list.csv", "list.csv")
    tree = Tree(tmp_path)
    for path in ("list.csv", "list.zip/list.csv"):
        with tree.lines(path) as lines:
            assert isinstance(lines, io.TextIOWrapper)
            assert lines.read() == "a,\N{REPLACEMENT CHARACTER}\n"
