"""Archives that need a tool: rar and 7z, in one or several volumes.

`unrar` and `7z` list first; every name, type and size is judged before a byte is unpacked, and what lies
there afterwards must be exactly what was listed. `bsdtar` only translates to a tar stream, which our own code
unpacks.
"""

import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_prep import unpack_tar
from data_prep.members import Member, Roster
from data_prep.unpack_files import loosen, room


class _Failure(ValueError):
    """A tool gave up, and said why."""


class Tool(NamedTuple):
    """How a tool lists and unpacks: arguments before the archive, who reads its list, and all arguments."""

    listing: tuple[str, ...]
    members: Callable[[Iterable[str]], Iterator[Member]]
    extract: Callable[[str, str], list[str]]


def unpack(kind: str, parts: list[Path], folder: Path) -> dict[str, int]:
    """
    Unpack by the first tool on the PATH that can list the archive.

    Parameters
    ----------
    kind : str
        "rar", "7z" or, in several volumes, any other.
    parts : list of path
        Volumes, first one first.
    folder : path
        Empty, and known to nobody else.

    Returns
    -------
    dict
        Path -> bytes of each file, as listed.

    Raises
    ------
    ValueError
        If no tool is installed, the archive is refused, or the tool fails.
    """
    first = parts[-1] if parts[-1].suffix.lower() == ".zip" else parts[0]
    packed = sum(part.stat().st_size for part in parts)
    failures = []
    for name, program in _installed(kind, parts):
        try:
            if name == "bsdtar":
                with _run([program, "-cf", "-", "--format=pax", f"@{first.resolve()}"]) as stream:
                    return unpack_tar.unpack(stream, str(first), packed=packed, folder=folder)
            roster, expected = _listed(program, TOOLS[name], first, packed)
        except _Failure as error:  # perhaps it was built without this format, as Debian's 7zz is without rar
            failures.append(str(error))
            continue
        room(folder, roster.size)
        _extract(program, TOOLS[name], first, folder, largest=max(expected.values(), default=0))
        return expected
    hint = "; if it is whole, install unrar: some builds of 7-Zip read no rar" if kind == "rar" else ""
    raise ValueError(f"{first}: {'; '.join(failures)}. Nothing was kept{hint}")


def _installed(kind: str, parts: list[Path]) -> list[tuple[str, str]]:
    """Name and place of every fitting tool, the best one first."""
    names = ("unrar", "7zz", "7z") if kind == "rar" else ("7zz", "7z")
    names += ("bsdtar",) if len(parts) == 1 else ()
    found = [(name, place) for name in names if (place := shutil.which(name))]
    if not found:
        what = f"{kind} archive{' in volumes' if len(parts) > 1 else ''}"
        raise ValueError(
            f"{parts[0]}: {what}: none of {', '.join(names)} is installed; install one of them, or unpack it "
            "elsewhere and give the folder"
        )
    return found


def _listed(program: str, tool: Tool, first: Path, packed: int) -> tuple[Roster, dict[str, int]]:
    """Judge every member by the tool's list; returns what is expected of each file, too."""
    roster, expected = Roster(str(first), packed), {}
    with _run([program, *tool.listing, "--", str(first.resolve())]) as stream:
        for member in tool.members(_lines(stream)):
            path = roster.add(member)
            if member.kind == "file":
                expected[path] = member.size
    return roster, expected


def _extract(program: str, tool: Tool, first: Path, folder: Path, largest: int) -> None:
    arguments = tool.extract(str(first.resolve()), str(folder.resolve()))
    try:
        with _run([program, *arguments], largest=largest) as stream:
            while stream.read(1 << 16):
                pass
    except _Failure as error:
        raise ValueError(f"{first}: {error}. Nothing was kept") from None
    finally:
        loosen(folder)


@contextmanager
def _run(command: list[str], *, largest: int | None = None) -> Iterator[BinaryIO]:
    """
    Yield a tool's output; it is asked nothing, sees no password of ours, and writes no file above its size.

    Raises
    ------
    _Failure
        If it fails; quotes the end of what it said.
    """

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max(largest, 1 << 20),) * 2)  # stderr is a file too

    env = {key: value for key, value in os.environ.items() if not key.startswith("HOCP_")}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, preexec_fn=limit,
            env={**env, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        try:
            yield process.stdout
            process.stdout.read()
            status = process.wait()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        if status:
            said.seek(max(0, said.seek(0, 2) - 500))
            text = re.sub(r"\W*[^\x20-\x7e]+\W*", " / ", said.read().decode("ascii", "replace").strip())
            name, text = Path(command[0]).name, text or "it gave no reason"
            raise _Failure(f"{name} ended with status {status}: {text}")


def _lines(stream: BinaryIO) -> Iterator[str]:
    for line in iter(lambda: stream.readline(1 << 16), b""):
        yield line.decode("utf-8", "surrogateescape")


def _blocks(lines: Iterable[str], pattern: str) -> Iterator[dict[str, str]]:
    """Groups of "key: value" lines that blank lines part."""
    block: dict[str, str] = {}
    for line in lines:
        match = re.fullmatch(pattern, line.rstrip("\r\n"), re.DOTALL)
        if match:
            block.setdefault(match[1], match[2])
        elif not line.strip():
            yield block
            block = {}
    yield block


def _of_7z(lines: Iterable[str]) -> Iterator[Member]:
    """Read ``7z l -slt``; the part before the dashes describes the archive."""
    lines = iter(lines)
    for line in lines:
        if line.startswith("----------"):
            break
    for block in _blocks(lines, r"([\w ]+?) = ?(.*)"):
        if "Path" not in block:
            continue
        mode = re.search(r"(?:^| )([a-z-])[rwxstST-]{9}$", block.get("Attributes", ""))
        link = next((key for key in block if key.endswith("Link") and block[key] not in ("", "-")), "")
        folder = block.get("Folder") == "+" or block.get("Attributes", "").startswith("D")
        odd = (
            link or ("a path that leads out" if any(".." in v.split("/") for v in block.values()) else "")
            or ("encrypted" if block.get("Encrypted") == "+" else "")
            or ("anti-item or stream" if "+" in (block.get("Anti"), block.get("Alternate Stream")) else "")
            or (f"mode {mode[1]}" if mode and mode[1] not in "-d" else "")
        )  # fmt: skip
        yield _member(block["Path"], block.get("Size", ""), odd or ("folder" if folder else "file"))


def _of_unrar(lines: Iterable[str]) -> Iterator[Member]:
    """Read ``unrar lt -v``; a file that goes on in another volume is listed in each of them."""
    for block in _blocks(lines, r" *([A-Za-z][\w .]*?): ?(.*)"):
        if "Name" not in block or "Type" not in block or block.get("Ratio") in ("<->", "<--"):
            continue
        kind = {"File": "file", "Directory": "folder"}.get(block["Type"], block["Type"])
        odd = "encrypted" if "encrypted" in block.get("Flags", "") else ""
        yield _member(block["Name"], block.get("Size", ""), odd or kind)


def _member(name: str, size: str, kind: str) -> Member:
    """A file without a size cannot be checked, hence is nothing that we take."""
    if kind == "file" and not size.isdecimal():
        return Member(name, 0, "without a size")
    return Member(name, int(size) if kind == "file" else 0, kind)


_SEVEN = Tool(
    ("l", "-slt", "-sccUTF-8", "-p-"),
    _of_7z,
    lambda archive, folder: ["x", "-y", "-bd", "-p-", f"-o{folder}", "--", archive],
)
TOOLS = {
    "unrar": Tool(
        ("lt", "-v", "-cfg-", "-p-"),
        _of_unrar,
        lambda archive, folder: ["x", "-y", "-cfg-", "-p-", "-o-", "--", archive, f"{folder}/"],
    ),
    "7zz": _SEVEN,
    "7z": _SEVEN,
}
