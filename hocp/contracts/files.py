"""Files that appear whole or not at all, and the hashes by which they are known."""

import csv
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from numbers import Real
from pathlib import Path
from typing import Any

NAME = 255  # bytes that a file system allows for a name


@contextmanager
def publish(target: str | Path) -> Iterator[Path]:
    """Yield a scratch path beside `target`; when the block ends well, it becomes `target` in one step.

    The scratch path does not exist yet: write a file or make a folder there. If the block raises, the
    scratch is removed and an older `target` stays as it was. An older folder at `target` is replaced.

    Parameters
    ----------
    target : path
        File or folder to appear; its parent is created.

    Raises
    ------
    ValueError
        If its name leaves no room for that of the scratch path.
    """
    target = Path(target)
    # The suffix stays last: several writers (NumPy, matplotlib) append or choose a format by it.
    scratch = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    check_name(scratch, of=target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    try:
        yield scratch
        _flush(scratch)
        if target.is_dir():
            _exchange(target, scratch)
        else:
            scratch.replace(target)
        _flush_entries(target.parent)
    finally:
        remove(scratch)


def check_name(path: Path, *, of: Path) -> None:
    """
    Check that a file system takes the name of a file that stands beside another one.

    Raises
    ------
    ValueError
        If it is too long; says so of the name that a person chose.
    """
    if (length := len(os.fsencode(path.name))) > NAME:
        raise ValueError(f"{of.name}: a name {length - NAME} bytes too long; choose a shorter one")


def _exchange(target: Path, scratch: Path) -> None:
    """Put `scratch` in the place of a folder: one that has content cannot be renamed over."""
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    remove(old)
    target.replace(old)
    try:
        scratch.replace(target)
    except BaseException:
        old.replace(target)
        raise
    remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Remove what processes that were killed while they made `target` have left."""
    for left in target.parent.glob(f".{escape(target.stem)}.*"):
        name = re.escape(f".{target.stem}.") + r"(\d+)\.partial" + re.escape(target.suffix)
        match = re.fullmatch(name, left.name)
        if match and not _alive(int(match[1])):
            remove(left)


def _alive(process: int) -> bool:
    """Whether another process of this number runs; this one's own scratch is never in use yet."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _flush(path: Path) -> None:
    """Bring a file, or a folder with all it holds, to the disk before it is named."""
    if path.is_dir() and any(path.iterdir()):
        os.sync()  # once for all: thousands of single calls take many seconds
    else:
        _flush_entries(path)


def _flush_entries(path: Path) -> None:
    """Bring a file's content, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: str | Path) -> str:
    """Hash of a file's content, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(value: Any) -> str:
    """Hash of a JSON value, independent of key order and spacing; its text, perhaps long, is never whole."""
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
    digest = hashlib.sha256()
    for part in encoder.iterencode(value):
        digest.update(part.encode())
    return digest.hexdigest()


def write_json(path: str | Path, value: Any) -> None:
    """Publish `value` as indented JSON; NaN and infinities are refused, since JSON has none."""
    with publish(path) as scratch:
        scratch.write_text(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ValueError
        If the file is not JSON; names the file, line and column.
    """
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{path}: not JSON at {place}: {error.msg}") from None


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Publish rows as CSV with exactly these columns; a key that is None or absent becomes an empty cell.

    Raises
    ------
    ValueError
        If a row has a key that is no column, or a number is not finite: what is missing is an empty cell.
    """
    with publish(path) as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        for number, row in enumerate(rows, start=1):
            for column, value in row.items():
                if not isinstance(value, str) and isinstance(value, Real) and not math.isfinite(value):
                    raise ValueError(f"{path}, row {number}: {column} is {value}, expected a number or None")
            writer.writerow(row)


def read_csv(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV written by `write_csv`; every cell is text. Raises as `csv_rows` does."""
    return list(csv_rows(path, columns))


def csv_rows(path: str | Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Read a CSV row by row, where a list of all rows would be large.

    Raises
    ------
    ValueError
        If the columns are not exactly `columns`, in this order, or a row is short or long.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(columns):
            raise ValueError(f"{path}: columns are {reader.fieldnames}, expected {list(columns)}")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"{path}, line {reader.line_num}: expected {len(columns)} fields, got {row}")
            yield row
