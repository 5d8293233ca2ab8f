"""Made-up inputs for the table tests, in the real formats. Nothing here is a result."""

import csv
from pathlib import Path

from hocp.contracts import files, published, record

STATIC = ("resnet18", "hocp")
TEMPORAL = ("r3d18", "r2plus1d18", "hocp_scratch", "hocp_transduction")
METHODS = {"affectnet": (*STATIC, "hocp_lasso"), "sewa": STATIC + TEMPORAL, "afew_va": STATIC + TEMPORAL}
POSITIONS = 32 * 32 * 16


def runs(dataset, *, data="generated", seeds=(0,), value=0.5, convention="pooled", **changes):
    """Rows of runs.csv of one data set, all metrics equal to `value` + 0.01 seed; folds pooled on AFEW-VA."""
    return [
        {"run": f"{dataset}.{method}.f0.s{seed}", "dataset": dataset, "method": method, "network": "made_up",
         "data": data, "fold": "all" if dataset == "afew_va" else 0, "seed": seed, "parameters": 1, "macs": 1,
         "seconds": 1.0, "convention": convention, "dimension": dimension, "metric": metric,
         "value": f"{value + 0.01 * seed:.6f}", "n": 10, "reason": "", **changes}
        for method in METHODS[dataset] for seed in seeds
        for dimension in published.DIMENSIONS for metric in published.METRICS
    ]  # fmt: skip


def write_runs(path: Path, rows) -> str:
    """Publish runs.csv; gives its path as text."""
    files.write_csv(path, record.RUNS, rows)
    return str(path)


def cost_rows():
    """Rows of cost.csv: reference counts, torchvision's figures, and the closed forms of the FLOP figure."""
    known = published.load()
    head = {"rank": None, "bytes": 1, "c_in": 3}
    for count in known.counts():
        if count.outputs in (2, 10):
            table = "cifar" if count.network.endswith("_cifar") else "emotion"
            if (count.outputs == 10) == (table == "cifar"):
                yield {**head, "table": table, "item": count.network, "c_out": count.outputs, "kind": "any",
                       "parameters": count.parameters, "macs": 2 * 10**9, "input": "3x112x112"}  # fmt: skip
    for row in known.document["reference_macs"]["rows"]:
        yield {**head, "table": "torchvision", "item": row["network"], "c_out": row["outputs"],
               "kind": "dense", "parameters": 1, "macs": round(row["gmacs"] * 1e9) + 400_000,
               "input": "x".join(map(str, row["input"]))}  # fmt: skip
    for rule, millions in (("matched", 11.2), ("R=3C", 7.4), ("R=6C", 14.5)):
        yield {**head, "table": "rank_rules", "item": "hocp_resnet18_3d", "c_out": 2, "kind": rule,
               "parameters": round(millions * 1e6), "macs": 1, "input": "3x16x112x112"}  # fmt: skip
    for c, t in ((128, 128), (128, 256), (256, 256), (256, 512), (512, 512)):
        for kind, m in (("dense", 0), ("hocp3", 3), ("hocp6", 6)):
            r = m * c
            operations = t * (27 * c + 1) if kind == "dense" else r * c + r * t + 17 * r + 10 * c
            yield {"table": "flop_figure", "item": f"{c}x{t}.{kind}", "c_in": c, "c_out": t, "kind": kind,
                   "rank": r or None, "parameters": 1, "macs": POSITIONS * (r * (c + t + 9) or 27 * c * t),
                   "bytes": 1, "gflops_paper_convention": 2e-9 * POSITIONS * operations,
                   "input": f"{c}x32x32x16"}  # fmt: skip


def write_cost(path: Path, rows=None) -> str:
    """Publish cost.csv; gives its path as text."""
    files.write_csv(path, record.COST, cost_rows() if rows is None else rows)
    return str(path)


def read_long(prefix: Path) -> list[dict[str, str]]:
    """Rows of the long form that a table wrote."""
    with prefix.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pipe_rows(text: str) -> list[list[str]]:
    """Cells of all lines of pipe tables in a Markdown text."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
