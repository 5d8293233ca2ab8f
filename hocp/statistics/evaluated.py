"""An evaluated run as its folder holds it, verified."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hocp.contracts import files, record

Predictions = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Evaluated:
    """An evaluated run: its record and its predictions, verified to belong together."""

    record: Mapping[str, Any]
    predictions: Predictions

    @classmethod
    def read(cls, folder: str | Path) -> "Evaluated":
        """Read a run's folder.

        Raises
        ------
        FileNotFoundError
            If the run is not evaluated.
        ValueError
            If a file is not the one that the record describes, or the record does not fit its schema.
        """
        folder = Path(folder)
        if not (folder / "record.json").exists():
            raise FileNotFoundError(f"{folder / 'record.json'} is not there: the run is not evaluated")
        known = files.read_json(folder / "record.json")
        record.check(known, str(folder / "record.json"))
        _verify(folder / "predictions.npz", known["predictions_sha256"])
        _verify(folder / "model.safetensors", known["model_sha256"])
        if files.sha256_of(known["spec"]) != known["spec_sha256"]:
            raise ValueError(f"{folder}/record.json: the specification is not the one that was hashed")
        return cls(known, record.read_predictions(folder / "predictions.npz"))


def _verify(path: Path, expected: str) -> None:
    found = files.sha256(path)
    if found != expected:
        raise ValueError(f"{path} has SHA-256 {found}, record.json beside it says {expected}; evaluate anew")
