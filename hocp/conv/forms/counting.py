"""What the stages of a factorized form do, counted: floating-point operations, bytes, operators, memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from hocp.conv.forms.call import Call, Operations


def count(call: Call, stages: Iterable[Sequence[int]], *, copies: bool = False) -> Operations:
    """Operations of the two 1x1 stages and of depthwise stages between them, each along some modes.

    The backward pass does each stage's operations twice more: for its input and for its factor.

    Parameters
    ----------
    call : Call
    stages : iterable of sequences of int
        Spatial modes of each depthwise stage.
    copies : bool
        Whether input and output are copied into another memory format.
    """
    outer = [call.positions_in * call.in_channels, call.positions_out * call.out_channels]
    inner, other, launches = _rank_space(call, stages)
    matrix = 2.0 * (inner[0] * call.in_channels + inner[-1] * call.out_channels) / call.groups
    own = call.in_channels // call.groups + 3 * call.out_channels + sum(call.geometry.kernel_size)
    moved = sum(outer) + 2 * sum(inner) + call.rank * own  # the last factor is read, scaled and read again
    times = 3 if call.training else 1
    return Operations(
        matrix=times * matrix,
        other=times * other,
        bytes=float(times * moved * call.dtype.itemsize),
        launches=times * (launches + 2 * copies),
        copied=float(times * copies * 2 * sum(outer) * call.dtype.itemsize),
        saved=float(sum(inner) * call.dtype.itemsize) if call.training else 0.0,
    )


def _rank_space(call: Call, stages: Iterable[Sequence[int]]) -> tuple[list[int], float, int]:
    """Elements before, between and behind the depthwise stages, their operations, and operators called."""
    size, taps, launches = list(call.size), call.geometry.kernel_size, 3  # two 1x1 stages, U(T) diag(lambda)
    inner, other = [call.batch * call.groups * call.rank * prod(size)], 0.0
    for modes in stages:
        for mode in modes:
            size[mode] = call.output_size[mode]
        inner.append(call.batch * call.groups * call.rank * prod(size))
        other += 2.0 * inner[-1] * prod(taps[mode] for mode in modes)
        launches += len(modes)
    return inner, other, launches
