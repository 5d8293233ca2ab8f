"""A place for one case, with files all around it that no case may touch."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Files above and beside the case's folder, four levels up: where `../../x` of hostile input leads.
KEPT = ("keep.txt", "a/keep.txt", "a/b/keep.txt", "a/b/c/keep.txt", "a/b/c/beside/secret.txt")
HERE = "a/b/c/here"


class Ground:
    """
    A scratch tree; the case gets the folder `HERE` in it, everything else is watched.

    Parameters
    ----------
    root : Path
        An empty folder.
    """

    def __init__(self, root: Path):
        self.root, self.here = root, root / HERE
        for name in KEPT:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("kept")
        self.here.mkdir()
        self._before = self._state()

    def trespasses(self) -> list[str]:
        """Paths outside the case's folder that came, went or changed."""
        after = self._state()
        return sorted(path for path in {*self._before, *after} if self._before.get(path) != after.get(path))

    def _state(self) -> dict[str, tuple]:
        """Type, rights and content of everything outside the case's folder."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            if Path(folder).parent == self.here.parent and Path(folder).name == self.here.name:
                folders.clear()
                continue
            found[folder] = (stat.S_IMODE(os.lstat(folder).st_mode),)
            for name in (*names, *(name for name in folders if (Path(folder) / name).is_symlink())):
                found[f"{folder}/{name}"] = _file(Path(folder) / name)
        return found


def _file(path: Path) -> tuple:
    facts = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(facts.st_mode) else ""
    return facts.st_mode, facts.st_size, facts.st_nlink, content


@contextmanager
def ground() -> Iterator[Ground]:
    """Lay out a fresh ground, and take it away with all that a case left there."""
    root = Path(tempfile.mkdtemp(prefix="campaign-"))
    try:
        yield Ground(root)
    finally:
        shutil.rmtree(root, onerror=_unlocked)


def _unlocked(remove, path: str, error) -> None:
    """Remove what a case had made unreadable."""
    Path(path).parent.chmod(0o700)
    if Path(path).is_dir() and not Path(path).is_symlink():
        Path(path).chmod(0o700)
        shutil.rmtree(path)
    else:
        Path(path).unlink()
