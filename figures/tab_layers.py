"""Time of single layers, dense and factorized, as medians with their spread.

``python -m figures.tab_layers --layers layers.json --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import tables
from figures.labels import label, ordered
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
    tables.write(
        args.out, COLUMNS, rows, blocks=[wide(rows, machine(args.layers))], inputs=tables.inputs_of(args)
    )


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
    """Processor, threads and torch version that the benchmarks say they ran with."""
    kinds = {
        (info.get("threads", "?"), info.get("processor", "an unknown processor"), info.get("torch", "?"))
        for info in (benchmark["extra_info"] for benchmark in files.read_json(path)["benchmarks"])
    }
    return "; ".join(
        f"{n} thread{'' if n == 1 else 's'} of {cpu}, torch {torch}" for n, cpu, torch in sorted(kinds)
    )


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
    """A heading for each layer, a line for each kind, a group of columns for each call."""
    calls = list(dict.fromkeys(row["call"] for row in rows))
    columns = [Column(name="Layer"), Column(name="MACs, M", align="r")]
    for call in calls:
        names = ("median, ms", "quartiles apart, ms", "against dense", "against TensorLy-Torch")
        columns += [Column(name=name, group=call.capitalize(), align="r") for name in names]
    found = {(row["layer"], row["kind"], row["call"]): row for row in rows}
    body: list[list[str]] = []
    for layer in dict.fromkeys(row["layer"] for row in rows):
        body.append([layer])
        for kind in ordered("layers", (row["kind"] for row in rows if row["layer"] == layer)):
            body.append(_line(kind, [found.get((layer, kind, call), {}) for call in calls]))
    note = (
        f"Timed with {machine}. Against another layer: how many times quicker; below 1 it is slower. Empty "
        "cells: not timed. MACs of one forward call by formula; forms that rebuild the kernel do other work. "
        "The CP layers hold the same numbers, the pruned one half of them, the Tucker layer as many as a "
        "whole one."
    )
    return Block(title="Time of single layers", columns=columns, rows=body, notes=[note])


def _line(kind: str, of_calls: Sequence[Mapping[str, str]]) -> list[str]:
    macs = next((row["macs"] for row in of_calls if row.get("macs")), "")
    cells = [label("layers", kind).name, f"{int(macs) / 1e6:.1f}" if macs else ""]
    for row in of_calls:
        cells += [row.get(column, "") for column in ("median_ms", "iqr_ms", *REFERENCES)]
    return cells


if __name__ == "__main__":
    main()
