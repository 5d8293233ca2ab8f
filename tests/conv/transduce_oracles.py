"""The definition of transduction at the start: the old module on every frame, one after the other."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn


def frame_by_frame(
    module: nn.Module, clip: Tensor, *, modes: int = 1, at: int = 2, dim: int | None = None
) -> Tensor:
    """The old module on each frame of (B, C, T, ...).

    The clip has so many modes of frames from mode ``at`` on, the result has them from ``dim`` on.
    """
    lengths, dim = clip.shape[at : at + modes], at if dim is None else dim
    places = product(*(range(length) for length in lengths))
    frames = [module(clip[(slice(None),) * at + place]) for place in places]
    return torch.stack(frames, dim=dim).unflatten(dim, lengths)


def with_statistics(network: nn.Module) -> nn.Module:
    """Norms with statistics and affine parameters of their own, float64, eval mode."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None:
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.PReLU)):
            for parameter in module.parameters():
                nn.init.normal_(parameter)
    return network.double().eval()
