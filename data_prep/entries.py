"""Cropped faces in the work folder, found again by everything that decided them.

An entry is the faces of one piece of a release: a clip, a segment, one picture of AffectNet. Its key says
what was asked: the piece, as its reader describes it, side of the crop, code and libraries. Its trace says
what the answer hung on: the files that were read, by hash, and the options that were looked at. Nobody has to
list either, so a reader that reads one more file cannot be forgotten here.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.inventory import Inventory
from data_prep.record import Face
from data_prep.store import Store, seal
from hocp.contracts import files

LARGEST = (
    900_000_000  # bytes of crops; SQLite holds 1,000,000,000 in a cell. Above, a piece is made each time
)
_LIBRARIES = ("pillow", "av", "numpy")
_KEPT = [field for field in fields(Face) if field.name not in ("find", "crop", "row")]
_EMPTY = {field.name: None if field.default is MISSING else field.default for field in _KEPT}


class Made(NamedTuple):
    """Faces of one piece, with what they hang on.

    Attributes
    ----------
    faces : list of Face
    seen : mapping
        Path -> stamp and hash, or None: see `data_prep.inventory.Traced`.
    asked : mapping
        Option -> value.
    """

    faces: list[Face]
    seen: Mapping[str, tuple[str | None, str] | None]
    asked: Mapping[str, Any]


class Entries:
    """
    The entries of one preparation.

    Parameters
    ----------
    store : Store
    inventory : Inventory
    dataset : str
    side : int
        Pixels of a crop.
    options : Namespace
        Options of the reader.
    """

    def __init__(
        self, store: Store, inventory: Inventory, *, dataset: str, side: int, options: argparse.Namespace
    ):
        self._store, self._inventory = store, inventory
        self._side, self._options = side, options
        self._base = {"dataset": dataset, "side": side, "code": code()}
        self.taken = self.made = 0  # faces from the store, and new ones

    def key(self, piece: Any) -> bytes:
        """Key of a piece."""
        return hashlib.sha256(_json({**self._base, "piece": described(piece)}).encode()).digest()

    def holds(self, key: bytes) -> bool:
        """Whether there is an entry, and what it hangs on is as it was."""
        rows = self._store.ask("SELECT trace FROM entries WHERE key = ?", key)
        try:
            return bool(rows) and self._fresh(json.loads(rows[0][0]))
        except (KeyError, TypeError, ValueError, AttributeError):  # damaged: no JSON, or of another shape
            return False

    def _fresh(self, trace: Mapping[str, Mapping[str, Any]]) -> bool:
        options = {name: getattr(self._options, name, None) for name in trace["options"]}
        return _json(options) == _json(trace["options"]) and all(
            self._inventory.digest(path) == digest for path, digest in trace["files"].items()
        )

    def load(self, key: bytes) -> list[Face] | None:
        """Faces of an entry; None if it is damaged."""
        rows = self._store.ask("SELECT trace, faces, crops, seal FROM entries WHERE key = ?", key)
        for trace, texts, crops, sealed in rows:
            if sealed != seal(key, trace, texts, crops):
                return None
            found = _faces(texts, crops, self._side)
            self._use(key)
            self.taken += len(found)
            return found
        return None

    def save(self, key: bytes, made: Made) -> None:
        """Keep what was made of a piece."""
        self.made += len(made.faces)
        crops = b"".join(face.crop for face in made.faces if face.crop is not None)
        if len(crops) > LARGEST:
            return
        trace = _json({"files": self._digests(made.seen), "options": dict(made.asked)})
        texts = _texts(made.faces)
        row = key, trace, texts, seal(key, trace, texts, crops), crops
        self._store.ask("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", *row)
        self._use(key)

    def _digests(self, seen: Mapping[str, tuple[str | None, str] | None]) -> dict[str, str]:
        found = {}
        for path, read in seen.items():
            if read is not None:
                self._inventory.note(path, *read)
            found[path] = self._inventory.digest(path) if read is None else read[1]
        return found

    def _use(self, key: bytes) -> None:
        self._store.ask("INSERT OR IGNORE INTO used VALUES (?)", key)


def pieces(unit: Any) -> list[Any]:
    """Parts of a unit that are kept, and made anew, one by one: its own ``pieces()``, or the whole."""
    return unit.pieces() if hasattr(unit, "pieces") else [unit]


def described(value: Any) -> Any:
    """A piece as a JSON value; fields that say nothing of what it is (``compare=False``) are left out."""
    if isinstance(value, str | int | float | None):  # most parts, of half a million pieces
        return value
    if isinstance(value, list | tuple):
        return [described(part) for part in value]
    if is_dataclass(value):
        name, parts = _shape(type(value))
        return [name, [[part, described(getattr(value, part))] for part in parts]]
    if isinstance(value, Mapping):
        return [[described(name), described(part)] for name, part in sorted(value.items())]
    return sorted(value) if isinstance(value, set | frozenset) else value


@cache
def _shape(kind: type) -> tuple[str, list[str]]:
    """Name of a class, and its fields that say what a value is."""
    return f"{kind.__module__}.{kind.__qualname__}", sorted(one.name for one in fields(kind) if one.compare)


@cache
def code() -> str:
    """Hash of the code that reads and crops, and of the libraries that decode."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    libraries = {name: version(name) for name in _LIBRARIES}
    return files.sha256_of({**{path.name: files.sha256(path) for path in sources}, **libraries})


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _texts(faces: list[Face]) -> str:
    """Faces without their crops; what has its default is left out."""
    return json.dumps([
        [face.crop is not None, {n: v for n, empty in _EMPTY.items() if (v := getattr(face, n)) != empty}]
        for face in faces
    ], default=bytes.hex)  # fmt: skip


def _faces(texts: str, crops: bytes, side: int) -> list[Face]:
    pixels = iter(np.frombuffer(crops, np.uint8).reshape(-1, side, side, 3))
    return [
        Face(
            **{**parts, "content": bytes.fromhex(parts.get("content", ""))},
            crop=next(pixels) if cropped else None,
        )
        for cropped, parts in json.loads(texts)
    ]
