"""Two dense convolutions to compare with: index loops written from the definition, and torch's own.

Shapes: B batch, C input channels, T output channels, g groups; D0, ... spatial sizes; K0, ... taps.
    x        (B, C, D0, ...)
    kernel   (T, C / g, K0, ...)
    result   (B, T, D0', ...)

Neither uses anything of hocp.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import torch
from conv_oracles import CONV
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Taps:
    """One entry a mode: step, (before, after), spread, and what stands at padded positions."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    padding_mode: tuple[str, ...]


def loop_conv(x: Tensor, kernel: Tensor, bias: Tensor | None, *, taps: Taps, groups: int = 1) -> Tensor:
    """y[b, t, o] = bias[t] + sum_{s, i} kernel[t, s, i] x[b, s, o stride + i dilation - before], any order.

    The sources of all outputs and taps are listed by Python loops; only then is anything summed, so that
    torch can differentiate the sum.
    """
    size, window = tuple(x.shape[2:]), tuple(kernel.shape[2:])
    lines = [_line(taps, mode, size[mode], window[mode]) for mode in range(len(size))]
    outputs = tuple(len(line) for line in lines)
    rows = []
    for position in product(*map(range, outputs)):
        row = []
        for tap in product(*map(range, window)):
            row.append(_flat([line[o][i] for line, o, i in zip(lines, position, tap, strict=True)], size))
        rows.append(row)
    batch, channels, out = x.shape[0], x.shape[1] // groups, kernel.shape[0] // groups
    zero = x.new_zeros(batch, x.shape[1], 1)
    known = torch.cat([x.reshape(batch, x.shape[1], prod(size)), zero], dim=2)
    seen = known[:, :, torch.tensor(rows)].reshape(batch, groups, channels, len(rows), prod(window))
    weight = kernel.reshape(groups, out, channels, prod(window))
    y = torch.einsum("bgcop,gtcp->bgto", seen, weight).reshape(batch, kernel.shape[0], *outputs)
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(size))


def _line(taps: Taps, mode: int, size: int, window: int) -> list[list[int | None]]:
    """Source of every tap of every output along one mode, None where a zero stands."""
    before, after = taps.padding[mode]
    step, spread, kind = taps.stride[mode], taps.dilation[mode], taps.padding_mode[mode]
    line, start = [], -before
    while start + (window - 1) * spread <= size - 1 + after:
        line.append([_source(start + tap * spread, size, kind) for tap in range(window)])
        start += step
    return line


def _source(position: int, size: int, kind: str) -> int | None:
    """Index whose value stands at a position, which may lie outside."""
    if 0 <= position < size:
        return position
    if kind == "zeros":
        return None
    if kind == "replicate":
        return 0 if position < 0 else size - 1
    if kind == "circular":
        return position % size
    return -position if position < 0 else 2 * (size - 1) - position


def _flat(indices: list[int | None], size: tuple[int, ...]) -> int:
    """Index into the flattened spatial modes; that of the zero behind them where any index is missing."""
    if None in indices:
        return prod(size)
    flat = 0
    for index, length in zip(indices, size, strict=True):
        flat = flat * length + index
    return flat


def torch_conv_after_padding(
    x: Tensor, kernel: Tensor, bias: Tensor | None, *, taps: Taps, groups: int = 1
) -> Tensor:
    """Torch's padding, a mode at a time on a 1-D view, then torch's convolution; orders 1 to 3."""
    for mode, (pads, kind) in enumerate(zip(taps.padding, taps.padding_mode, strict=True)):
        line = x.movedim(mode + 2, -1)
        flat = line.reshape(prod(line.shape[:-1]), 1, line.shape[-1])
        flat = F.pad(flat, pads, mode="constant" if kind == "zeros" else kind)
        x = flat.reshape(*line.shape[:-1], flat.shape[-1]).movedim(-1, mode + 2)
    return CONV[x.dim() - 2](x, kernel, bias, taps.stride, 0, taps.dilation, groups)
