"""Identities that the paper rests on, measured in float64: two ways to compute the same, how far apart.

Each is an `Identity`: what one way and the other give. The second way is written with torch's own
convolutions. Shapes: B batch, C input and T output channels, R rank; D0, ... spatial sizes, time first; K0,
... taps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hocp.conv import CPConv, TuckerConv, prune_, transduce

SEED = 0
C, T, R = 5, 6, 7
_CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


class Identity(NamedTuple):
    """Two tensors that must be equal, and what they are."""

    identity: str
    case: str
    order: int
    ours: Tensor
    other: Tensor


def rows() -> Iterator[dict[str, object]]:
    """All identities as rows of `hocp.contracts.record.IDENTITIES`."""
    torch.manual_seed(SEED)
    with torch.no_grad():
        for found in measured():
            error = float((found.ours - found.other).abs().max())
            scale = float(found.other.abs().max())
            yield {
                "identity": found.identity,
                "case": found.case,
                "order": found.order,
                "dtype": "float64",
                "seed": SEED,
                "error": f"{error:.3e}",
                "scale": f"{scale:.6g}",
                "relative": f"{error / scale:.3e}",
            }


def measured() -> Iterator[Identity]:
    """Every identity in every case."""
    yield from _chain_is_dense()
    yield from _modes_commute()
    yield from _transduction()
    yield _pruned()
    yield from _blocks()


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def _factors(*taps: int, rank: int = R) -> list[Tensor]:
    """(T, R), (C, R), (K0, R), ..."""
    return [_random(size, rank) for size in (T, C, *taps)]


def kernel_of(weights: Tensor, factors: list[Tensor]) -> Tensor:
    """W[t, s, k0, ...] = sum_r lambda_r U_T[t, r] U_C[s, r] prod_k U_k[i_k, r] (Section 3 of the paper)."""
    letters = "tcijkl"[: len(factors)]
    terms = ",".join(f"{letter}r" for letter in letters)
    return torch.einsum(f"r,{terms}->{letters}", weights, *factors)


def _dense(x: Tensor, kernel: Tensor) -> Tensor:
    """Zero-padded convolution of any order; above three, the first mode is summed tap by tap."""
    order = kernel.dim() - 2
    half = [taps // 2 for taps in kernel.shape[2:]]
    if order <= 3:
        return _CONV[order](x, kernel, padding=tuple(half))
    padded = functional.pad(x, [0, 0] * (order - 1) + [half[0], half[0]])
    frames = range(x.shape[2])
    sums = [sum(_dense(padded[:, :, t + k], kernel[:, :, k]) for k in range(kernel.shape[2])) for t in frames]
    return torch.stack(sums, dim=2)


def _chain_is_dense() -> Iterator[Identity]:
    """Pointwise, 1-D convolutions, pointwise: the dense convolution with the rebuilt kernel."""
    for order in (1, 2, 3, 4):
        weights, factors = _random(R), _factors(*(3, 5, 3, 3)[:order])
        layer = CPConv.from_factors(weights, factors, padding="same", implementation="chain")
        x = _random(2, C, *(6, 7, 5, 4)[:order])
        yield Identity(
            "chain_is_dense", f"order {order}", order, layer(x), _dense(x, kernel_of(weights, factors))
        )


def _modes_commute() -> Iterator[Identity]:
    """The 1-D convolutions may stand in any order, zero padding included."""
    x, factors = _random(2, R, 6, 7, 5), [_random(taps, R) for taps in (3, 5, 3)]

    def one(x: Tensor, mode: int) -> Tensor:
        taps = factors[mode].shape[0]
        shape = [taps if k == mode else 1 for k in range(3)]
        kernel = factors[mode].t().reshape(R, 1, *shape)
        return functional.conv3d(x, kernel, padding=tuple(taps // 2 for taps in shape), groups=R)

    def all_of(order: tuple[int, ...]) -> Tensor:
        y = x
        for mode in order:
            y = one(y, mode)
        return y

    first = all_of((0, 1, 2))
    for order in list(permutations(range(3)))[1:]:
        yield Identity("modes_commute", "modes " + " ".join(map(str, order)), 3, all_of(order), first)


def _transduction() -> Iterator[Identity]:
    """With a centred delta the image network, frame by frame; with ones the sum over three frames."""
    images = (
        nn.Sequential(
            CPConv(C, T, (3, 3), rank=R, padding=1),
            nn.BatchNorm2d(T),
            nn.ReLU(),
            CPConv(T, C, (3, 3), rank=R, stride=2, padding=1, bias=True),
            nn.BatchNorm2d(C),
        )
        .double()
        .eval()
    )
    for norm in (images[1], images[4]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    clip = _random(2, C, 6, 8, 8)
    frames = torch.stack([images(clip[:, :, t]) for t in range(6)], dim=2)
    yield Identity("transduced_is_frame_by_frame", "network", 3, transduce(images)(clip), frames)
    layer = images[0]
    clips = transduce(layer)
    new = sum(p.numel() for p in clips.parameters()) - sum(p.numel() for p in layer.parameters())
    yield Identity("transduction_adds_taps_times_rank", "layer", 3, *map(torch.tensor, (float(new), 3.0 * R)))
    clips.factors[2].fill_(1.0)
    alone = functional.pad(torch.stack([layer(clip[:, :, t]) for t in range(6)], dim=2), [0, 0, 0, 0, 1, 1])
    yield Identity(
        "ones_sum_neighbours", "layer", 3, clips(clip), alone[:, :, :-2] + alone[:, :, 1:-1] + alone[:, :, 2:]
    )


def _pruned() -> Identity:
    """Components of weight zero can go: the layer shrinks and the output stays."""
    layer = CPConv.from_factors(_random(R), _factors(3, 3), padding=1)
    layer.weights[::2] = 0.0
    x = _random(2, C, 7, 7)
    before = layer(x)
    prune_(layer)
    assert layer.rank == R // 2
    return Identity("pruned_is_whole", f"{R - R // 2} of {R} components", 2, layer(x), before)


def _blocks() -> Iterator[Identity]:
    """Blocks of known networks as factorized convolutions (Section 3 of the paper)."""
    x, inner, outer = _random(2, C, 7, 7), _random(C, R), _random(T, R)
    core = _random(R, R, 3, 3)
    yield Identity(
        "bottleneck_is_tucker",
        "1x1, 3x3, 1x1",
        2,
        _tucker(x, core, outer, inner),
        _bottleneck(x, core, outer, inner),
    )
    groups = 2
    grouped, wide_in, wide_out = _random(8, 4, 3, 3), _random(C, 8), _random(T, 8)
    diagonal = torch.zeros(8, 8, 3, 3, dtype=torch.float64)
    for group in range(groups):
        part = slice(4 * group, 4 * group + 4)
        diagonal[part, part] = grouped[part]
    yield Identity(
        "resnext_is_tucker",
        f"{groups} groups: a block-diagonal core",
        2,
        _tucker(x, diagonal, wide_out, wide_in),
        _bottleneck(x, grouped, wide_out, wide_in, groups=groups),
    )
    rows, columns, ones = _random(3, R), _random(3, R), torch.ones(R, dtype=torch.float64)
    merged = torch.einsum("ir,jr->rij", rows, columns).unsqueeze(1)
    layer = CPConv.from_factors(ones, [outer, inner, rows, columns], padding=1)
    yield Identity(
        "mobilenet_v2_is_cp",
        "1x1, depthwise 3x3, 1x1",
        2,
        layer(x),
        _bottleneck(x, merged, outer, inner, groups=R),
    )
    unit, own = torch.eye(C, dtype=torch.float64), _random(T, C)
    layer = CPConv.from_factors(
        torch.ones(C, dtype=torch.float64), [own, unit, rows[:, :C], columns[:, :C]], padding=1
    )
    depthwise = functional.conv2d(x, merged[:C], padding=1, groups=C)
    yield Identity(
        "mobilenet_v1_is_cp",
        "depthwise 3x3, 1x1",
        2,
        layer(x),
        functional.conv2d(depthwise, own[..., None, None]),
    )


def _tucker(x: Tensor, core: Tensor, outer: Tensor, inner: Tensor) -> Tensor:
    return TuckerConv.from_factors(core, [outer, inner], padding=1)(x)


def _bottleneck(x: Tensor, core: Tensor, outer: Tensor, inner: Tensor, *, groups: int = 1) -> Tensor:
    """1x1, 3x3 in groups, 1x1, as three convolutions of torch."""
    y = functional.conv2d(x, inner.t()[..., None, None])
    y = functional.conv2d(y, core, padding=1, groups=groups)
    return functional.conv2d(y, outer[..., None, None])
