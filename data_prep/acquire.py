"""Bring the archives of a licensed release into one folder, and know them again ever after.

They come from files that a person has, or from addresses that a person was given. Nothing else is ever
fetched: the project knows no address of any data set but the page where to ask for it.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from data_prep import acquire_content, archive, sums
from data_prep.access import ACCESS
from data_prep.acquire_sources import Refused, Source
from hocp.contracts import files

MANIFEST = "acquired.json"
_LOCK = ".acquire.lock"
_ARCHIVE = re.compile(r".+\.(zip|z\d\d|rar|r\d\d|7z|\d{3}|tar|tgz|txz|tbz2?|gz|xz|bz2)", re.IGNORECASE)


class Acquired(NamedTuple):
    """One file of a release, and how it came: "fetched", "local", or "there" already."""

    name: str
    bytes: int
    sha256: str
    how: str


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """
    Keep other acquisitions out of a folder; the system forgets the lock of a process that was killed.

    Raises
    ------
    ValueError
        If one is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / _LOCK
    while True:
        try:
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise ValueError(f"{folder}: cannot be written to: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ValueError(f"{folder}: another acquisition is at work here; wait for its end") from None
        if place.exists() and os.fstat(descriptor).st_ino == place.stat().st_ino:
            break
        os.close(descriptor)  # its last holder has just removed it
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        os.close(descriptor)


def fetch(dataset: str, sources: Sequence[Source], folder: Path, **options: object) -> list[Acquired]:
    """
    Fetch what is not there yet; whatever happens to one file, the others are tried.

    Parameters
    ----------
    dataset : str
        One of `ACCESS`.
    sources : sequence of Source
        Addresses of a person's.
    folder : path
        Where the files go.
    **options
        Of `acquire_http.Download`.

    Raises
    ------
    ValueError
        Naming each file that did not come, and what to do.
    """
    from data_prep.acquire_http import Download  # loads an HTTP library, which few commands need

    with alone(folder):
        _only_of(dataset, folder)
        sums.read(folder)  # an unreadable list shows now, not after hours
        found, faults = {}, []
        for source in sources:
            try:
                download = Download(dataset, source, folder, **options)
                place = download.run()
                if place.name.casefold() in found:
                    raise Refused(f"{source.label}: {place.name} is the name of two; use NAME=ADDRESS")
                found[place.name.casefold()] = _known(place, download.how)
            except ValueError as error:
                faults.append(str(error))
        _note(dataset, folder, found.values())
    if faults:
        raise ValueError("\n".join([f"{len(faults)} of {len(sources)} files did not come.", *faults]))
    return list(found.values())


def gather(dataset: str, places: Iterable[Path], folder: Path) -> list[Acquired]:
    """
    Link or copy files into a folder; a file there already must be the same.

    Raises
    ------
    ValueError
        If there is nothing to take, a name comes twice, or a hash is not the one that is known.
    """
    wanted = archives(places)
    with alone(folder):
        _only_of(dataset, folder)
        known = sums.read(folder)
        digests = archive.checksums({place.name: place for place in wanted})
        for place in wanted:
            target, digest = folder / place.name, digests[place.name]
            _begins_right(dataset, place)
            old = files.sha256(target) if target.exists() else digest
            if old != digest or known.get(place.name, digest) != digest:
                raise ValueError(
                    f"{place}: its SHA-256 {digest} is not that of {target}; which one is right?"
                )
            if not target.exists():
                _place(place, target)
        found = [_known(folder / place.name, "local") for place in wanted]
        _note(dataset, folder, found)
    return found


def in_place(dataset: str, places: Sequence[Path]) -> list[Acquired]:
    """
    Compare files with `SHA256SUMS` beside them, and add there those that it lacks.

    Raises
    ------
    ValueError
        If there is no archive, one has another hash than it had, or a folder lacks one that it had.
    """
    found = []
    for folder in filter(Path.is_dir, places):
        lost = [name for name in sums.read(folder) if not (folder / name).is_file()]
        if lost:
            raise ValueError(f"{folder}: of the files in {sums.NAME}, {', '.join(lost[:9])} are missing")
    for place in archives(places):
        _begins_right(dataset, place)
        known = place.name in sums.read(place.parent)  # then nothing is written: the folder may be read-only
        with nullcontext() if known else alone(place.parent):
            found.append(_known(place, "there"))
    return found


def archives(places: Iterable[Path]) -> list[Path]:
    """
    Files given, and archives right below folders given.

    Raises
    ------
    ValueError
        If there are none, or two have one name.
    """
    found = []
    for place in places:
        if place.is_dir():
            found += [p for p in sorted(place.iterdir()) if p.is_file() and _ARCHIVE.fullmatch(p.name)]
        elif place.is_file():
            found.append(place)
        else:
            raise FileNotFoundError(f"{place}: no such file or folder")
    names = [place.name.casefold() for place in found]
    twice = next((place for place in found if names.count(place.name.casefold()) > 1), None)
    if twice or not found:
        where = ", ".join(map(str, places))
        raise ValueError(f"{twice}: another file has this name" if twice else f"{where}: no archive there")
    return found


def _begins_right(dataset: str, place: Path) -> None:
    """Refuse a page that a browser saved in the place of an archive."""
    with place.open("rb") as file:
        acquire_content.check(dataset, str(place), place.name, head=file.read(acquire_content.HEAD))


def _place(source: Path, target: Path) -> None:
    with files.publish(target) as scratch:
        try:
            os.link(source.resolve(), scratch)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, scratch)


def _known(place: Path, how: str) -> Acquired:
    """Compare a file with the list beside it, where it is added when first seen."""
    digest = files.sha256(place)
    sums.record(place.parent, {place.name: digest})
    return Acquired(place.name, place.stat().st_size, digest, how)


def _only_of(dataset: str, folder: Path) -> None:
    """Keep data sets apart: each has its own conditions."""
    other = _noted(folder).get("dataset", dataset)
    if other != dataset:
        raise ValueError(f"{folder}: holds files of {other}; expected a folder for {dataset} alone")


def _noted(folder: Path) -> dict:
    place = folder / MANIFEST
    return files.read_json(place) if place.is_file() else {}


def _note(dataset: str, folder: Path, found: Iterable[Acquired]) -> None:
    """Write down what is there and on what conditions; never from where."""
    old = _noted(folder).get("files", {})
    new = {item.name: {"bytes": item.bytes, "sha256": item.sha256} for item in found}
    if new:
        access = ACCESS[dataset]
        terms = {"page": access.page, "conditions": access.conditions, "accepted": True}
        listed = dict(sorted({**old, **new}.items()))
        files.write_json(folder / MANIFEST, {"dataset": dataset, "terms": terms, "files": listed})
