"""Outputs and gradients of every network on a device against CPU float64.

Shape legend: B clips, T frames, K outputs; image networks see the frames as a batch of B T images.

The reference rebuilds the kernels of CP layers and convolves densely, so it shares neither device nor
precision nor algorithm with what it judges.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv import CPConv
from hocp.learning.gpu_precision import PRECISIONS, Precision, available, computing
from hocp.networks import build, order_of

OUTPUTS = 2
Result = tuple[Tensor, dict[str, Tensor]]


def fold_frames(clips: Tensor, order: int) -> Tensor:
    """(B, 3, T, H, W) for a network of order 3; its frames (B T, 3, H, W) for one of order 2."""
    return clips if order == 3 else clips.movedim(2, 1).flatten(0, 1)


def agreement(
    name: str, device: torch.device, *, width: float, shape: tuple[int, ...], seed: int
) -> list[dict[str, Any]]:
    """One row a probe and precision.

    The probe "as_built" is the network; "smooth" has SiLU for ReLU and average for max pooling, so that its
    gradient is a continuous function of what is rounded.

    Parameters
    ----------
    name : str
        A network.
    device : torch.device
    width : float
        Factor on the network's channels.
    shape : tuple of int
        (B, 3, T, H, W) of the clips of noise that it sees, in training mode.
    seed : int
    """
    torch.manual_seed(seed)
    network = build(name, outputs=OUTPUTS, width=width).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()  # no two precisions draw the same
    x = fold_frames(torch.randn(shape), order_of(name))
    rows = []
    for probe, probed in (("as_built", network), ("smooth", smoothed(network))):
        reference = outputs_and_gradients(_rebuilding(probed).double(), x.double(), seed)
        rows += [
            {"network": name, "probe": probe} | _row(probe, probed, x, precision, device, reference, seed)
            for precision in PRECISIONS
        ]
    return rows


def smoothed(network: nn.Module) -> nn.Module:
    """A copy with SiLU for ReLU and average for max pooling."""
    network = deepcopy(network)
    for parent in list(network.modules()):
        for child_name, child in list(parent.named_children()):
            if isinstance(child, (nn.ReLU, nn.ReLU6)):
                setattr(parent, child_name, nn.SiLU())
            elif isinstance(child, (nn.MaxPool2d, nn.MaxPool3d)):
                setattr(parent, child_name, _average(child))
    return network


def _average(pool: nn.MaxPool2d | nn.MaxPool3d) -> nn.Module:
    """Average pooling of the same windows.

    It pads by itself: with a padding of its own, torch's gradient of channels-last images is wrong on a GPU
    (pytorch issue 188344, found by this check in 2.11).
    """
    order = 2 if isinstance(pool, nn.MaxPool2d) else 3
    sides = (pool.padding,) * order if isinstance(pool.padding, int) else pool.padding
    zeros = [side for size in reversed(sides) for side in (size, size)]
    average = (nn.AvgPool2d, nn.AvgPool3d)[order - 2]
    return nn.Sequential(nn.ConstantPad3d(zeros, 0) if order == 3 else nn.ZeroPad2d(zeros),
                         average(pool.kernel_size, pool.stride))  # fmt: skip


def _rebuilding(network: nn.Module) -> nn.Module:
    """A copy whose CP layers rebuild their kernels."""
    network = deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, CPConv):
            layer.implementation = "dense"
    return network


def outputs_and_gradients(network: nn.Module, x: Tensor, seed: int) -> Result:
    """Outputs, and gradients of their inner product with fixed random numbers, all in float64 on the CPU."""
    y = network(x)
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    y.backward(direction.to(y))
    gradients = {path: p.grad.detach().double().cpu() for path, p in network.named_parameters()}
    return y.detach().double().cpu(), gradients


def _row(
    probe: str,
    network: nn.Module,
    x: Tensor,
    precision: Precision,
    device: torch.device,
    reference: Result,
    seed: int,
) -> dict[str, Any]:
    """One precision's errors and verdict; a failure of the device is a row with its reason."""
    bounds = dict(zip(("output_bound", "gradient_bound"), precision.bounds[probe], strict=True))
    row: dict[str, Any] = {"precision": precision.name, **bounds}
    reason = available(precision, device)
    if reason:
        return row | {"verdict": "skipped", "reason": reason}
    try:
        with computing(precision, device):
            found = outputs_and_gradients(deepcopy(network).to(device), x.to(device), seed)
    except RuntimeError as error:
        return row | {"verdict": "failed", "reason": str(error).splitlines()[0]}
    return row | judge(found, reference, *precision.bounds[probe])


def judge(
    found: Result, reference: Result, output_bound: float, gradient_bound: float | None
) -> dict[str, Any]:
    """Relative errors, the worst parameter, and whether the bounds hold; non-finite errors are None."""
    output = relative_error([found[0]], [reference[0]])
    paths = list(reference[1])
    gradient = relative_error([found[1][p] for p in paths], [reference[1][p] for p in paths])
    each = {p: _norm(found[1][p] - reference[1][p]) for p in paths}
    worst = max(each, key=lambda p: each[p] if math.isfinite(each[p]) else math.inf)
    held = output is not None and gradient is not None
    held = held and output <= output_bound and (gradient_bound is None or gradient <= gradient_bound)
    return {
        "output_error": output,
        "gradient_error": gradient,
        "worst_parameter": worst,
        "verdict": "passed" if held else "failed",
    }


def relative_error(found: list[Tensor], reference: list[Tensor]) -> float | None:
    """||found - reference|| / ||reference|| over all tensors together; None if it is not finite."""
    difference = math.hypot(*(_norm(f - r) for f, r in zip(found, reference, strict=True)))
    error = difference / math.hypot(*map(_norm, reference))
    return error if math.isfinite(error) else None


def _norm(tensor: Tensor) -> float:
    """Frobenius norm."""
    return tensor.norm().item()
