"""Time of single layers, dense and factorized, as medians with their spread.

``python -m figures.tab_layers --layers layers.json --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import tables
from figures.tables import Block, Column
from hocp.contracts import files

COLUMNS = (
    "layer", "call", "kind", "median_ms", "iqr_ms", "rounds", "macs", "ratio_to_dense", "ratio_to_tltorch",
)  # fmt: skip
#: Kinds that the others are compared with.
REFERENCES = {"ratio_to_dense": "dense", "ratio_to_tltorch": "tltorch"}

Key = tuple[str, str, str]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--layers", required=True, metavar="JSON", help="report of pytest-benchmark")
    args = parser.parse_args(argv)
    rows = list(compare(read(args.layers)))
    tables.write(args.out, COLUMNS, rows, blocks=[wide(rows, machine(args.layers))])


def read(path: str | Path) -> dict[Key, Mapping[str, Any]]:
    """Benchmarks by layer, call and kind, which stand in the `extra_info` of each.

    Raises
    ------
    ValueError
        If there is no benchmark, one lacks a key, or two are of the same thing.
    """
    found: dict[Key, Mapping[str, Any]] = {}
    for benchmark in files.read_json(path).get("benchmarks", []):
        info = benchmark["extra_info"]
        missing = [key for key in ("layer", "call", "kind") if key not in info]
        if missing:
            absent = f"extra_info has no {', '.join(missing)}; it has {sorted(info)}"
            raise ValueError(f"{path}: {benchmark['name']}: {absent}")
        key = (info["layer"], info["call"], info["kind"])
        if key in found:
            raise ValueError(f"{path}: {', '.join(key)} stands twice, expected one benchmark each")
        found[key] = benchmark
    if not found:
        raise ValueError(f"{path}: no benchmark in it; make it with the `bench` target")
    return found


def machine(path: str | Path) -> str:
    """Processor and Python that the benchmark says it ran on."""
    info = files.read_json(path).get("machine_info", {})
    processor = info.get("cpu", {}).get("brand_raw") or info.get("machine") or "unknown processor"
    return f"{processor}, Python {info.get('python_version', 'unknown')}"


def compare(found: Mapping[Key, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Long form: medians in milliseconds, and how many times quicker than each reference."""
    for (layer, call, kind), benchmark in found.items():
        stats = benchmark["stats"]
        row = {
            "layer": layer, "call": call, "kind": kind,
            "median_ms": tables.number(1e3 * stats["median"]), "iqr_ms": tables.number(1e3 * stats["iqr"]),
            "rounds": str(stats["rounds"]), "macs": str(benchmark["extra_info"].get("macs", "")),
        }  # fmt: skip
        for column, reference in REFERENCES.items():
            other = found.get((layer, call, reference))
            row[column] = "" if other is None else f"{other['stats']['median'] / stats['median']:.2f}"
        yield row


def wide(rows: Sequence[Mapping[str, str]], machine: str) -> Block:
    """A heading for each layer, a line for each kind; calls side by side would hide the ratios."""
    columns = [
        Column(name="Call"),
        Column(name="Layer"),
        Column(name="MACs, M", align="r"),
        Column(name="median, ms", align="r"),
        Column(name="quartiles apart, ms", align="r"),
        Column(name="times dense", align="r"),
        Column(name="times TensorLy-Torch", align="r"),
    ]
    body: list[list[str]] = []
    for layer in dict.fromkeys(row["layer"] for row in rows):
        body.append([layer])
        for row in (row for row in rows if row["layer"] == layer):
            body.append([
                row["call"], row["kind"], f"{int(row['macs']) / 1e6:.1f}" if row["macs"] else "",
                row["median_ms"], row["iqr_ms"], row["ratio_to_dense"], row["ratio_to_tltorch"],
            ])  # fmt: skip
    notes = [
        f"One thread of {machine}. The last two columns say how many times quicker a layer is than the dense "
        "one and than TensorLy-Torch's; below 1 it is slower. Empty: that one was not timed."
    ]
    return Block(title="Time of single layers", columns=columns, rows=body, notes=notes)


if __name__ == "__main__":
    main()
