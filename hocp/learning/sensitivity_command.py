"""``python -m hocp sensitivity``: scores of image networks on test faces that were cut in other ways."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from hocp.contracts import files, record
from hocp.learning import parallel, start
from hocp.learning.sensitivity import rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--runs", required=True, nargs="+", type=Path, metavar="DIR", help="trained runs")
    parser.add_argument(
        "--data", required=True, nargs="+", type=Path, metavar="DIR", help="prepared data set of each run"
    )
    parser.add_argument(
        "--variants", required=True, nargs="+", type=Path, metavar="DIR",
        help="crops of each, from `data_prep recrop`",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="table to write")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default 1)")


def run(args: argparse.Namespace) -> None:
    """Score the runs; columns are `hocp.contracts.record.SENSITIVITY`."""
    if not len(args.runs) == len(args.data) == len(args.variants):
        raise ValueError(
            f"{len(args.runs)} --runs, {len(args.data)} --data and {len(args.variants)} --variants; expected "
            "as many of each, in the same order"
        )
    torch.set_num_threads(args.threads)
    files.write_csv(args.out, record.SENSITIVITY, _all(args))


def _all(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    device = parallel.start(args.device).device
    for folder, data, store in zip(args.runs, args.data, args.variants, strict=True):
        network, facts = start.load(folder)
        yield from rows(network.to(device), facts, data=data, store=store, device=device)
