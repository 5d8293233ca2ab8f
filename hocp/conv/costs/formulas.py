"""What a convolution costs, by formula: parameters, multiply-adds (MACs) and bytes moved.

One MAC is one multiplication with its addition; a FLOP count that takes them apart is twice as high. Bytes
count every stage's input, output and parameters once: what must move if no stage's result stays in cache.

For g groups, at stride 1 and P output positions:

    form    parameters                            MACs
    dense   T C/g prod K                          P T C/g prod K
    CP      R (C/g + T + sum K) + R for lambda    P R (C + T + g sum K)
    Tucker  C/g R_C + R_C R_T prod K + R_T T      P (C R_C + g R_C R_T prod K + R_T T)
    TT      C/g r0 + sum r K r' + rN T            P (C r0 + g sum r K r' + rN T)

Groups share all factors but that of the output channels. With a stride the sizes shrink stage by stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from hocp.conv.costs.stages import Block, Cost, Stage
from hocp.conv.geometry import Geometry


def dense_cost(
    in_channels: int,
    out_channels: int,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    bias: bool = False,
    groups: int = 1,
    itemsize: int = 4,
) -> Cost:
    """Cost of ``nn.ConvNd``, or of a `ConvNd` of any order.

    Parameters
    ----------
    in_channels, out_channels : int
    geometry : Geometry
        ``Geometry((3, 3, 3), stride=2, padding=1)`` and the like.
    input_size : sequence of int
        Spatial sizes of the input, time first.
    bias : bool
    groups : int
    itemsize : int
        Bytes of one number.
    """
    out = geometry.output_size(input_size)
    weights = in_channels // groups * out_channels * prod(geometry.kernel_size)
    stage = Stage(
        "convolution",
        weights + out_channels * bias,
        weights * prod(out),
        in_channels * prod(input_size),
        out_channels * prod(out),
    )
    return Cost((stage,), out, itemsize)


def cp_cost(
    in_channels: int,
    out_channels: int,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    rank: int,
    weights: bool = True,
    bias: bool = False,
    rank_norm: bool = False,
    groups: int = 1,
    skip: str | None = None,
    form: str = "chain",
    itemsize: int = 4,
) -> Cost:
    """Cost of `CPConv` computed as ``form``: 'chain', 'merged', 'views' or 'dense'.

    The default is the paper's chain: each 1-D convolution strides its own mode only, in the order of the
    modes (time first), so the first 1x1 stage runs at the input's size and the sizes shrink mode by mode.
    'merged' runs all modes as one kernel; 'views' merges the last two modes into one k x k kernel and runs
    them before the earlier modes; 'dense' rebuilds the kernel for each call. lambda costs parameters and no
    MACs, since it is folded into the last stage. Parameters are the same for every form.
    """
    _known_form(form, ("chain", "merged", "views", "dense"))
    block, order = Block(in_channels, out_channels, geometry, input_size, groups=groups), geometry.order
    parts = [(mode,) for mode in range(order)]
    if form == "merged":
        parts = [tuple(range(order))]
    if form == "views" and order > 1:
        parts = [(order - 2, order - 1), *reversed(parts[:-2])]
    stages = [block.enter(rank), *(block.depthwise(rank, *modes) for modes in parts), block.leave(rank)]
    if form == "dense":
        stages = block.rebuilt(stages, prod(block.shape) * rank)
    own = weights * rank + bias * out_channels + 2 * rank * rank_norm
    return block.cost(stages, own=own, skip=skip, itemsize=itemsize)


def tucker_cost(
    in_channels: int,
    out_channels: int,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    rank: tuple[int, int],
    separate_modes: int = 0,
    bias: bool = False,
    rank_norm: bool = False,
    groups: int = 1,
    skip: str | None = None,
    form: str = "chain",
    itemsize: int = 4,
) -> Cost:
    """Cost of `TuckerConv`; ``rank`` is (R_T, R_C).

    Separate modes come first, each with its stride; all other modes stride in the core. As ``form`` 'dense'
    the kernel is rebuilt for each call.
    """
    _known_form(form, ("chain", "dense"))
    block, (rank_out, rank_in) = Block(in_channels, out_channels, geometry, input_size, groups=groups), rank
    stages = [
        block.enter(rank_in),
        *(block.depthwise(rank_in, mode) for mode in range(separate_modes)),
        block.mixing(rank_in, rank_out, *range(separate_modes, geometry.order), name="core"),
        block.leave(rank_out),
    ]
    if form == "dense":
        channels, taps = in_channels // groups, prod(geometry.kernel_size)
        stages = block.rebuilt(stages, out_channels * rank_in * taps * (rank_out + channels))
    own = bias * out_channels + 2 * rank_in * rank_norm
    return block.cost(stages, own=own, skip=skip, itemsize=itemsize)


def tt_cost(
    in_channels: int,
    out_channels: int,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    rank: tuple[int, ...],
    bias: bool = False,
    rank_norm: bool = False,
    groups: int = 1,
    skip: str | None = None,
    form: str = "chain",
    itemsize: int = 4,
) -> Cost:
    """Cost of `TTConv`; ``rank`` holds the bond ranks r0, ..., rN.

    Every core strides its own mode, in the order of the modes. As ``form`` 'dense' the kernel is rebuilt for
    each call.
    """
    _known_form(form, ("chain", "dense"))
    block = Block(in_channels, out_channels, geometry, input_size, groups=groups)
    bonds = list(enumerate(pairwise(rank)))
    stages = [
        block.enter(rank[0]),
        *(block.mixing(left, right, mode) for mode, (left, right) in bonds),
        block.leave(rank[-1]),
    ]
    if form == "dense":
        rows, macs = in_channels // groups, 0
        for mode, (left, right) in bonds:
            macs += rows * left * geometry.kernel_size[mode] * right
            rows *= geometry.kernel_size[mode]
        stages = block.rebuilt(stages, macs + rows * rank[-1] * out_channels)
    own = bias * out_channels + 2 * rank[0] * rank_norm
    return block.cost(stages, own=own, skip=skip, itemsize=itemsize)


def separable_cost(
    channels: int, geometry: Geometry, input_size: Sequence[int], *, norm: bool = False, itemsize: int = 4
) -> Cost:
    """Cost of `SeparableDepthwise`: the middle of a CP block, with a batch norm behind each mode or none."""
    block = Block(channels, channels, geometry, input_size, at_once=False)
    stages = [block.depthwise(channels, mode) for mode in range(geometry.order)]
    own = 2 * channels * geometry.order * norm
    return block.cost(stages, own=own, skip=None, itemsize=itemsize)


def _known_form(form: str, known: tuple[str, ...]) -> None:
    """Refuse other names."""
    if form not in known:
        legal = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
        raise ValueError(f"form is {form!r}; expected {legal}")
