"""Put the parts of a speed benchmark together: speed.csv, one row a thing timed, and speed.json beside it.

    python -m tests.bench.collect --out results/demo/bench/speed.csv part.json ...

Rows of unlike machines, torch versions or code are refused: they cannot be compared.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from hocp.contracts import files, record
from tests.bench.options import KEPT

#: What identifies a row; the passes over it are merged.
IDENTITY = (
    "suite", "subject", "batch", "rank_of", "call", "peer", "layout", "threads", "allocator", "device",
    "dtype",
)  # fmt: skip
#: Facts of a part's environment that all parts have to agree in.
ALIKE = ("processor", "cores", "system", "device", "packages", "cudnn", "code")
#: Work of forward and backward in units of the forward call's.
WORK = {"forward": 1, "inference": 1, "forward + backward": 3, "training step": 3}
CACHED = 2**24  # most bytes that are taken to move within the cache


def main(argv: Sequence[str] | None = None) -> None:
    """Read, check, merge, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.collect", description=__doc__.splitlines()[0]
    )
    parser.add_argument("parts", nargs="+", metavar="JSON", help="reports of `python -m tests.bench.run`")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    args = parser.parse_args(argv)
    parts = {path: files.read_json(path) for path in args.parts}
    environment = common(parts)
    files.write_csv(args.out, record.SPEED, rows(parts))
    files.write_json(args.out.with_suffix(".json"), environment)


def common(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Environment of all parts, their limits, and of each its settings and the limits measured in it.

    Raises
    ------
    ValueError
        If a part has no benchmark, or the parts come from unlike machines; names file and fields.
    """
    empty = [path for path, part in parts.items() if not part.get("benchmarks")]
    if empty:
        raise ValueError(f"{', '.join(empty)}: no benchmark in it; make it with `python -m tests.bench.run`")
    (first, reference), *others = (
        (path, part["machine_info"]["environment"]) for path, part in parts.items()
    )
    for path, environment in others:
        refuse_unlike(environment, reference, ALIKE, place=f"{path} and {first}")
    return {**{name: reference[name] for name in ALIKE}, "python": reference["python"], "kept": KEPT,
            "limits": highest(parts.values()),
            "runs": [_run(path, part) for path, part in parts.items()]}  # fmt: skip


def refuse_unlike(
    one: Mapping[str, Any], other: Mapping[str, Any], names: Iterable[str], *, place: str
) -> None:
    """Refuse to compare what was measured under other conditions.

    Raises
    ------
    ValueError
        Naming the fields that differ, and both values.
    """
    differing = [f"{name}: {one[name]!r} and {other[name]!r}" for name in names if one[name] != other[name]]
    if differing:
        raise ValueError(f"{place} cannot be compared, they differ in {'; '.join(differing)}")


def _run(path: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of one part, its limits and when it ran."""
    info = part["benchmarks"][0]["extra_info"]
    return {
        "part": Path(path).stem,
        "date": part["datetime"],
        "threads": info["threads"],
        "allocator": info["allocator"],
        "clock": part["benchmarks"][0]["options"]["timer"],
        "clocks_mhz": part["machine_info"]["environment"]["clocks_mhz"],
        "passes": len(part["benchmarks"]),
        "disturbed": sum(each["extra_info"]["disturbed"] for each in part["benchmarks"]),
        **part["machine_info"]["limits"],
    }


def rows(parts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a peer and condition, in the order of the parts.

    Raises
    ------
    ValueError
        If one was timed twice, in different parts.
    """
    seen: dict[tuple, str] = {}
    limits = highest(parts.values())
    for path, part in parts.items():
        for key, passes in _passes(part["benchmarks"]).items():
            if key in seen:
                raise ValueError(
                    f"{path}: {', '.join(map(str, key))} stands in {seen[key]}, too; expected once"
                )
            seen[key] = path
            yield row(passes, limits[passes[0]["extra_info"]["threads"]])


def highest(parts: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, float]]:
    """Number of threads -> the highest limits that any part saw with them.

    The clock of a shared machine changes within a run, and what a part measured at its start is no limit if
    one of its rows was quicker. So the peak is the highest rate of a matrix product or of a dense 3-D
    convolution, of which no library saves multiply-adds.
    """
    found: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for part in parts:
        known = found[part["benchmarks"][0]["extra_info"]["threads"]]
        for name, limit in part["machine_info"]["limits"].items():
            known[name] = max(known[name], limit)
        for passes in _passes(part["benchmarks"]).values():
            info = passes[0]["extra_info"]
            if (info["suite"], info["order"], info["peer"]) == ("layers", 3, "dense"):
                seconds = min(median(each["stats"]["data"]) for each in passes)
                known["peak_gflops"] = max(
                    known["peak_gflops"], 2e-9 * WORK[info["call"]] * info["macs"] / seconds
                )
    return {threads: dict(limits) for threads, limits in found.items()}


def _passes(benchmarks: Iterable[Mapping[str, Any]]) -> dict[tuple, list[Mapping[str, Any]]]:
    """The benchmarks of each row, in the order of their passes."""
    found = defaultdict(list)
    for benchmark in benchmarks:
        found[tuple(benchmark["extra_info"][name] for name in IDENTITY)].append(benchmark)
    return {key: sorted(passes, key=lambda one: one["extra_info"]["turn"]) for key, passes in found.items()}


def row(passes: Sequence[Mapping[str, Any]], limits: Mapping[str, float]) -> dict[str, Any]:
    """Statistics over all calls of the undisturbed passes, and the facts that the first pass found."""
    info = passes[0]["extra_info"]
    times = [1e3 * seconds for each in undisturbed(passes) for seconds in each["stats"]["data"]]
    low, middle, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return {
        **{name: info[name] for name in record.SPEED if name in info},
        "rounds": len(times),
        "median_ms": round(middle, 4),
        "q25_ms": round(low, 4),
        "q75_ms": round(high, 4),
        "roof_ms": _rounded(roof_ms(info, limits)),
        "error": None if info["error"] is None else float(f"{info['error']:.2e}"),
        "pass_medians_ms": " ".join(f"{1e3 * median(each['stats']['data']):.4f}" for each in passes),
    }


def undisturbed(passes: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Passes in which others left the CPU alone; all, if in none."""
    return [each for each in passes if not each["extra_info"]["disturbed"]] or passes


def roof_ms(info: Mapping[str, Any], limits: Mapping[str, float]) -> float | None:
    """Least time of a call: its operations at the peak or its bytes at the bandwidth, whichever takes longer.

    For the dense layer and for CP layers, the latter by the chain: a rebuilt kernel of high rank can beat it.
    """
    if not info["peer"].startswith(("dense", "hocp")):
        return None
    bandwidth = limits["copy_cache_gbs" if info["bytes"] <= CACHED else "copy_gbs"]
    compute, move = 2e-6 * info["macs"] / limits["peak_gflops"], 1e-6 * info["bytes"] / bandwidth
    return WORK[info["call"]] * max(compute, move)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


if __name__ == "__main__":
    main()
