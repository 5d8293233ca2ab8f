"""Modules that stand in a transduced network where the old one had a layer that looks at one frame.

Shapes: B batch, T... the new modes, C channels, D0, ... spatial sizes of a frame, F features.
    maps   (B, C, T, ..., D0, ...)
    rows   (B, T, ..., F)            behind `FramesLast`, as linear layers take them
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PerFrame(nn.Module):
    """Apply a module to every frame: the new modes go into the batch, and come back out.

    Exact by construction, which a norm over (T, H, W) or an interpolation between frames would not be.

    Parameters
    ----------
    module : nn.Module
        Takes frames (B, C, D0, ...), or rows (B, F). It may take and return several tensors.
    frame_order : int
        Spatial modes of a frame.
    modes : int, default 1
        How many new modes there are.
    """

    def __init__(self, module: nn.Module, frame_order: int, modes: int = 1) -> None:
        super().__init__()
        self.module, self.frame_order, self.modes = module, frame_order, modes

    @property
    def order(self) -> int:
        """Spatial modes of the input, the new ones included."""
        return self.frame_order + self.modes

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Fold, apply, unfold; maps may come without the batch mode, unless they then look like rows.

        Raises
        ------
        ValueError
            If the number of modes is wrong.
        """
        dims, rows = inputs[0].dim(), self.modes + 2
        if dims == self.order + 1 and dims != rows:
            return _each(self(*(x.unsqueeze(0) for x in inputs)), lambda y: y.squeeze(0))
        if dims not in (self.order + 2, rows):
            raise ValueError(
                f"PerFrame around {type(self.module).__name__} got an input of shape "
                f"{tuple(inputs[0].shape)}; expected {self.order + 2} modes (batch, channels, {self.modes} "
                f"new, {self.frame_order} of a frame), or {rows} for features behind FramesLast"
            )
        channels = 1 if dims == self.order + 2 else -1
        moved = [x.movedim(channels, self.modes + 1) for x in inputs]
        together = moved[0].shape[: self.modes + 1]
        outputs = self.module(*(x.flatten(0, self.modes) for x in moved))
        return _each(outputs, lambda y: y.reshape(*together, *y.shape[1:]).movedim(self.modes + 1, channels))

    def extra_repr(self) -> str:
        """What the printed module shows."""
        return f"frame_order={self.frame_order}, modes={self.modes}"


def _each(outputs: Tensor | tuple[Tensor, ...], change) -> Tensor | tuple[Tensor, ...]:
    """Change one tensor or all of several."""
    return change(outputs) if isinstance(outputs, Tensor) else tuple(map(change, outputs))


class FramesLast(nn.Module):
    """What ``nn.Flatten`` becomes: maps (B, C, T, H, W) -> rows (B, T, C H W), features of each frame."""

    def __init__(self, modes: int = 1) -> None:
        super().__init__()
        self.modes = modes

    def forward(self, x: Tensor) -> Tensor:
        """Bring the new modes behind the batch and flatten the rest."""
        return x.movedim(1, self.modes + 1).flatten(self.modes + 1)

    def extra_repr(self) -> str:
        """What the printed module shows."""
        return f"modes={self.modes}"


class FramesBack(nn.Module):
    """What ``nn.Unflatten`` becomes: rows (B, T, F) -> maps (B, C, T, H, W); undoes `FramesLast`."""

    def __init__(self, sizes: tuple[int, ...], modes: int = 1) -> None:
        super().__init__()
        self.sizes, self.modes = tuple(sizes), modes

    def forward(self, x: Tensor) -> Tensor:
        """Split the features and bring the channels behind the batch."""
        return x.unflatten(-1, self.sizes).movedim(self.modes + 1, 1)

    def extra_repr(self) -> str:
        """What the printed module shows."""
        return f"{self.sizes}, modes={self.modes}"


class ChannelDropout(nn.Module):
    """Drop whole channels of (B, C, D0, ...) of any order; torch's own stops at three spatial modes."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop in training, else do nothing."""
        return torch.feature_dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """What the printed module shows."""
        return f"p={self.p}"
