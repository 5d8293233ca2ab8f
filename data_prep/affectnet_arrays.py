"""Arrays of AffectNet 2021: one number each, stored as a number or as text, or the landmarks of a face."""

import io
import math

import numpy as np

from data_prep.labels import number
from data_prep.record import Quarantine
from data_prep.tree import Tree

BYTES = 1 << 20


def scalar(tree: Tree, path: str, what: str) -> float:
    """
    Read a file that holds one number.

    Raises
    ------
    Quarantine
        ``label_null`` or ``label_nan``.
    """
    values = array(tree, path, what)
    if values.size != 1:
        raise Quarantine("label_nan", f"{what}: {values.size} values, expected one")
    return number(values.item(), what)


def points(tree: Tree, path: str) -> np.ndarray:
    """
    Read landmarks, stored as x1, y1, x2 and so on.

    Returns
    -------
    array, shape (points, 2)

    Raises
    ------
    Quarantine
        ``lnd_missing`` or ``lnd_count``.
    """
    try:
        values = np.array([float(value) for value in array(tree, path, "landmarks").ravel()])
    except (Quarantine, TypeError, ValueError):
        raise Quarantine("lnd_missing", f"{path}: no landmarks") from None
    if len(values) % 2:
        raise Quarantine("lnd_count", f"{len(values)} numbers are no pairs of coordinates")
    return values.reshape(-1, 2)


def array(tree: Tree, path: str, what: str) -> np.ndarray:
    """
    Read an array, after a look at whether its header promises what the file holds.

    Raises
    ------
    Quarantine
        ``label_null`` if there is no such file, ``label_nan`` if it is no array of numbers or text.
    """
    try:
        file = io.BytesIO(tree.read(path, limit=BYTES))
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = readers[version](file)
        if math.prod(shape) * dtype.itemsize > BYTES:
            raise ValueError(f"header promises {shape} values")
        file.seek(0)
        return np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise Quarantine("label_null", f"no {what}: {path} is missing") from None
    except Exception as error:  # the parser of headers meets hostile bytes with every kind of exception
        raise Quarantine("label_nan", f"{path}: no array of numbers: {error}") from None
