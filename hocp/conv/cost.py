"""What a convolution costs, by formula: parameters, multiply-adds (MACs) and bytes moved.

One MAC is one multiplication with its addition; a FLOP count that takes them apart is twice as high. Bytes
count every stage's input, output and parameters once: what must move if no stage's result stays in cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from hocp.conv.geometry import Geometry


@dataclass(frozen=True)
class Stage:
    """One stage of a layer, for one sample.

    Attributes
    ----------
    name : str
    parameters, macs : int
    elements_in, elements_out : int
        Numbers read and written, parameters aside.
    """

    name: str
    parameters: int
    macs: int
    elements_in: int
    elements_out: int


@dataclass(frozen=True)
class Cost:
    """Cost of one layer for one sample.

    Attributes
    ----------
    stages : tuple of Stage
    output_size : tuple of int
        Spatial.
    itemsize : int
        Bytes of one number.
    """

    stages: tuple[Stage, ...]
    output_size: tuple[int, ...]
    itemsize: int = 4

    @property
    def parameters(self) -> int:
        """Learnable numbers."""
        return sum(stage.parameters for stage in self.stages)

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return sum(stage.macs for stage in self.stages)

    @property
    def bytes(self) -> int:
        """Bytes moved."""
        moved = sum(stage.parameters + stage.elements_in + stage.elements_out for stage in self.stages)
        return moved * self.itemsize


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
    """Cost of ``nn.ConvNd``.

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
    form: str = "chain",
    itemsize: int = 4,
) -> Cost:
    """Cost of `CPConv` computed as ``form``: 'chain', 'views' or 'dense'.

    The default is the paper's chain: each 1-D convolution strides its own mode only, in the order of the
    modes (time first), so the first 1x1 stage runs at the input's size and the sizes shrink mode by mode.
    'views' merges the last two modes into one k x k kernel and runs them before the earlier modes; 'dense'
    rebuilds the kernel for each call. lambda costs parameters and no MACs, since it is folded into the last
    stage. Parameters are the same for every form.
    """
    _known_form(form)
    chain = _chain_stages(in_channels, out_channels, geometry, input_size, rank=rank)
    out = geometry.output_size(input_size)
    own = weights * rank + bias * out_channels + 2 * rank * rank_norm
    if form == "dense":
        return _rebuilt_cost(
            in_channels, out_channels, geometry, input_size, chain=chain, own=own, itemsize=itemsize
        )
    stages = chain if form == "chain" else _views_stages(chain, geometry, input_size, rank=rank)
    last = stages[-1]
    stages[-1] = Stage(last.name, last.parameters + own, last.macs, last.elements_in, last.elements_out)
    return Cost(tuple(stages), out, itemsize)


def tucker_cost(
    in_channels: int,
    out_channels: int,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    rank: tuple[int, int],
    bias: bool = False,
    itemsize: int = 4,
) -> Cost:
    """Cost of `TuckerConv`; ``rank`` is (R_T, R_C). All the stride is in the core."""
    rank_out, rank_in = rank
    out = geometry.output_size(input_size)
    size_in, size_out = prod(input_size), prod(out)
    core = rank_in * rank_out * prod(geometry.kernel_size)
    stages = (
        _pointwise("pointwise in", in_channels, rank_in, size_in),
        Stage("core", core, core * size_out, rank_in * size_in, rank_out * size_out),
        _pointwise("pointwise out", rank_out, out_channels, size_out, bias=bias),
    )
    return Cost(stages, out, itemsize)


def flop_figure_gflops(c_in: int, c_out: int, multiple: int | None = None) -> float:
    """Height of a bar of the paper's FLOP figure, in its own unit.

    The closed forms reproduce all 15 published bars to the file's precision, with P = 32 x 32 x 16 positions,
    kernels of 3 x 3 x 3, and R = ``multiple`` x C. They are the figure's own bookkeeping, not MACs: beside
    1x1 and depthwise stages they charge 8 R + 10 C a position for norms and what else could not be
    attributed, and all of it twice.

    Parameters
    ----------
    c_in, c_out : int
    multiple : int, optional
        3 or 6 for CP-HOConv-3 and CP-HOConv-6; None for the dense 3-D convolution.

    Returns
    -------
    float
        "GFLOPs" as plotted.
    """
    positions = 32 * 32 * 16
    if multiple is None:
        return 2 * positions * c_out * (27 * c_in + 1) / 1e9
    rank = multiple * c_in
    return 2 * positions * (rank * (c_in + c_out + 9 + 8) + 10 * c_in) / 1e9


def _pointwise(name: str, before: int, after: int, positions: int, *, bias: bool = False) -> Stage:
    """A 1x1 convolution."""
    weights = before * after
    return Stage(name, weights + after * bias, weights * positions, before * positions, after * positions)


def _chain_stages(
    in_channels: int, out_channels: int, geometry: Geometry, input_size: Sequence[int], *, rank: int
) -> list[Stage]:
    """1x1, one 1-D convolution a mode in order, 1x1."""
    size, out = list(input_size), geometry.output_size(input_size)
    stages = [_pointwise("pointwise in", in_channels, rank, prod(size))]
    for mode, taps in enumerate(geometry.kernel_size):
        before, size[mode] = prod(size), out[mode]
        after = prod(size)
        stages.append(Stage(f"mode {mode}", taps * rank, taps * rank * after, rank * before, rank * after))
    return [*stages, _pointwise("pointwise out", rank, out_channels, prod(out))]


def _views_stages(
    chain: list[Stage], geometry: Geometry, input_size: Sequence[int], *, rank: int
) -> list[Stage]:
    """1x1, the last two modes as one, the earlier modes backwards, 1x1."""
    if geometry.order == 1:
        return chain
    size, out = list(input_size), geometry.output_size(input_size)
    groups = [
        (geometry.order - 2, geometry.order - 1),
        *((mode,) for mode in reversed(range(geometry.order - 2))),
    ]
    stages = [chain[0]]
    for modes in groups:
        before, kernel = prod(size), [geometry.kernel_size[mode] for mode in modes]
        for mode in modes:
            size[mode] = out[mode]
        name = "modes " + " and ".join(map(str, modes)) if len(modes) > 1 else f"mode {modes[0]}"
        stages.append(
            Stage(
                name, sum(kernel) * rank, prod(kernel) * rank * prod(size), rank * before, rank * prod(size)
            )
        )
    return [*stages, chain[-1]]


def _rebuilt_cost(
    in_channels: int,
    out_channels: int,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    chain: list[Stage],
    own: int,
    itemsize: int,
) -> Cost:
    """Rebuild the kernel once, then one dense convolution."""
    dense = dense_cost(in_channels, out_channels, geometry, input_size, itemsize=itemsize)
    (convolution,) = dense.stages
    kernel = convolution.parameters
    parameters = sum(stage.parameters for stage in chain) + own
    rank = chain[0].parameters // in_channels
    rebuild = Stage("rebuild", parameters, kernel * rank, 0, kernel)
    convolve = Stage(
        "convolution", 0, convolution.macs, convolution.elements_in + kernel, convolution.elements_out
    )
    return Cost((rebuild, convolve), dense.output_size, itemsize)


def _known_form(form: str) -> None:
    """Refuse other names."""
    if form not in ("chain", "views", "dense"):
        raise ValueError(f"form is {form!r}; expected 'chain', 'views' or 'dense'")
