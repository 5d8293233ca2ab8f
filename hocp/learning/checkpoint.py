"""Scratch copies of a training run, so that an interrupted one goes on where it stood.

A checkpoint is one file, ``<key>.<step>.<digest>.pt``: the key tells which run it belongs to (specification,
data, start), the digest is the beginning of the SHA-256 of its content. It appears in one step, so a kill
leaves the older ones as they were, and damage of any kind shows when it is read.
"""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hocp.contracts import files

KEPT = 2
_NAME = re.compile(r"([0-9a-f]{12})\.(\d{8})\.([0-9a-f]{16})\.pt")


class Checkpoints:
    """The checkpoints of one run in a folder.

    Parameters
    ----------
    folder : path
        Made when the first checkpoint is written.
    identity : JSON value
        All that decides the run; a checkpoint of another identity is never used.
    say : callable
        Takes a line for the person who watches.
    """

    def __init__(self, folder: str | Path, identity: Any, *, say: Callable[[str], None] = print):
        self.folder, self.say = Path(folder), say
        self.key = files.sha256_of(identity)[:12]

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state after `step` steps; the newest two of this run stay, and those of no other."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getbuffer()
        path = self.folder / f"{self.key}.{step:08d}.{_digest(content)}.pt"
        with files.publish(path) as scratch:
            scratch.write_bytes(content)
        for old in self._found()[KEPT:] + self._foreign():
            old.unlink(missing_ok=True)
        return path

    def load(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """State of the newest sound checkpoint of this run, or None; says what it passes over and why."""
        for path in self._foreign():
            self.say(f"checkpoint {path.name} is of another specification, data set or start; ignored")
        for path in self._found():
            content = path.read_bytes()
            if _digest(content) != path.name.split(".")[2]:
                self.say(f"checkpoint {path.name} is damaged; trying the one before")
                continue
            return torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        return None

    def clear(self) -> None:
        """Remove all checkpoints: the run is finished."""
        for path in self._found() + self._foreign():
            path.unlink(missing_ok=True)

    def _named(self) -> list[tuple[re.Match, Path]]:
        paths = self.folder.glob("*.pt") if self.folder.is_dir() else ()
        return [(match, path) for path in paths if (match := _NAME.fullmatch(path.name))]

    def _found(self) -> list[Path]:
        """This run's, newest first."""
        own = [(int(match[2]), path.name, path) for match, path in self._named() if match[1] == self.key]
        return [path for _, _, path in sorted(own, reverse=True)]

    def _foreign(self) -> list[Path]:
        return [path for match, path in self._named() if match[1] != self.key]


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
