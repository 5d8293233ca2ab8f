"""A file on its way: ``name.part``, with what identifies it in ``name.part.json``; in the end the name."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from data_prep import acquire_content as content
from data_prep import sums
from data_prep.acquire_sources import Refused
from hocp.contracts import files

SPARE = 64 << 20  # bytes that stay free on the disk


class Part(NamedTuple):
    """What has come so far of a file; without a name nothing has."""

    folder: Path
    name: str

    @property
    def target(self) -> Path:
        """Where the whole file goes."""
        return self.folder / self.name

    @property
    def place(self) -> Path:
        """Where it grows."""
        return self.folder / f"{self.name}.part"

    @property
    def _note(self) -> Path:
        return self.folder / f"{self.name}.part.json"

    @property
    def arrived(self) -> bool:
        """Whether the whole file is there under its name."""
        return bool(self.name) and self.target.exists()

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return self.place.stat().st_size if self.name and self.place.is_file() else 0

    @property
    def validator(self) -> str:
        """Tag or date by which the server knows whether its file is still the one that was begun."""
        found = self._noted().get("validator")
        return found if isinstance(found, str) else ""

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, as announced when it was begun."""
        found = self._noted().get("total")
        return found if isinstance(found, int) else None

    def _noted(self) -> dict:
        try:
            note = files.read_json(self._note) if self.name else {}
        except (ValueError, OSError):  # the run ended before it was written down
            return {}
        return note if isinstance(note, dict) else {}

    def begin(self, validator: str, total: int | None) -> None:
        """Forget what came of an earlier state of the file, then note which one this is."""
        self.drop()
        files.write_json(self._note, {"validator": validator, "total": total})

    def drop(self) -> None:
        """Forget what came."""
        self.place.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def make_room(self, total: int | None, *, limit: int) -> None:
        """
        Refuse a file that is larger than allowed, or than the disk.

        Raises
        ------
        Refused
            Where `total` bytes in all are too many.
        """
        if total is None:
            return
        if total > limit:
            self.drop()
            raise Refused(f"{self.name} has {total} bytes or more, the limit is {limit}")
        free = max(0, shutil.disk_usage(self.folder).free - SPARE)
        if total - self.size > free:
            raise Refused(
                f"{self.name} needs {(total - self.size) / 1e9:.1f} GB more, "
                f"but {self.folder} has {free / 1e9:.1f} GB to spare"
            )

    def finish(self, dataset: str, label: str, total: int | None) -> None:
        """
        Check the whole file, give it its name, and record its hash.

        Raises
        ------
        Refused
            If it is not what it has to be; then it is dropped.
        """
        try:
            digest = self._checked(dataset, label, total)
        except Refused:
            self.drop()
            raise
        with files.publish(self.target) as scratch:
            self.place.replace(scratch)
        sums.record(self.folder, {self.name: digest})
        self.drop()

    def _checked(self, dataset: str, label: str, total: int | None) -> str:
        """SHA-256 of the file, on the disk by then."""
        if total is not None and self.size != total:
            raise Refused(f"{label}: {self.size} bytes came, {total} were announced")
        with self.place.open("rb") as file:
            content.check(dataset, label, self.name, head=file.read(content.HEAD))
            os.fsync(file.fileno())
        content.whole(self.place, label, self.name)
        digest = files.sha256(self.place)
        expected = sums.read(self.folder).get(self.name, digest)
        if digest != expected:
            raise Refused(
                f"{label}: {self.name} has SHA-256 {digest}, but had {expected} when first seen. If the "
                f"release was changed on purpose, take its line out of {self.folder / sums.NAME}"
            )
        return digest
