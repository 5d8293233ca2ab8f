"""Which part of an output one program of the Triton kernels computes, and where taps lie.

Shapes as in `hocp.conv.kernels.triton_depthwise`: z (B, D0, D1, D2, R), y and dy (B, O0, O1, O2, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
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
    loaded while the one before it is summed. The frame ``fetch`` frames behind the one that is summed is
    asked for, to come into the second cache; none with 0. ``registers`` is the most that a thread may take;
    None leaves it to the compiler.
    """

    rows: int
    columns: int
    channels: int = 64
    warps: int = 4
    block: tuple[int, int] = (1, 1)
    frames: int = 1
    ahead: bool = False
    fetch: int = 0
    registers: int | None = None

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
            "FETCH": self.fetch,
            "frames": self.frames,
            "num_warps": self.warps,
            "num_stages": 1,  # copying ahead into shared memory would take more of it than there is
        } | ({"maxnreg": self.registers} if self.registers and torch.version.hip is None else {})


#: The fastest of those tried on an H200; one more candidate is one more kernel to compile.
_PLANE = {
    2: Tile(1, 4, block=(4, 4), ahead=True, fetch=2),
    4: Tile(2, 2, warps=2, block=(4, 2), fetch=1),
}
_PLANE_SEEN = Tile(2, 2, block=(2, 2))  # with registers left for an affine map and ReLU
_LINES = (Tile(1, 4, warps=2, block=(1, 2)), Tile(1, 8, block=(1, 4)))
_APART = {True: Tile(4, 4), False: Tile(1, 16)}
_GRADIENT_TALL = Tile(2, 2, block=(4, 2), fetch=1, registers=168)
_GRADIENT_PLANE = {
    2: Tile(2, 2, warps=2, block=(2, 2), ahead=True, fetch=2),
    4: Tile(2, 2, warps=2, block=(2, 2), fetch=1),
}
_GRADIENT_SEEN = Tile(2, 2, warps=2, block=(2, 2))
_GRADIENT_LINE = Tile(1, 2, warps=2, block=(1, 4), ahead=True)
_TALL = 32  # lines of a plane from which on blocks of four lines leave few of their outputs unused


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
    sizes = [(wide, few)] if plain and _width(z) == 2 else [(narrow, few)]
    sizes += [(wide, many)] if plain and channels <= 64 else []
    block = (1, 1) if not modes.share_loads else (2, 2) if plane else (1, 4)
    fetch = 1 if plain and plane and modes.share_loads else 0
    return [
        Tile(*positions, channels, warps, block, frames, fetch=fetch)
        for positions, warps in sizes
        for frames in _walks(shape)
    ]


def gradient_tile(dy: Tensor, z: Tensor, modes: Modes, *, plain: bool = True) -> Tile:
    """The tile for the factors' gradients: always the same, for the order of their sums depends on it."""
    plane, shape = dy.shape[2] > 1, (z.shape[0], z.shape[1], *dy.shape[2:4])
    if not modes.share_loads:
        block = _APART[plane]
    elif not plane:
        block = _GRADIENT_LINE
    elif not plain:
        block = _GRADIENT_SEEN
    else:
        tall = dy.shape[2] >= _TALL and z.element_size() <= 4  # doubles would not fit into its registers
        block = _GRADIENT_TALL if tall else _GRADIENT_PLANE[_width(z)]
    whole, *shorter = (_tile(block, z.shape[-1], frames) for frames in _walks(shape))
    return whole if whole.programs(shape, z.shape[-1]) >= _FEW or not shorter else shorter[0]


def _tile(block: Tile, rank: int, frames: int) -> Tile:
    """For that rank and walk."""
    channels = min(block.channels, max(16, triton.next_power_of_2(rank)))
    return replace(block, channels=channels, frames=frames)


def _walks(shape: Sequence[int]) -> tuple[int, ...]:
    """Along all of the first mode, or in pieces: more can work, though two frames are summed twice."""
    return (min(shape[1], 64), 8) if shape[1] > 8 else (shape[1],)


def _width(z: Tensor) -> int:
    """Bytes of a number, as far as tiles depend on it."""
    return min(max(z.element_size(), 2), 4)
