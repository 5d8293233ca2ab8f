"""Which part of an output one program of the Triton kernels computes, and where taps lie.

Shapes as in `hocp.conv.kernels.triton_depthwise`: z (B, D0, D1, D2, R), y and dy (B, O0, O1, O2, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import triton
from torch import Tensor

_FEW = 256  # programs that leave multiprocessors idle; a constant, so that sums are the same on every device


@dataclass(frozen=True)
class Modes:
    """Where taps lie, for three modes; `hocp.conv.kernels.triton_taps` has the formula."""

    taps: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    spread: tuple[int, ...] = (1, 1, 1)

    def transposed(self) -> Modes:
        """Of the gradient of the input, with the taps in reverse."""
        modes = zip(self.taps, self.dilation, self.before, strict=True)
        before = tuple(dilation * (taps - 1) - pad for taps, dilation, pad in modes)
        return Modes(self.taps, (1, 1, 1), self.dilation, before, self.stride)

    @property
    def share_loads(self) -> bool:
        """Whether neighbouring outputs see neighbouring inputs in the last two modes, few enough to hold."""
        ones = all(steps[1:] == (1, 1) for steps in (self.stride, self.dilation, self.spread))
        return ones and max(self.taps[1:]) <= 3

    def constants(self) -> dict[str, int]:
        """As the kernels' constants."""
        names = {
            "K": "taps",
            "STRIDE": "stride",
            "DILATION": "dilation",
            "BEFORE": "before",
            "SPREAD": "spread",
        }
        return {f"{name}{n}": getattr(self, field)[n] for name, field in names.items() for n in range(3)}


@dataclass(frozen=True)
class Tile:
    """What one program computes, by how many warps.

    ``rows`` x ``columns`` positions of ``block`` outputs each, or ``columns`` of all positions in their order
    if there is one row; ``channels`` channels, ``frames`` outputs of the first mode; ``ahead`` if a frame is
    loaded while the one before it is summed.
    """

    rows: int
    columns: int
    channels: int
    frames: int
    warps: int
    block: tuple[int, int] = (1, 1)
    ahead: bool = True

    def programs(self, shape: Sequence[int], rank: int) -> int:
        """That an output (B, O0, O1, O2, ...) takes."""
        batch, o0, o1, o2 = shape[:4]
        lines, line = triton.cdiv(o1, self.block[0]), triton.cdiv(o2, self.block[1])
        if self.rows == 1:
            tiles = triton.cdiv(lines * line, self.columns)
        else:
            tiles = triton.cdiv(lines, self.rows) * triton.cdiv(line, self.columns)
        return batch * tiles * triton.cdiv(o0, self.frames) * triton.cdiv(rank, self.channels)

    def constants(self) -> dict[str, int]:
        """As the kernel's constants."""
        return {
            "ROWS": self.block[0],
            "COLUMNS": self.block[1],
            "BLOCK1": self.rows,
            "BLOCK2": self.columns,
            "BLOCK_R": self.channels,
            "AHEAD": self.ahead,
            "frames": self.frames,
            "num_warps": self.warps,
            "num_stages": 1,  # copying ahead into shared memory would take more of it than there is
        }


#: Rows and columns of positions, channels, warps, outputs of a position, whether the next frame is loaded
#: ahead. The fastest of those tried on an H200; one more candidate is one more kernel to compile.
_PLANE = {2: (2, 2, 64, 2, (4, 2), True), 4: (2, 2, 64, 2, (4, 2), False)}
_PLANE_SEEN = (2, 2, 64, 4, (2, 2), False)  # with registers left for an affine map and ReLU
_LINES = ((1, 4, 64, 2, (1, 2), False), (1, 8, 64, 4, (1, 4), False))
_APART = {True: (4, 4, 64, 4, (1, 1), False), False: (1, 16, 64, 4, (1, 1), False)}
_GRADIENT_PLANE = {True: (2, 2, 64, 2, (2, 2), True), False: (2, 2, 64, 2, (2, 2), False)}
_GRADIENT_LINE = (1, 2, 64, 2, (1, 4), True)


def tiles(shape: Sequence[int], z: Tensor, modes: Modes, *, plain: bool = True) -> list[Tile]:
    """Tiles worth trying for an output (B, O0, O1, O2, ...) of z, the likeliest first.

    ``plain`` where the stage sees z itself and not an affine map or ReLU of it.
    """
    if not modes.share_loads:
        blocks = [_APART[shape[2] > 1]]
    elif shape[2] > 1:
        blocks = [_PLANE[_width(z)] if plain else _PLANE_SEEN]
    else:
        blocks = _LINES
    return [_tile(block, z.shape[-1], frames) for block in blocks for frames in _walks(shape)]


def product_tiles(shape: Sequence[int], z: Tensor, modes: Modes, *, plain: bool = True) -> list[Tile]:
    """Tiles that fuse the last 1x1 stage: all channels, and the 64 outputs or fewer that registers hold."""
    channels = max(16, triton.next_power_of_2(max(z.shape[-1], shape[-1])))
    plane = shape[2] > 1
    wide, narrow = ((4, 4), (2, 2)) if plane else ((1, 16), (1, 8))
    few, many = max(4, channels // 16), max(4, channels // 8)
    blocks = [(wide, few)] if plain and _width(z) == 2 else [(narrow, few)]
    blocks += [(wide, many)] if plain and channels <= 64 else []
    block = (1, 1) if not modes.share_loads else (2, 2) if plane else (1, 4)
    return [
        Tile(*positions, channels, frames, warps, block, ahead=False)
        for positions, warps in blocks
        for frames in _walks(shape)
    ]


def gradient_tile(dy: Tensor, z: Tensor, modes: Modes, *, plain: bool = True) -> Tile:
    """The tile for the factors' gradients: always the same, for the order of their sums depends on it."""
    plane, shape = dy.shape[2] > 1, (z.shape[0], z.shape[1], *dy.shape[2:4])
    if not modes.share_loads:
        block = _APART[plane]
    else:
        block = _GRADIENT_PLANE[plain and _width(z) == 2] if plane else _GRADIENT_LINE
    whole, *shorter = (_tile(block, z.shape[-1], frames) for frames in _walks(shape))
    return whole if whole.programs(shape, z.shape[-1]) >= _FEW or not shorter else shorter[0]


def _tile(block: tuple, rank: int, frames: int) -> Tile:
    rows, columns, channels, warps, outputs, ahead = block
    return Tile(
        rows, columns, min(channels, max(16, triton.next_power_of_2(rank))), frames, warps, outputs, ahead
    )


def _walks(shape: Sequence[int]) -> tuple[int, ...]:
    """Along all of the first mode, or in pieces: more can work, though two frames are summed twice."""
    return (min(shape[1], 64), 8) if shape[1] > 8 else (shape[1],)


def _width(z: Tensor) -> int:
    """Bytes of a number, as far as tiles depend on it."""
    return min(max(z.element_size(), 2), 4)
