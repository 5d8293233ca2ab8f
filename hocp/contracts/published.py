"""The numbers that the paper reports: read once, checked, each with its confidence.

The file is `results/published/paper.yaml`; `workflow/schemas/published.schema.yaml` describes its keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "results" / "published" / "paper.yaml"
SCHEMA = ROOT / "workflow" / "schemas" / "published.schema.yaml"

#: Tables of methods measured in valence and arousal, and tables of sizes and the like.
EMOTION = ("affectnet", "sewa", "afew_va")
FLAT = ("sizes", "cifar", "jester")
DIMENSIONS = ("valence", "arousal")
METRICS = ("rmse", "sagr", "pcc", "ccc")
_FLAT_METRICS = ("parameters_millions", "accuracy_percent", "top1_percent", "top5_percent")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of one table of the paper.

    Attributes
    ----------
    table : str
        Key of the file: "affectnet", "sewa", "afew_va", "sizes", "cifar" or "jester".
    method : str
        Machine name of the method or network.
    name : str
        Display name of a baseline that this suite does not train, else empty.
    setting : str
        "static" or "temporal"; empty outside the emotion tables.
    dimension : str
        "valence" or "arousal"; empty outside the emotion tables.
    metric : str
        One of METRICS, or "parameters_millions", "accuracy_percent", "top1_percent", "top5_percent".
    value : float or None
        None where the paper gives no number.
    confidence : str
        A key of `Published.levels`.
    sources : tuple of str
        Keys of `Published.sources`.
    note : str
        What a reader should know of this number.
    decimals : int
        Digits after the point that the paper prints at least.
    """

    table: str
    method: str
    name: str = ""
    setting: str = ""
    dimension: str = ""
    metric: str
    value: float | None
    confidence: str
    sources: tuple[str, ...]
    note: str = ""
    decimals: int = 2

    @property
    def printed(self) -> str:
        """The number with the digits that the paper prints; empty where it gives none."""
        return "" if self.value is None else printed(self.value, self.decimals)


@dataclass(frozen=True, kw_only=True)
class Count:
    """Parameters that a network must have; `tolerance` is a share of them, 0 meaning to the last unit."""

    network: str
    outputs: int
    parameters: int
    tolerance: float
    sources: tuple[str, ...]

    def admits(self, parameters: int) -> bool:
        """Whether this number of parameters is the expected one."""
        return abs(parameters - self.parameters) <= self.tolerance * self.parameters


class Published:
    """The checked file; `document` is all of it, as plain dictionaries and lists."""

    def __init__(self, document: Mapping[str, Any], *, place: str | Path):
        self.document = document
        self.place = place
        self.levels: Mapping[str, str] = document["confidence_levels"]
        self.sources: Mapping[str, str] = document["sources"]

    def cells(self, table: str) -> list[Cell]:
        """All numbers of one table, row by row, absent ones included.

        Raises
        ------
        ValueError
            If there is no such table.
        """
        if table not in EMOTION + FLAT:
            raise ValueError(f"{self.place}: no table {table!r}, expected one of {', '.join(EMOTION + FLAT)}")
        return [cell for row in self.document[table]["rows"] for cell in self._row(table, row)]

    def _row(self, table: str, row: Mapping[str, Any]) -> Iterator[Cell]:
        """Cells of one row: its own confidence and note, unless `cells` says otherwise for one of them."""
        for path, value in _numbers(table, row):
            dimension, _, metric = path.rpartition(".")
            special = row.get("cells", {}).get(path, {})
            yield Cell(
                table=table,
                method=row.get("method") or row["network"],
                name=row.get("name", ""),
                setting=row.get("setting", ""),
                dimension=dimension,
                metric=metric,
                value=value,
                confidence=special.get("confidence", row["confidence"]),
                sources=tuple(row["sources"]),
                note=special.get("note", row.get("note", "")),
                decimals=self.document[table]["decimals"][metric],
            )

    def counts(self) -> list[Count]:
        """Parameters that our networks must have."""
        rows = self.document["reference_counts"]["rows"]
        return [Count(**{**row, "sources": tuple(row["sources"])}) for row in rows]

    def count(self, network: str, outputs: int) -> Count:
        """Parameters that one network with so many outputs must have.

        Raises
        ------
        ValueError
            If the file does not say; lists what it says.
        """
        for count in self.counts():
            if (count.network, count.outputs) == (network, outputs):
                return count
        known = ", ".join(f"{c.network}/{c.outputs}" for c in self.counts())
        raise ValueError(
            f"{self.place}: reference_counts has no {network} with {outputs} outputs; it has {known}"
        )

    def bars(self) -> dict[tuple[int, int, str], float]:
        """Bars of the FLOP figure in GFLOPs as plotted, by input channels, output channels and kind.

        Kinds are "dense", "hocp3" and "hocp6" (HO-CPConv of rank 3 C and 6 C).
        """
        rows = self.document["flop_figure"]["rows"]
        return {
            (row["c_in"], row["c_out"], kind): row[kind]
            for row in rows
            for kind in ("dense", "hocp3", "hocp6")
        }


def printed(value: float, decimals: int) -> str:
    """A number with at least `decimals` digits after the point, and more where it has more."""
    own = len(repr(float(value)).partition(".")[2]) if value != int(value) else 0
    return f"{value:.{max(decimals, own)}f}"


def read_yaml(path: str | Path, schema: str | Path) -> Any:
    """Read a YAML file of which a closed schema says what may stand in it.

    Raises
    ------
    ValueError
        If it is not YAML, a key stands twice, or it breaks the schema; names file, key and value.
    """
    try:
        document = yaml.load(Path(path).read_text("utf-8"), _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {error}") from None
    described = yaml.load(Path(schema).read_text("utf-8"), _Loader)
    found = jsonschema.Draft202012Validator(described).iter_errors(document)
    for error in sorted(found, key=lambda error: error.json_path):
        raise ValueError(f"{path}: {error.json_path.lstrip('$.') or 'the file'}: {error.message}")
    return document


def load(path: str | Path | None = None) -> Published:
    """Read and check the published numbers.

    Parameters
    ----------
    path : path, optional
        Another file than `results/published/paper.yaml`.

    Raises
    ------
    ValueError
        If the file breaks its schema or contradicts itself; names file, key and value.
    """
    path = PAPER if path is None else Path(path)
    document = read_yaml(path, SCHEMA)
    _check(document, path)
    return Published(document, place=path)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML in which a key that stands twice is an error; PyYAML would keep the last without a word.

    The parser in C, where PyYAML has it, is ten times quicker.
    """

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                mark = node.value[index][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", mark)
        return super().construct_mapping(node, deep)


def _check(document: Mapping[str, Any], path: Path) -> None:
    """What the schema cannot say: sources exist, overrides name cells with a number, no row stands twice."""
    for table, row, where in _rows(document, path):
        for source in row.get("sources", ()):
            if source not in document["sources"]:
                known = ", ".join(document["sources"])
                raise ValueError(f"{where}.sources: {source!r} is not under `sources`, which has {known}")
        numbers = dict(_numbers(table, row))
        for cell in numbers:
            if cell.rpartition(".")[2] not in document[table]["decimals"]:
                raise ValueError(f"{path}: {table}.decimals: no entry for {cell!r} of {where}")
        for cell in row.get("cells", {}):
            if numbers.get(cell) is None:
                raise ValueError(f"{where}.cells: {cell!r} names no number of this row")
    for table in EMOTION:
        _unique(table, document[table]["rows"], ("setting", "method"), path)
    _unique("reference_counts", document["reference_counts"]["rows"], ("network", "outputs"), path)
    _unique("flop_figure", document["flop_figure"]["rows"], ("c_in", "c_out"), path)


def _rows(document: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Everything that has sources: sections and rows, each with its table and its place in the file."""
    for table, section in document.items():
        if isinstance(section, Mapping) and table != "sources":
            yield table, section, f"{path}: {table}"
            for index, row in enumerate(section.get("rows", ())):
                yield table, row, f"{path}: {table}.rows[{index}]"


def _numbers(table: str, row: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Cells of one row by their path in it, "valence.pcc" or "parameters_millions"."""
    if table in EMOTION and "method" in row:
        yield from ((f"{d}.{m}", row[d][m]) for d in DIMENSIONS for m in METRICS)
    elif table in FLAT:
        yield from ((metric, row[metric]) for metric in _FLAT_METRICS if metric in row)


def _unique(table: str, rows: list[Mapping[str, Any]], keys: tuple[str, ...], path: Path) -> None:
    seen = set()
    for index, row in enumerate(rows):
        key = tuple(row[k] for k in keys)
        if key in seen:
            raise ValueError(f"{path}: {table}.rows[{index}]: {key} stands twice, expected one row each")
        seen.add(key)
