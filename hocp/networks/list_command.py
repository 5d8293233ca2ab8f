"""``python -m hocp networks``: what there is to build, and what it costs."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--width", type=float, default=1.0, metavar="W", help="factor on all channels")


def run(args: argparse.Namespace) -> None:
    """Print the table.

    Raises
    ------
    ValueError
        If the width is out of range.
    """
    from hocp.networks.profile import profile
    from hocp.networks.registry import REGISTRY
    from hocp.networks.text import columns, quantity

    rows = []
    for name, entry in REGISTRY.items():
        counted = profile(name, width=args.width)
        size = " x ".join(map(str, counted.input_size))
        costs = [f"{counted.cost.parameters:,}", quantity(counted.cost.macs)]
        rows.append([name, str(entry.order), *costs, size, str(counted.outputs), entry.ranks or "-"])
    head = ["network", "order", "parameters", "MACs", "at input", "outputs", "rank of a layer"]
    print(columns(head, rows, align="lrrrlrl"))
    print()
    print("Order 2 takes images, order 3 clips, with one prediction a frame.")
    print("MACs are multiply-adds of one forward pass of one input.")
    print("More about one of them: python -m hocp cost NETWORK")
