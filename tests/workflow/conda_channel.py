"""A conda channel in a folder, with the Python that runs this test and its pip: all environment.yml needs."""

import asyncio
import hashlib
import io
import json
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

from rattler.index import index_fs

VERSION = ".".join(map(str, sys.version_info[:3]))
SHORT = ".".join(map(str, sys.version_info[:2]))
_LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "__pycache__", "site-packages"}


def make(folder: Path) -> Path:
    """Write and index the channel conda-forge below `folder`; return its folder."""
    channel = folder / "conda-forge"
    (channel / "noarch").mkdir(parents=True)
    pack(channel / "linux-64", "python", VERSION, python_files(), depends=[])
    pack(channel / "linux-64", "pip", *pip_files(), depends=[f"python {SHORT}.*"])
    asyncio.run(index_fs(channel))
    return channel


def python_files() -> dict[str, Path | str]:
    """Interpreter and standard library: place in the environment -> file, or target of a link."""
    base, library = (
        Path(sys.base_prefix),
        Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})),
    )
    found: dict[str, Path | str] = {
        f"lib/python{SHORT}/{path.relative_to(library).as_posix()}": path
        for path in library.rglob("*")
        if path.is_file() and not _LEFT_OUT & set(path.relative_to(library).parts)
    }
    found |= {f"lib/{path.name}": path for path in (base / "lib").glob("libpython*.so*") if path.is_file()}
    found[f"bin/python{SHORT}"] = (base / f"bin/python{SHORT}").resolve()
    return found | {"bin/python3": f"python{SHORT}", "bin/python": f"python{SHORT}"}


def pip_files() -> tuple[str, dict[str, bytes]]:
    """Version and files of the pip that comes with Python."""
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    (wheel,) = (library / "ensurepip/_bundled").glob("pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {f"lib/python{SHORT}/site-packages/{name}": archive.read(name) for name in archive.namelist()}
    return wheel.name.split("-")[1], files


def pack(
    folder: Path, name: str, version: str, files: dict[str, Path | str | bytes], *, depends: list[str]
) -> None:
    """Write one package in conda's older format."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": depends,
        "subdir": folder.name,
    }
    paths = []
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as archive:
        for place, content in sorted(files.items()):
            entry = tarfile.TarInfo(place)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
                paths.append({"_path": place, "path_type": "softlink"})
                continue
            data = content if isinstance(content, bytes) else content.read_bytes()
            entry.size, entry.mode = len(data), 0o755 if place.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(data))
            digest = hashlib.sha256(data).hexdigest()
            paths.append(
                {"_path": place, "path_type": "hardlink", "sha256": digest, "size_in_bytes": len(data)}
            )
        info = {
            "info/index.json": json.dumps(index),
            "info/files": "".join(f"{place}\n" for place in sorted(files)),
            "info/paths.json": json.dumps({"paths_version": 1, "paths": paths}),
        }
        for place, text in info.items():
            entry = tarfile.TarInfo(place)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
