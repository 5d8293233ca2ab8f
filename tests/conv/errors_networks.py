"""Wrong uses of what takes whole networks: what is called, and what the refusal must name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn

from hocp.conv import (
    CPConv,
    Geometry,
    TTConv,
    cp_cost,
    drop_components_,
    factorize,
    freeze_except_temporal,
    from_tltorch,
    lasso,
    latency,
    layer_cost,
    load,
    rank_for,
    save,
    soft_threshold_,
    to_tltorch,
    transduce,
    tucker_cost,
    unfreeze,
)


def network() -> nn.Module:
    """Two convolutions, one of which is worth replacing."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))


def layer(**options) -> CPConv:
    """A small layer of order 2."""
    return CPConv(2, 2, (3, 3), rank=2, **options)


def two_orders() -> nn.Module:
    """Layers that cannot stand in one network."""
    return nn.Sequential(layer(), nn.Conv3d(2, 2, 3))


def frozen() -> nn.Module:
    """A layer in stage one."""
    module = transduce(layer())
    freeze_except_temporal(module)
    return module


def load_text() -> None:
    """Something that is no such file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notes.safetensors"
        path.write_text("not a layer, but long enough for a header")
        load(path)


def load_network() -> None:
    """A whole network, with none given to load into."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        save(nn.Sequential(layer(), layer()), path)
        load(path)


def load_other() -> None:
    """One layer into another."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.safetensors"
        save(layer(), path)
        load(path, into=CPConv(2, 4, (3, 3), rank=2))


G = Geometry((3, 3))
TRANSDUCE = [
    (lambda: transduce(layer(), kernel_size=4), "kernel_size of transduce is 4", "even"),
    (lambda: transduce(layer(), kernel_size=0), "kernel_size of transduce is 0", "at least 1"),
    (lambda: transduce(layer(), kernel_size=3.0), "kernel_size of transduce is 3.0", "expected"),
    (lambda: transduce(layer(), kernel_size=()), "kernel_size of transduce is empty", "one number for each"),
    (lambda: transduce(layer(), init="ones"), "init of transduce is 'ones'", "identity, average, random"),
    (lambda: transduce(layer(), init=("identity", "random")),
     "init of transduce is ('identity'", "one value"),
    (lambda: transduce(layer(), centre=3), "centre of transduce is 3", "0 to 2"),
    (lambda: transduce(layer(), centre=True), "centre of transduce is True", "a tap"),
    (lambda: transduce(nn.Sequential(layer(), nn.Bilinear(2, 2, 2))),
     "no rule for", "Bilinear", "replace the layer"),
    (lambda: transduce(nn.Sequential(nn.ReLU())), "orders none", "expected one order"),
    (lambda: transduce(two_orders()), "orders [2, 3]", "expected one order"),
    (lambda: transduce(frozen()), "transduce", "frozen for stage one", "unfreeze first"),
    (lambda: freeze_except_temporal(layer()), "no temporal factors", "hocp.conv.transduce"),
    (lambda: freeze_except_temporal(frozen()), "the module is frozen already", "unfreeze first"),
    (lambda: unfreeze(layer()), "not frozen", "freeze_except_temporal first"),
]  # fmt: skip
RANK = [
    (lambda: rank_for("cp", 8, 8, (3, 3)), "rank_for got none", "exactly one of"),
    (lambda: rank_for("cp", 8, 8, (3, 3), parameters=99, macs=9), "rank_for got", "exactly one of"),
    (lambda: rank_for("cp", 8, 8, (3, 3), parameters=-5), "parameters of rank_for is -5", "above 0"),
    (lambda: rank_for("cp", 8, 8, (3, 3), parameters=5), "parameters=5 is not enough", "raise the budget"),
    (lambda: rank_for("tt", 8, 8, (3, 3), macs=1e6), "macs=1000000.0", "input_size"),
    (lambda: rank_for("svd", 8, 8, (3, 3), parameters=99),
     "kind of rank_for is 'svd'", "'cp', 'tucker', 'tt'"),
    (lambda: lasso(nn.Linear(2, 2)), "Linear has no CPConv", "learn_weights=True"),
    (lambda: soft_threshold_(layer(), -0.1), "amount of soft_threshold_ is -0.1", "at least 0"),
    (lambda: drop_components_(layer(), 1.0), "chance of drop_components_ is 1.0", "below 1"),
    (lambda: drop_components_(nn.ReLU(), 0.5), "ReLU has no CPConv", "factorize it first"),
    (lambda: latency(layer(), torch.zeros(1, 2, 5, 5), repeats=0), "repeats", "0", "at least 1"),
    (lambda: layer_cost(nn.Linear(2, 2), (5, 5)), "layer_cost got a Linear", "expected Conv1d"),
    (lambda: cp_cost(2, 2, G, (5, 5), rank=2, form="fast"),
     "form is 'fast'", "'chain', 'merged', 'views' or 'dense'"),
    (lambda: tucker_cost(2, 2, G, (5, 5), rank=(2, 2), form="views"),
     "form is 'views'", "'chain' or 'dense'"),
]  # fmt: skip
FACTORIZE = [
    (lambda: factorize(network()), "factorize got none", "exactly one of"),
    (lambda: factorize(network(), rank=2, max_error=0.1), "factorize got", "exactly one of"),
    (lambda: factorize(network(), rank=0), "rank of factorize is 0", "at least 1"),
    (lambda: factorize(network(), rank=1.5), "rank of factorize is 1.5", "between 0 and 1"),
    (lambda: factorize(network(), rank="two"), "rank of factorize is 'two'", "a share or a mapping"),
    (lambda: factorize(network(), rank=2, kind="svd"), "kind of factorize is 'svd'", "'cp', 'tucker', 'tt'"),
    (lambda: factorize(network(), rank=2, layers=["conv9"]), "'conv9'", "fits no convolution; there are"),
    (lambda: factorize(network(), rank={"0": 2}, layers=["0", "2"]),
     "no entry for layer '2'", "leave it out"),
    (lambda: factorize(nn.Sequential(nn.Linear(2, 2)), rank=2),
     "factorize found no convolution", "Sequential"),
    (lambda: factorize(network(), rank=2, tolerance=-1), "tolerance of factorize is -1", "at least 0"),
    (lambda: factorize(network(), rank=2, stride=2),
     "factorize got stride=2", "taken over from the convolution"),
    (lambda: factorize(network(), macs="50%"), "macs='50%'", "calibration data or input_size"),
    (lambda: factorize(network(), parameters="half"),
     "parameters of factorize is 'half'", "a share such as '50%'"),
    (lambda: factorize(network(), parameters=5), "parameters=5 cannot be reached", "raise the budget"),
    (lambda: factorize(network(), max_error=2), "max_error is 2", "below 1"),
    (lambda: factorize(network(), rank=2, calibration=3), "calibration is a int", "expected a tensor"),
    (lambda: factorize(network(), rank=2, calibration=[]), "calibration has no batch", "or None"),
    (lambda: factorize(network(), rank=2, calibration=[(1, 2)]),
     "batch 0 is a tuple", "(x for x, _ in loader)"),
]  # fmt: skip
EXCHANGE = [
    (load_text, "notes.safetensors", "no safetensors file", "again"),
    (load_network, "network.safetensors holds a network with 2 factorized", "load(path, into=network)"),
    (load_other, "layer.safetensors", "built otherwise", "leave out into"),
    (lambda: to_tltorch(nn.Conv2d(2, 2, 3)), "to_tltorch got a Conv2d", "CPConv, TuckerConv or TTConv"),
    (lambda: to_tltorch(CPConv(2, 2, (3,) * 4, rank=1)), "order of this CPConv is 4", "1 to 3"),
    (lambda: to_tltorch(TTConv(2, 2, (3,), rank=1, groups=2)),
     "groups of this TTConv is 2", "Use to_dense()"),
    (lambda: to_tltorch(layer(), implementation="c"),
     "implementation of to_tltorch is 'c'", "expected one of"),
    (lambda: from_tltorch(nn.Conv2d(2, 2, 3)), "from_tltorch got a Conv2d", "tltorch.FactorizedConv"),
]  # fmt: skip

CASES = TRANSDUCE + RANK + FACTORIZE + EXCHANGE
