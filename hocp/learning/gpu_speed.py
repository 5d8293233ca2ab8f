"""The GPU benchmark: layers, their depthwise stage and networks, timed side by side on one device.

Rows have the columns of `hocp.contracts.record.SPEED`, and the layers' are ordered by what is asked first, so
that a run that is out of time has measured what matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch

from hocp.contracts import record
from hocp.learning.gpu_builds import WORKERS, build_kernels
from hocp.learning.gpu_check import describe, device_name
from hocp.learning.gpu_clock import graphed, limits, spread, timed
from hocp.learning.gpu_precision import PRECISIONS, Precision, available, computing
from hocp.learning.gpu_speed_layers import CALLS, Case, build, caller, error, exact, in_layout, input_of, work
from hocp.learning.gpu_speed_networks import NetworkCase, network_rows
from hocp.learning.gpu_training import NO_TIME

ROUNDS = 20
PASSES = {"forward": 1, "forward + backward": 3, "training step": 3}


@dataclass(frozen=True)
class Size:
    """How much is measured, and in how many seconds at most."""

    batch_3d: int
    batch_2d: int
    stages: tuple[tuple[int, int], ...]
    frames: int
    times: tuple[int, ...]
    side: int
    megabytes: int
    network: NetworkCase
    budget: float


SIZES = {
    "full": Size(16, 256, ((64, 56), (128, 28), (256, 14), (512, 7)), 16, (2, 3, 6), 8192, 1024,
                 NetworkCase(1.0, 32, (16, 112, 112)), 450.0),
    "small": Size(1, 1, ((4, 4),), 2, (), 64, 1, NetworkCase(0.125, 1, (4, 32, 32)), 300.0),
}  # fmt: skip

Row = dict[str, Any]


def cases(size: Size) -> Iterator[tuple[Case | NetworkCase, Precision]]:
    """What is measured, the most wanted first."""
    fp32, tf32, bf16 = PRECISIONS
    clips = [Case(size.batch_3d, c, (size.frames, side, side)) for c, side in size.stages]
    images = [Case(size.batch_2d, c, (side, side)) for c, side in size.stages]
    for precision in (bf16, fp32):
        yield from ((replace(case, stage=True), precision) for case in clips)
        yield from ((case, precision) for case in clips)
        yield size.network, precision
    yield from ((case, precision) for precision in (bf16, fp32) for case in images)
    yield from ((case, tf32) for case in clips)
    for times in size.times:
        yield from ((replace(case, times=times), bf16) for case in clips)
    yield from ((replace(case, stage=True), bf16) for case in images)
    yield size.network, tf32
    for times in size.times:
        yield from ((replace(case, times=times), fp32) for case in clips)
    for times in size.times:
        yield from ((replace(case, times=times), bf16) for case in images)
    yield from ((case, tf32) for case in images)


def measure(
    device: torch.device,
    size: str,
    *,
    seconds: float | None = None,
    workers: int = WORKERS,
    say: Callable[[str], None] = print,
) -> tuple[list[Row], Row]:
    """Measure all that there is time for; what fails is a row without times, its reason in the report.

    An interrupt ends measuring, not the report: what was not timed by then is said.

    Parameters
    ----------
    device : torch.device
        A GPU; a CPU makes it a rehearsal, and the report says so.
    size : {'full', 'small'}
    seconds : float, optional
        After which no further case begins; by default as many as the size has.
    workers : int
        Processes that build Triton's kernels beforehand, in a quarter of the time at most; 1 builds none.
    say : callable
        Takes a line of progress at a time.

    Returns
    -------
    rows : list of dict
        With the columns of `record.SPEED`.
    report : dict
        A JSON value: device, limits, settings, and for each row that was not measured the reason.
    """
    started, chosen = time.monotonic(), SIZES[size]
    chosen = chosen if seconds is None else replace(chosen, budget=seconds)
    begun, before = datetime.now(UTC).isoformat(timespec="seconds"), torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    rows, missing, most, built = [], [], {}, 0

    def take(found: Iterable[Row]) -> None:
        known = {tuple(_name(row).values()) for row in rows}
        for row in found:
            if tuple(_name(row).values()) not in known:
                reason = row.pop("reason", None)
                rows.append(row)
                missing.extend([] if reason is None else [{**_name(row), "reason": reason}])
                say(f"{time.monotonic() - started:5.0f} s  {_line(row, reason)}")

    try:
        until = started + chosen.budget / 4
        built = build_kernels(cases(chosen), device, workers=workers, deadline=until)
        say(f"{time.monotonic() - started:5.0f} s  kernels of {built} kinds of layers built beforehand")
        most = limits(device, side=chosen.side, megabytes=chosen.megabytes, rounds=ROUNDS)
        take(_all_rows(device, chosen, most, deadline=started + chosen.budget))
    except KeyboardInterrupt:
        take(_all_rows(device, chosen, most, deadline=0))
    finally:
        torch.backends.cudnn.benchmark = before
    report = {
        "kind": "gpu_bench",
        "rehearsal": device.type != "cuda",
        "begun": begun,
        "seconds": time.monotonic() - started,
        "device": describe(device),
        "environment": record.environment(device_name(device)),
        "code": record.code(),
        "command": record.command_line(),
        "settings": {"size": size, "rounds": ROUNDS, "workers": workers, "built": built, **asdict(chosen)}
        | _MEANINGS,
        "limits": most,
        "missing": missing,
    }
    return rows, report


_MEANINGS = {
    "timing": "layers and stages as CUDA graphs of up to 20 calls, so that small tensors stay in the caches; "
    "networks as launched; interleaved; cudnn.benchmark on",
    "roof_ms": "larger of 2 macs / product peak and bytes / copy bandwidth; three times that with backward",
    "error": "of output and gradients of input and factors, for one sample, against float64; rounded "
    "parameters included; cuDNN by its first choice of algorithm and not, as timed, by a search",
}


def _all_rows(device: torch.device, size: Size, most: dict[str, float], *, deadline: float) -> Iterator[Row]:
    """Rows of all cases, without times from the deadline on."""
    common = _common(device)
    for case, precision in cases(size):
        if isinstance(case, NetworkCase):
            rows = network_rows(case, precision, device, rounds=ROUNDS // 2, deadline=deadline)
        else:
            rows = _case_rows(case, precision, device, most, deadline=deadline)
        for row in rows:
            yield common | {"dtype": _dtype_name(precision)} | row


def _common(device: torch.device) -> Row:
    """What every row says of machine and code."""
    return {
        "threads": torch.get_num_threads(),
        "allocator": "default",
        "device": device_name(device),
        "processor": record.processor(),
        "torch": torch.__version__,
        "commit": record.code_name(record.code()),
    }


def _dtype_name(precision: Precision) -> str:
    return "bfloat16" if precision.bf16 else "float32 (TF32)" if precision.tf32 else "float32"


def _case_rows(
    case: Case, precision: Precision, device: torch.device, most: dict[str, float], *, deadline: float
) -> Iterator[Row]:
    """A row a peer and call of one case."""
    like = {"device": device, "dtype": torch.bfloat16 if precision.bf16 else torch.float32}
    errors: dict[tuple[str, str], float | None] = {}
    with computing(precision, device, autocast=False):
        for call in CALLS:
            reason = available(precision, device) or (NO_TIME if time.monotonic() > deadline else "")
            ready, failed = ({}, {}) if reason else _prepare(case, call, **like)
            times = timed(ready, device, ROUNDS)
            errors = errors or _errors(case, ready, **like)
            for peer in case.peers:
                row = case.facts() | {"call": call, "peer": peer[0], "layout": peer[1]}
                if peer not in times:
                    yield row | {"reason": reason or failed[peer]}
                    continue
                done = work(case, peer[0], like["dtype"].itemsize)
                row |= spread(times[peer]) | done | _memory(case, peer, call, **like)
                row |= {"roof_ms": _roof(done, precision, most) * PASSES[call]}
                yield row | {"error": errors[peer]}
            del ready
            if device.type == "cuda":
                torch.cuda.empty_cache()


def _errors(case: Case, peers: Iterable[tuple[str, str]], **like: Any) -> dict[tuple[str, str], float | None]:
    """Of the peers that run, both calls in one; by cuDNN's first choice, since its search takes seconds."""
    peers = list(peers)
    if not peers:
        return {}
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, False
    try:
        expected = exact(case, **like)
        return {peer: error(case, *peer, expected, **like) for peer in peers}
    finally:
        torch.backends.cudnn.benchmark = before


def _prepare(case: Case, call: str, **like: Any) -> tuple[dict, dict]:
    """The peers' calls, ready to be timed, and the reasons of those that cannot be."""
    ready, failed = {}, {}
    for peer in case.peers:
        try:
            ready[peer] = graphed(_call(case, peer, call, **like), like["device"])
        except Exception as problem:  # whatever fails on a device that nobody has tried is a row
            failed[peer] = f"{type(problem).__name__}: {problem}".splitlines()[0]
    return ready, failed


def _call(case: Case, peer: tuple[str, str], call: str, **like: Any) -> Callable[[], Any]:
    x = input_of(case, peer[1], **like)
    layer = in_layout(build(case, peer[0], **like), peer[1])
    with torch.no_grad():
        direction = torch.randn_like(layer(x))
    return caller(layer, x, call, direction)


def _memory(case: Case, peer: tuple[str, str], call: str, **like: Any) -> Row:
    """Bytes that a call adds at its peak; not known on a CPU."""
    device = like["device"]
    if device.type != "cuda":
        return {}
    made = _call(case, peer, call, **like)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    made()
    torch.cuda.synchronize(device)
    return {"peak_bytes": torch.cuda.max_memory_allocated(device) - before}


def _roof(done: dict[str, int], precision: Precision, most: dict[str, float]) -> float:
    """Milliseconds that a forward call takes at least."""
    return max(
        2e-6 * done["macs"] / most[f"{precision.name}_gflops"], 1e-6 * done["bytes"] / most["copy_gbs"]
    )


def _name(row: Row) -> Row:
    return {name: row[name] for name in ("subject", "rank_of", "call", "peer", "layout", "dtype")}


def _line(row: Row, reason: str | None) -> str:
    """One line of progress."""
    found = reason or f"{row['median_ms']:.3f} ms"
    return ", ".join(f"{value}" for value in _name(row).values()) + f": {found}"
