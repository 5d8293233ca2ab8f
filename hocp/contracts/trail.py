"""From a table back to what it was made from: a sidecar ``<stem>.trail.json`` with the hashes of all of it.

Files are named so that they are found wherever a scenario's folder lies: ``scenario:tables/runs.csv`` below
it, ``project:results/published/paper.yaml`` below this repository, ``elsewhere:copy.yaml`` by its name
alone. A blessed scenario keeps records as ``records/<run>.json``; `locate` knows both places.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hocp.contracts import files, record

SCHEMA = "hocp-trail-1"
ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"

#: Where `workflow.bless` puts files of a scenario: pattern of the old place -> new place.
_KEPT = (
    (r"runs/([^/]+)/record\.json", r"records/\1.json"),
    (r"runs/([^/]+)/ranks\.csv", r"records/\1.ranks.csv"),
    (r"data/([^/]+)/manifest\.json", r"data/\1.json"),
    (r"raw/([^/]+)/lookalike\.json", r"data/\1.lookalike.json"),
)


class Broken(ValueError):
    """A link that does not hold: the file is another one than was written down, or it is not there."""


class Link(NamedTuple):
    """A file that a table was made from; `state` is "verified" or, in a blessed scenario, "not kept"."""

    name: str
    sha256: str
    state: str
    depth: int


def place(table: str | Path) -> Path:
    """Sidecar of a table, which is given by any of its files: ``tab_sewa.csv`` -> ``tab_sewa.trail.json``."""
    table = Path(table)
    return table.with_name(f"{table.stem}.trail.json")


def scenario_of(table: str | Path) -> Path:
    """Folder of the scenario that a table lies in; its own folder where there is none."""
    folder = Path(table).resolve().parent
    return folder.parent if folder.name in ("tables", "bench") else folder


def name_of(path: str | Path, scenario: Path) -> str:
    """Name of a file in a trail."""
    path = Path(path).resolve()
    for scheme, root in (("scenario", scenario.resolve()), ("project", ROOT)):
        if path.is_relative_to(root):
            return f"{scheme}:{path.relative_to(root).as_posix()}"
    return f"elsewhere:{path.name}"


def locate(name: str, scenario: Path) -> Path | None:
    """Where a named file lies now; None where it is not there."""
    scheme, _, rest = name.partition(":")
    tried = {"scenario": [scenario / rest], "project": [ROOT / rest]}.get(scheme, [])
    if scheme == "scenario":
        tried += [scenario / re.sub(old, new, rest) for old, new in _KEPT if re.fullmatch(old, rest)]
    return next((path for path in tried if path.is_file()), None)


def is_reference(scenario: Path) -> bool:
    """Whether large files are absent on purpose: `workflow.bless` leaves them out."""
    return scenario.resolve().is_relative_to(REFERENCE) or (scenario / "records").is_dir()


def write(
    sidecar: str | Path, outputs: Mapping[str, Path], inputs: Iterable[str | Path], *, home: str | Path
) -> None:
    """Publish a sidecar.

    Parameters
    ----------
    sidecar : path
    outputs : mapping
        Name of a file beside the sidecar -> where its content lies now; it may still be a scratch file.
    inputs : iterable of path
        Files that decided the outputs; folders are passed over.
    home : path
        The table's final place, by which its scenario is found.
    """
    scenario = scenario_of(home)
    decided = sorted({Path(path) for path in inputs if Path(path).is_file()})
    files.write_json(
        sidecar,
        {
            "schema": SCHEMA,
            "outputs": {name: files.sha256(path) for name, path in outputs.items()},
            "inputs": {name_of(path, scenario): files.sha256(path) for path in decided},
            "code": _code(),
        },
    )


@cache
def _code() -> dict[str, Any]:
    """Code that this process runs; read once, as it is loaded once."""
    return record.code("hocp", "data_prep", "figures")


def read(table: str | Path) -> dict[str, Any]:
    """The trail of a table.

    Raises
    ------
    Broken
        If it has none, or the file is no trail.
    """
    sidecar = place(table)
    if not sidecar.is_file():
        raise Broken(f"{table}: no trail beside it, {sidecar.name} is missing; make the table anew")
    found = files.read_json(sidecar)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not _whole(found):
        raise Broken(f"{sidecar}: not a trail, expected schema {SCHEMA!r} with outputs, inputs and code")
    return found


def _whole(found: Mapping[str, Any]) -> bool:
    hashes = [found.get("outputs"), found.get("inputs")]
    return "code" in found and all(
        isinstance(part, dict) and all(isinstance(value, str) for value in part.values()) for part in hashes
    )


def follow(table: str | Path, *, depth: int = 0) -> Iterator[Link]:
    """Verify a table and, through their own trails, all that it was made from.

    Raises
    ------
    Broken
        At the first link that does not hold; names it.
    """
    table, scenario = Path(table), scenario_of(table)
    found = read(table)
    if table.name not in found["outputs"]:
        raise Broken(f"{table}: its trail does not speak of it, only of {', '.join(found['outputs'])}")
    same(table, found["outputs"][table.name], f"was changed after it was made: {place(table).name} says")
    yield Link(
        f"scenario:{table.resolve().relative_to(scenario).as_posix()}",
        found["outputs"][table.name],
        "verified",
        depth,
    )
    for name, expected in found["inputs"].items():
        path = held(name, expected, scenario, stale=f"has changed since {table.name} was made from it:")
        if path is not None and place(path).is_file() and path.name in read(path)["outputs"]:
            yield from follow(path, depth=depth + 1)
        else:
            yield Link(name, expected, "verified" if path else "not kept", depth + 1)


def held(name: str, expected: str, scenario: Path, *, stale: str) -> Path | None:
    """A named file, verified; None where a blessed scenario does not keep it.

    Raises
    ------
    Broken
        If it is another one, or missing from a scenario that should have it.
    """
    path = locate(name, scenario)
    if path is None and (is_reference(scenario) or name.startswith("elsewhere:")):
        return None
    if path is None:
        raise Broken(f"{name} is missing below {scenario}; its SHA-256 was {expected}")
    same(path, expected, stale)
    return path


@cache
def _sha256(path: Path, *_written: int) -> str:
    """Hash of a file, once as long as it stays as it is: many runs name the same large crops."""
    return files.sha256(path)


def same(path: Path, expected: str, words: str) -> None:
    """Broken, with these words, unless the file has this hash."""
    about = path.stat()
    found = _sha256(path, about.st_mtime_ns, about.st_size)
    if found != expected:
        raise Broken(f"{path} {words} SHA-256 {expected}, found {found}")
