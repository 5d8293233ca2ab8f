"""Unpack an archive that nobody has to trust: whole into a new folder, or nothing at all.

Every kind goes the same way. The names of members are judged by `data_prep.members` before they are used;
files are written into a scratch folder that nobody else knows, in which no link is ever made; what lies there
in the end is looked at once more; then the folder gets its name. Archives inside archives stay files.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from data_prep import archive, sums, unpack_tar, unpack_tools
from data_prep.unpack_files import room, verify, write
from data_prep.volumes import volumes
from hocp.contracts import files

#: First bytes -> kind.
MAGIC = {
    b"PK\3\4": "zip", b"PK\5\6": "zip", b"PK\7\x08": "zip", b"Rar!\x1a\7": "rar", b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "tar", b"\xfd7zXZ\0": "tar", b"BZh": "tar",
}  # fmt: skip
#: Faults of the disk, which a person can mend.
_DISK = (
    errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG, errno.EACCES, errno.EROFS, errno.EILSEQ, errno.EIO,
    errno.EINVAL,
)  # fmt: skip


class Unpacked(NamedTuple):
    """What came out of an archive."""

    files: int
    bytes: int


def unpack(path: str | Path, out: str | Path) -> Unpacked:
    """
    Unpack one archive; of several volumes any may be named.

    Parameters
    ----------
    path : path
        zip, tar (plain, gz, bz2, xz), rar or 7z, known by its content; the latter two need a tool.
    out : path
        Folder to appear; must not exist.

    Raises
    ------
    ValueError
        If the archive is damaged, incomplete or refused, its SHA-256 is not that of `SHA256SUMS`, a tool is
        missing, or there is no room. Then nothing was left anywhere.
    """
    path, out = Path(path), Path(out)
    if out.exists() or out.is_symlink():
        raise ValueError(f"{out}: exists; expected the name of a folder that does not exist yet")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected an archive, or one of its volumes")
    parts = volumes(path)
    if sums.read(path.parent):
        archive.checksums({part.name: part for part in parts})
    with _said(path, out), files.publish(out) as scratch:
        scratch.mkdir()
        expected = _unpacked(_kind(parts), parts, scratch)
        verify(scratch, expected, str(path))
    return Unpacked(len(expected), sum(expected.values()))


@contextmanager
def _said(path: Path, out: Path) -> Iterator[None]:
    """Say of a full disk, or one that cannot hold such names, what a person needs to know."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise ValueError(f"{path}: cannot be unpacked to {out}: {error.strerror}. Nothing was kept") from None


def _kind(parts: list[Path]) -> str:
    """Kind of an archive by its first bytes; names may lie."""
    with parts[0].open("rb") as file:
        head = file.read(512)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    if not kind and head[257:262] == b"ustar":
        kind = "tar"
    if not kind:
        raise ValueError(
            f"{parts[0]}: refused: by its first bytes no zip, tar, gz, bz2, xz, rar or 7z; fetch it again"
        )
    return kind


def _unpacked(kind: str, parts: list[Path], folder: Path) -> dict[str, int]:
    """Write what an archive holds; returns path -> bytes of each file."""
    if kind in ("rar", "7z") or len(parts) > 1:
        return unpack_tools.unpack(kind, parts, folder)
    if kind == "zip":
        return _zip(parts[0], folder)
    with unpack_tar.decompressed(parts[0]) as stream:
        return unpack_tar.unpack(stream, str(parts[0]), packed=parts[0].stat().st_size, folder=folder)


def _zip(place: Path, folder: Path) -> dict[str, int]:
    expected = {}
    with archive.opened(place) as opened:  # which has judged every name
        room(folder, sum(info.file_size for info in opened.infolist()))
        for info in opened.infolist():
            path = info.filename.removeprefix("./").removesuffix("/")
            if info.is_dir():
                (folder / path).mkdir(parents=True, exist_ok=True)
                continue
            try:
                with archive.stream(opened, info) as stream:
                    expected[path] = write(folder / path, stream, info.file_size)
            except archive.DAMAGE as error:
                raise ValueError(f"{place}/{path}: damaged in its archive: {error}") from None
    return expected
