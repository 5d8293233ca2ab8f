"""Can a layer be trained from where it starts?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from kernels import inputs
from probing import Failed, holds, probe
from torch import nn

START = "Starting values"
#: Form -> rank of small layers.
RANKS = {"cp": 7, "tucker": (5, 4), "tt": (3, 3, 3)}
CHANNELS = (4, 6)


@contextmanager
def spoiled_memory() -> Iterator[None]:
    """Fill what nobody initialises with NaN, so that luck with old memory decides nothing."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@probe("S1", START, "A fresh layer holds finite numbers", source="tltorch.FactorizedConv")
def finite(library, form):
    rank = RANKS[form]
    with spoiled_memory():
        layer = library.fresh(form, CHANNELS, (3, 3), rank=rank, bias=True)
    for name, parameter in layer.named_parameters():
        holds(bool(parameter.isfinite().all()), f"{name} is uninitialised memory")


@probe(
    "S2", START, "Variance stays within a factor of 2 through 18 layers with ReLU", source="He et al. 2015"
)
def variance(library, form):
    """In expectation, from the gains of ten stacks: a single one depends on luck, as dense layers do."""
    rank = {"cp": 192, "tucker": (64, 64), "tt": (64, 64, 64)}[form]
    gains = []
    for seed in range(10):
        torch.manual_seed(seed)
        gains += _gains([library.initialised(form, (96, 96), (3, 3), rank=rank) for _ in range(18)])
    through = (sum(gains) / len(gains)) ** 18
    holds(0.5 <= through <= 2, f"variance times {through:.1g}")


@torch.no_grad()
def _gains(layers: list[nn.Module]) -> list[float]:
    """Second moment behind each layer over that in front; padded circularly, so that borders cost nothing."""
    x, gains = torch.randn(1, 96, 8, 8), []
    for layer in layers:
        y = layer(nn.functional.pad(x, (1, 1, 1, 1), mode="circular")).relu()
        gains.append(float(y.square().mean() / x.square().mean()))
        x = y / y.square().mean().sqrt()
    return gains


@probe(
    "S3",
    START,
    "Built on the meta device, materialised and initialised, it works",
    source="torch.nn.Module.to_empty",
)
def deferred(library, form):
    rank = RANKS[form]
    layer = library.fresh(form, CHANNELS, (3, 3), rank=rank, padding=1, device="meta", bias=True)
    with spoiled_memory():
        layer = layer.to_empty(device="cpu")
    library.reset(layer)
    y = layer(inputs(2, 4, 5, 5, dtype=torch.float32))
    holds(bool(y.isfinite().all()) and bool(y.any()), "output is not finite or zero")


@probe("S4", START, "dtype is kept from the constructor on")
def dtype(library, form):
    rank = RANKS[form]
    layer = library.initialised(form, CHANNELS, (3, 3), rank=rank, dtype=torch.float64, bias=True)
    for name, parameter in layer.named_parameters():
        holds(parameter.dtype == torch.float64, f"{name} is {parameter.dtype}")


@probe("S5", START, "One seed, one layer; another seed, another layer", source="torch.manual_seed")
def seeds(library, form):
    rank = RANKS[form]
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        layer = library.initialised(form, CHANNELS, (3, 3), rank=rank)
        drawn.append(torch.cat([p.detach().flatten() for p in layer.parameters()]))
    if not torch.equal(drawn[0], drawn[1]):
        raise Failed("the same seed gives other numbers")
    holds(not torch.equal(drawn[0], drawn[2]), "the seed changes nothing")
