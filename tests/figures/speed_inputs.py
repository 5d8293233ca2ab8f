"""Made-up timings in the format of speed.csv: each follows from a number of operations and a rate.

Nothing here is a result. Quartiles are 0.95 and 1.1 of every median.
"""

from math import prod
from pathlib import Path

from hocp.contracts import files, record

PEAK, COPY = 160.0, 28.0  # GFLOP/s of two threads, GB/s
RANKS = {"C/2": 0.5, "C": 1, "2C": 2, "3C": 3, "6C": 6, "8C": 8}
STAGES = ((64, 56), (128, 28), (256, 14), (512, 7))
CALLS = {"forward": 1, "forward + backward": 3}
LIMITS = {
    str(threads): {"peak_gflops": share * PEAK, "copy_gbs": share * COPY}
    for threads, share in ((2, 1), (1, 0.5))
}
#: Share of the peak at which each layer runs, counting the multiply-adds of its formula.
RATES = {
    "dense": 0.6, "tucker": 0.3, "tltorch factorized": 0.125, "tltorch mobilenet": 0.2,
    "hocp auto": 0.5, "hocp chain": 0.25, "hocp views": 0.5, "hocp auto recompute": 0.4,
}  # fmt: skip
#: Activations of R channels that are kept for the backward pass.
KEPT = {"hocp auto": 3, "hocp auto recompute": 1, "tltorch factorized": 6}
NETWORKS = {"R3D-18, 8 x 112 x 112": (3, 1), "ResNet-18, 112 x 112": (2, 16)}
#: Peer, rank and order of each network -> millions of parameters, giga multiply-adds, share of the peak.
BUILT = {
    ("dense", "C", 3): (33.4, 20.4, 0.6), ("r2plus1d", "C", 3): (31.5, 21.0, 0.5),
    ("dense", "matched", 3): (33.4, 20.4, 0.59),
    ("tltorch factorized", "C", 3): (3.1, 2.6, 0.1), ("hocp auto", "C", 3): (3.1, 2.6, 0.4),
    ("hocp auto", "matched", 3): (11.2, 8.1, 0.4),
    ("dense", "C", 2): (11.4, 7.8, 0.5), ("dense", "matched", 2): (11.4, 7.8, 0.5),
    ("tltorch factorized", "C", 2): (3.0, 2.5, 0.2),
    ("hocp auto", "C", 2): (3.0, 2.5, 0.4), ("hocp auto", "matched", 2): (11.2, 8.0, 0.4),
}  # fmt: skip


def timing(median, **facts):
    """A row of speed.csv with this median, in milliseconds."""
    return {
        "layout": "contiguous", "threads": 2, "allocator": "kept", "device": "cpu", "dtype": "float32",
        "rounds": 8, "median_ms": median, "q25_ms": 0.95 * median, "q75_ms": 1.1 * median, "error": 1e-7,
        "processor": "Some CPU", "torch": "2.13.0", "commit": "abc", **facts,
    }  # fmt: skip


def layer(order, channels, side, rank_of, call, peer, **condition):
    """One layer, or the dense one beside a rank. On one thread everything takes twice as long."""
    batch, size = (8, (side, side)) if order == 2 else (2, (8, side, side))
    positions, rank, taps = batch * prod(size), round(channels * RANKS[rank_of]), 3**order
    macs, parameters = positions * rank * (2 * channels + 3 * order), rank * (2 * channels + 3 * order + 1)
    extents = " x ".join(map(str, size))
    if peer == "dense":
        macs, parameters = positions * channels**2 * taps, channels**2 * taps
    roof = 2e-6 * macs / PEAK * CALLS[call] * 2 / condition.get("threads", 2)
    kept = {"saved_bytes": 4 * positions * rank * KEPT[peer]} if peer in KEPT else {}
    return timing(
        roof / RATES[peer], suite="layers", order=order, batch=batch, channels=channels, call=call, peer=peer,
        subject=f"{order}-D, {channels} channels, {extents}", size=extents.replace(" ", ""),
        form="views" if peer == "hocp auto" else "", parameters=parameters, macs=macs,
        bytes=4 * (2 * positions * channels + parameters), rank=rank, rank_of=rank_of,
        roof_ms=None if peer.startswith("tl") else roof, **kept, **condition,
    )  # fmt: skip


def slowed(row, factor, **changes):
    """The row, slower by a factor."""
    return row | {name: factor * row[name] for name in ("median_ms", "q25_ms", "q75_ms")} | changes


def layers(**condition):
    """All layers at all ranks; the dense ones in both layouts, one of them a quarter slower."""
    for order in (2, 3):
        for stage in STAGES:
            for call in CALLS:
                for rank_of in RANKS:
                    found = [layer(order, *stage, rank_of, call, peer, **condition) for peer in RATES]
                    yield from (slowed(found[0], 1.25, layout="channels_last"), *found)


def networks(**condition):
    """Both networks, dense and factorized; a training step takes four times as long."""
    for subject, (order, batch) in NETWORKS.items():
        for (peer, rank_of, of), (millions, giga, rate) in BUILT.items():
            for call, factor in (("inference", 1), ("training step", 4)) if of == order else ():
                yield timing(
                    factor * 2e3 * batch * giga / PEAK / rate, suite="networks", subject=subject, order=order,
                    batch=batch, size=subject.partition(", ")[2].replace(" ", ""), call=call, peer=peer,
                    rank_of=rank_of, parameters=round(1e6 * millions), macs=round(1e9 * giga * batch),
                    **condition,
                )  # fmt: skip


def rows():
    """The whole made-up record: two allocators on two threads, and one thread."""
    for condition in ({}, {"allocator": "default"}, {"threads": 1}):
        yield from layers(**condition)
        yield from networks(**condition)


def write_speed(path: Path, found=None) -> Path:
    """speed.csv, and speed.json beside it; gives the path of the former."""
    files.write_csv(path, record.SPEED, rows() if found is None else found)
    files.write_json(path.with_suffix(".json"), {"limits": LIMITS})
    return path
