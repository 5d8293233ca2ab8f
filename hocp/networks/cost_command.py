"""``python -m hocp cost``: parameters, multiply-adds and bytes of a network, or all analytic tables."""

from __future__ import annotations

import argparse
import json
from typing import Any

from hocp.contracts import files, record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("network", nargs="?", metavar="NETWORK", help="a name of `python -m hocp networks`")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--input", metavar="SHAPE", help="3xHxW for images, 3xTxHxW for clips")
    parser.add_argument("--outputs", type=int, metavar="N", help="default: 2, for CIFAR networks 10")
    parser.add_argument("--width", type=float, default=1.0, metavar="W", help="factor on all channels")
    parser.add_argument("--tables", action="store_true", help="all analytic tables of the suite, as CSV")
    parser.add_argument("--out", metavar="CSV", help="file to write with --tables")


def run(args: argparse.Namespace) -> None:
    """Print the cost of one network, or write the tables.

    Raises
    ------
    ValueError
        If the network or an option is wrong, or options are given that do not go together.
    """
    if args.tables != bool(args.out) or args.tables == bool(args.network):
        raise ValueError("give NETWORK (`python -m hocp networks` lists them), or --tables and --out CSV")
    if args.tables:
        _write_tables(args.out)
        return
    report = _report(args)
    print(json.dumps(report, indent=2) if args.json else _table(report))


def _write_tables(path: str) -> None:
    from hocp.networks.cost_tables import rows

    found = list(rows())
    files.write_csv(path, record.COST, found)
    print(f"{path}: {len(found)} rows")


def _report(args: argparse.Namespace) -> dict[str, Any]:
    """One network's cost as a JSON value."""
    from hocp.networks.profile import parse_shape, profile
    from hocp.networks.registry import entry

    order = entry(args.network).order
    size = None if args.input is None else parse_shape(args.input, order=order)
    counted = profile(args.network, outputs=args.outputs, width=args.width, input_size=size)
    return {
        "network": counted.name,
        "order": order,
        "outputs": counted.outputs,
        "width": args.width,
        "input": list(counted.input_size),
        "parameters": counted.cost.parameters,
        "macs": counted.cost.macs,
        "bytes": counted.bytes,
        "parameter_bytes": counted.parameter_bytes,
        "activation_bytes": counted.cost.activation_bytes,
        "layers": [
            {
                "layer": layer.layer,
                "kind": layer.kind,
                "output": list(layer.output_shape),
                "parameters": layer.parameters,
                "macs": layer.macs,
            }
            for layer in counted.cost.layers
        ],
    }


def _table(report: dict[str, Any]) -> str:
    """The layers with a cost, then the norms, which have parameters only, then the sums."""
    from hocp.networks.text import columns, quantity

    size = " x ".join(map(str, report["input"]))
    rows = [
        [layer["layer"], layer["kind"], " x ".join(map(str, layer["output"])),
         f"{layer['parameters']:,}", f"{layer['macs']:,}"]
        for layer in report["layers"]
    ]  # fmt: skip
    norms = report["parameters"] - sum(layer["parameters"] for layer in report["layers"])
    rows += [["norms", "", "", f"{norms:,}", "not counted"], None,
             ["total", "", "", f"{report['parameters']:,}", f"{report['macs']:,}"]]  # fmt: skip
    head = ["layer", "kind", "output", "parameters", "MACs"]
    return "\n".join(
        [
            f"{report['network']}: width {report['width']:g}, {report['outputs']} outputs, input {size}",
            "",
            columns(head, rows, align="lllrr"),
            "",
            f"MACs: multiply-adds of one forward pass of one input ({quantity(report['macs'])}).",
            f"Bytes in float32: {quantity(report['parameter_bytes'])}B of parameters, "
            f"{quantity(report['activation_bytes'])}B of layer outputs.",
        ]
    )
