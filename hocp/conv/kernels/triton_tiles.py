"""Which part of an output one program of the Triton kernels computes, and where taps lie.

Shapes as in `hocp.conv.kernels.triton_depthwise`: z (B, D0, D1, D2, R), y and dy (B, O0, O1, O2, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

#: Of how many shapes each answer is kept: a launch has microseconds for it.
KEPT = 4096


def over(number: int, parts: int) -> int:
    """Their quotient, rounded up; Triton's own takes some microseconds, as does its next power."""
    return -(-number // parts)


def power_of_2(number: int) -> int:
    """The next one, or the number itself if it is one."""
    return 1 << (number - 1).bit_length()


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
        lines, line = over(o1, self.block[0]), over(o2, self.block[1])
        if self.rows == 1:
            tiles = over(lines * line, self.columns)
        else:
            tiles = over(lines, self.rows) * over(line, self.columns)
        return batch * tiles * over(o0, self.frames) * over(rank, self.channels)

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


@lru_cache(KEPT)
def tiles(
    shape: Sequence[int], rank: int, width: int, modes: Modes, *, plain: bool = True
) -> tuple[Tile, ...]:
    """Tiles worth trying for an output (B, O0, O1, O2, ...), the likeliest first.

    ``width`` is the bytes of a number; ``plain`` where the stage sees z itself, no affine map or ReLU of it.
    """
    if not modes.share_loads:
        blocks = [_APART[shape[2] > 1]]
    elif shape[2] > 1:
        blocks = [_PLANE[_kind(width)] if plain else _PLANE_SEEN]
    else:
        blocks = _LINES
    return tuple(_tile(block, rank, frames) for block in blocks for frames in _walks(shape))


@lru_cache(KEPT)
def product_tiles(
    shape: Sequence[int], rank: int, width: int, modes: Modes, *, plain: bool = True
) -> tuple[Tile, ...]:
    """Tiles that fuse the last 1x1 stage: all channels, and the 64 outputs or fewer that registers hold."""
    channels = max(16, power_of_2(max(rank, shape[-1])))
    plane = shape[2] > 1
    wide, narrow = ((4, 4), (2, 2)) if plane else ((1, 16), (1, 8))
    few, many = max(4, channels // 16), max(4, channels // 8)
    sizes = [(wide, few)] if plain and _kind(width) == 2 else [(narrow, few)]
    sizes += [(wide, many)] if plain and channels <= 64 else []
    block = (1, 1) if not modes.share_loads else (2, 2) if plane else (1, 4)
    fetch = 1 if plain and plane and modes.share_loads else 0
    return tuple(
        Tile(*positions, channels, warps, block, frames, fetch=fetch)
        for positions, warps in sizes
        for frames in _walks(shape)
    )


@lru_cache(KEPT)
def gradient_tile(
    shape: Sequence[int], out: Sequence[int], width: int, modes: Modes, *, plain: bool = True
) -> Tile:
    """The tile for the factors' gradients, from the shapes of z and dy.

    Always the same, for the order of their sums depends on it.
    """
    plane, rank, shape = out[2] > 1, shape[-1], (*shape[:2], *out[2:4])
    if not modes.share_loads:
        block = _APART[plane]
    elif not plane:
        block = _GRADIENT_LINE
    elif not plain:
        block = _GRADIENT_SEEN
    else:
        tall = out[2] >= _TALL and width <= 4  # doubles would not fit into its registers
        block = _GRADIENT_TALL if tall else _GRADIENT_PLANE[_kind(width)]
    whole, *shorter = (_tile(block, rank, frames) for frames in _walks(shape))
    return whole if whole.programs(shape, rank) >= _FEW or not shorter else shorter[0]


def _tile(block: Tile, rank: int, frames: int) -> Tile:
    """For that rank and walk."""
    return replace(block, channels=min(block.channels, max(16, power_of_2(rank))), frames=frames)


def _walks(shape: Sequence[int]) -> tuple[int, ...]:
    """Along all of the first mode, or in pieces: more can work, though two frames are summed twice."""
    return (min(shape[1], 64), 8) if shape[1] > 8 else (shape[1],)


def _kind(width: int) -> int:
    """Bytes of a number, as far as tiles depend on it."""
    return min(max(width, 2), 4)
