"""The split as a list that can be published and used again: ``split.csv``, one row a clip or single image.

Columns: ``unit``, the clip, or the item where there are no clips; ``group``, a hash of the subject, session
or picture that must not be on two sides; ``part``. Names of people are hashed so that the list holds no more
of the release than names of files, and may be passed on.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.record import Face, Plan, Scale
from data_prep.splits_balance import balance
from hocp.contracts import files, manifest

NAME = "split.csv"
FOLD_PARTS = tuple(part for part in manifest.SPLITS if part.startswith("fold"))
RATIO_PARTS = tuple(part for part in manifest.SPLITS if part not in FOLD_PARTS)


def unit(face: Face) -> str:
    """What a list names: the clip, or the image."""
    return face.clip or face.item


def group(face: Face) -> str | bytes:
    """What must be on one side: subject or session, else the content of the picture."""
    return face.group or face.content or face.item


def code(name: str | bytes) -> str:
    """Group as the list has it: 16 hexadecimal digits."""
    text = name.hex() if isinstance(name, bytes) else name
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def publish(folder: Path, faces: Sequence[Face], plan: Plan, *, scale: Scale) -> dict[str, Any]:
    """
    Write ``split.csv``; returns what ``manifest.json`` says of the split.

    Parameters
    ----------
    folder : path
        Where the manifest goes.
    faces : sequence of Face
        The usable ones.
    plan : Plan
    scale : Scale
        To signed labels, of which the balance is measured.
    """
    shown = {unit(face): face for face in faces}
    listed = (
        {"unit": name, "group": code(group(shown[name])), "part": plan.split[shown[name].item]}
        for name in sorted(shown)
    )
    files.write_csv(folder / NAME, manifest.SPLIT_COLUMNS, listed)
    measured = balance(faces, plan.split, scale=scale)
    return {**plan.rule, "sha256": files.sha256(folder / NAME), "balance": measured}


def given(faces: Sequence[Face], path: str | Path) -> Plan:
    """
    Split as a given list has it; whether groups leak is for the caller to check.

    Parameters
    ----------
    faces : sequence of Face
        The usable ones.
    path : path
        A ``split.csv``; cells of ``group`` may be empty.

    Raises
    ------
    ValueError
        If the list names units that the release has not or lacks some that it has, if a unit shows another
        group than the list says, if the parts are no split, or if an official test image is not for testing.
    """
    rows = _read(path)
    here = {unit(face): face for face in faces}
    _compare(path, rows.keys() - here.keys(), "that no usable clip or image here has")
    _compare(path, here.keys() - rows.keys(), "missing, which are usable here")
    others = {name for name, row in rows.items() if row["group"] not in ("", code(group(here[name])))}
    _compare(path, others, "with another subject, session or picture here than in the list")
    moved = {unit(face) for face in faces if face.part == "test" and rows[unit(face)]["part"] != "test"}
    _compare(path, moved, "of the official test part that the list does not test")
    split = {face.item: rows[unit(face)]["part"] for face in faces}
    rule = {"rule": f"list given as {Path(path).name}", "seed": None, "given_sha256": files.sha256(path)}
    return Plan(split, rule)


def _compare(path: str | Path, names: Iterable[str], what: str) -> None:
    names = sorted(names)
    if names:
        some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise ValueError(
            f"{path}: {len(names)} units {what}: {some}; expected a list made from this release with these "
            "options, or edit the list"
        )


def _read(path: str | Path) -> Mapping[str, Mapping[str, str]]:
    """Rows of a list by unit."""
    rows: dict[str, Mapping[str, str]] = {}
    for line, row in enumerate(files.read_csv(path, manifest.SPLIT_COLUMNS), start=2):
        if row["part"] not in manifest.SPLITS:
            raise ValueError(
                f"{path}, line {line}: part is {row['part']!r}, expected one of {', '.join(manifest.SPLITS)}"
            )
        if row["unit"] in rows:
            raise ValueError(f"{path}, line {line}: unit {row['unit']!r} stands in the list already")
        rows[row["unit"]] = row
    parts = {row["part"] for row in rows.values()}
    if parts != set(FOLD_PARTS) and not {"train", "test"} <= parts <= set(RATIO_PARTS):
        found = ", ".join(sorted(parts)) or "nothing"
        raise ValueError(
            f"{path}: parts are {found}; expected train and test, perhaps val, or all of "
            f"{', '.join(FOLD_PARTS)}"
        )
    return rows
