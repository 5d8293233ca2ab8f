"""Prices of forms on a GPU, fitted to a benchmark of it: what `hocp.conv` ships for GPUs not calibrated.

``python -m tests.bench.gpu_prices results/reference/speed.<gpu>/speed.csv MODEL.json``; the file shipped is
``hocp/conv/choice/defaults_gpu.json``.

Of 16 bits, of float32, and of float32 with TF32. What was timed on few layers only has no prices, but that
those of TF32 are then taken from 16 bits: the same kernels on the same cores, which multiply at the ratio of
the two measured peaks. All layers of a benchmark have the same multiply-adds, so the price of a launch cannot
be told from it: it is set to about what one kernel waits for the one before it.
"""

import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from figures import speed
from hocp.contracts import files
from hocp.conv import Geometry
from hocp.conv.choice.model import Model, Prices, Purchase, fit, purchase
from hocp.conv.forms import FORMS, Call, Operations

LAUNCH = 3e-6  # seconds
FORMS_TIMED = ("dense", "chain", "merged", "views", "triton")
#: Dtype of rows -> that of their calls, and whether convolutions and products may be rounded to TF32.
DTYPES = {
    "bfloat16": (torch.bfloat16, (False, False)),
    "float32": (torch.float32, (False, False)),
    "float32 (TF32)": (torch.float32, (True, True)),
}
LEAST = 4  # layers timed, of which prices are fitted


def main(argv: list[str] | None = None) -> int:
    """Read the benchmark, write the model."""
    source, target = map(Path, sys.argv[1:] if argv is None else argv)
    limits = files.read_json(source.with_suffix(".json"))["limits"]
    slower = limits["bf16_gflops"] / limits["tf32_gflops"]
    files.write_json(target, model(speed.read(source), slower=slower).fields())
    return 0


def model(rows: pd.DataFrame, *, slower: float) -> Model:
    """Prices of all forms timed; of dense convolutions in the layout that is their fastest.

    ``slower`` is by how much products are with TF32 than in bfloat16.
    """
    rows = speed.where(rows, suite="layers", dtype=list(DTYPES)).dropna(subset=["median_ms"])
    fastest = rows.groupby(["subject", "call", "dtype", "rank_of", "peer"])["median_ms"].transform("min")
    rows = rows[(rows["peer"] != "dense") | (rows["median_ms"] == fastest)]
    samples: dict[Purchase, list[tuple[Operations, float]]] = defaultdict(list)
    for row in rows.to_dict("records"):
        form = row["peer"].removeprefix("hocp ")
        if form in FORMS_TIMED:
            call = call_of(row)
            samples[purchase(form, call)].append((FORMS[form].work(call), row["median_ms"] / 1e3))
    machine = f"{rows['device'].iloc[0]}, torch {rows['torch'].iloc[0]}"
    fitted = {kind: _prices(kind, found) for kind, found in samples.items() if len(found) >= LEAST}
    in_16_bits = {kind: prices for kind, prices in fitted.items() if kind.precision == "half"}
    derived = {
        kind._replace(precision="tf32"): replace(prices, matrix=slower * prices.matrix)
        for kind, prices in in_16_bits.items()
    }
    return Model(machine, "cuda", 1, derived | fitted)


def call_of(row: dict) -> Call:
    """The call that a row timed: dense ones with their kernel ready."""
    size = tuple(map(int, row["size"].split("x")))
    channels, order, (dtype, tf32) = int(row["channels"]), len(size), DTYPES[row["dtype"]]
    return Call(
        batch=int(row["batch"]), in_channels=channels, out_channels=channels, groups=1, rank=int(row["rank"]),
        size=size, geometry=Geometry((3,) * order, padding=1), dtype=dtype, device="cuda",
        training=row["call"] != "forward", channels_last=row["layout"] == "channels_last", kept=True,
        tf32=tf32,
    )  # fmt: skip


def _prices(kind: Purchase, found: list[tuple[Operations, float]]) -> Prices:
    """All but that of a launch from the times."""
    without = [(kind, Operations(o.matrix, o.other, o.bytes, 0, o.copied), seconds) for o, seconds in found]
    (prices,) = fit([without], passes=1).values()
    return Prices(LAUNCH, prices.matrix, prices.other, prices.byte, prices.copied)


if __name__ == "__main__":
    sys.exit(main())
