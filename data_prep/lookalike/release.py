"""A release as a whole: its folder appears complete or not at all, with a statement of what it is."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import av
import numpy as np
import PIL

from hocp.contracts.files import publish, write_json

STATEMENT = "lookalike.json"
VERSION = 1  # raise it when the same seed gives other files
Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def new_release(out: Path) -> Iterator[Path]:
    """
    Yield a scratch folder that becomes `out` when the block ends well.

    Raises
    ------
    ValueError
        If `out` holds something that this generator did not write: it might be a licensed release.
    """
    if out.exists() and not (out / STATEMENT).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(
            f"{out} exists and holds no {STATEMENT}, so it was not made by this generator and is left alone: "
            f"name another folder with --out"
        )
    with publish(out) as scratch:
        scratch.mkdir()
        yield scratch


def write_statement(folder: Path, dataset: str, **facts: Any) -> None:
    """Write `lookalike.json`: what was generated, from which seed, with which versions."""
    statement = {
        "data": "generated data",
        "note": "No licensed material: rendered faces in the official layout, for tests and the demo.",
        "dataset": dataset,
        "generator_version": VERSION,
        **facts,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "av": av.__version__,
        },
    }
    write_json(folder / STATEMENT, statement)


def spread(function: Callable[[Task], Result], tasks: Iterable[Task], processes: int) -> list[Result]:
    """Call `function` on every task, in `processes` processes; results come in the order of the tasks."""
    tasks = list(tasks)
    if processes < 1:
        raise ValueError(f"--processes is {processes}, expected at least 1")
    if processes == 1 or len(tasks) < 2:
        return [function(task) for task in tasks]
    with ProcessPoolExecutor(min(processes, len(tasks), (os.cpu_count() or 1) * 4)) as pool:
        return list(pool.map(function, tasks, chunksize=max(1, len(tasks) // (8 * processes))))


def write_zip(path: Path, members: Iterable[tuple[str, bytes]], *, level: int = 1) -> None:
    """Write a zip whose bytes depend on names and contents only (no clock, no umask)."""
    with ZipFile(path, "w") as archive:
        for name, content in members:
            entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=level)
