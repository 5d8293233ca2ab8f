"""Pruning that keeps outputs and the course of training, also where layers share tensors."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hocp.conv import CPConv, lasso, prune_, rebalance_, soft_threshold_, sparsity

DTYPES = {torch.float32: 1e-6, torch.float64: 1e-12}
SGD, ADAM = torch.optim.SGD, torch.optim.Adam
OPTIMIZERS = {
    "sgd": lambda p: SGD(p, lr=0.05),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: ADAM(p, lr=0.01, weight_decay=0.01),
    "amsgrad": lambda p: ADAM(p, lr=0.01, amsgrad=True, foreach=False),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


def joint_network(dtype=torch.float64, **options) -> nn.Sequential:
    """Three layers of one joint tensor, two other layers between."""
    torch.manual_seed(0)
    convs = [nn.Conv2d(4, 4, 3, padding=1, bias=n == 1).to(dtype) for n in range(3)]
    a, b, c = CPConv.from_convs(convs, rank=9, solver={"iterations": 5}, **options)
    alone = CPConv(4, 4, (3, 3), rank=6, padding=1, groups=2, skip="projection", dtype=dtype)
    return nn.Sequential(a, nn.ReLU(), b, nn.BatchNorm2d(4).to(dtype), alone, c)


def zero(layer: CPConv, *components: int) -> None:
    with torch.no_grad():
        layer.weights[list(components)] = 0


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in module.named_parameters(remove_duplicate=False)}


def counted(module: nn.Module, x: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops()


@pytest.mark.parametrize("dtype", DTYPES)
def test_joint_layers_lose_what_none_of_them_uses_and_stay_shared(dtype):
    net = joint_network(dtype).eval()
    zero(net[0], 0, 1, 2)
    zero(net[2], 1, 2, 5)
    zero(net[5], 2, 1, 7, 8)
    zero(net[4], 3)
    x = torch.randn(2, 4, 7, 6, dtype=dtype)
    before, work = net(x), counted(net, x)
    prune_(net)
    assert [net[n].rank for n in (0, 2, 4, 5)] == [7, 7, 5, 7]  # 1 and 2 are zero in all three
    assert (net(x) - before).abs().max() <= DTYPES[dtype] * before.abs().max()
    assert counted(net, x) < work
    for index in range(4):
        assert net[0].factors[index] is net[2].factors[index] is net[5].factors[index]
    assert len({id(net[n].weights) for n in (0, 2, 5)}) == 3
    assert [row.zeroed for row in sparsity(net)] == [1, 1, 0, 2]  # what another layer still needs
    assert net[4].skip_factor.shape == (4, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("psi", [False, True])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_every_tensor_of_a_layer_shrinks_and_the_output_stays(order, psi, dtype):
    torch.manual_seed(0)
    options = {"rank_norm": "batch", "rank_activation": "relu"} if psi else {}
    layer = CPConv(4, 6, (3,) * order, rank=8, padding=1, groups=2, bias=True, dtype=dtype, **options).eval()
    if psi:
        nn.init.normal_(layer.rank_norm.bias)
        layer.rank_norm.running_var.uniform_(0.5, 2)
    zero(layer, 0, 3, 6)
    x = torch.randn(2, 4, *(5,) * order, dtype=dtype)
    before, old = layer(x), {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    prune_(layer)
    assert (layer(x) - before).abs().max() <= DTYPES[dtype] * before.abs().max()
    for name, value in layer.state_dict().items():
        if name not in ("bias", "rank_norm.num_batches_tracked"):
            assert tuple(value.shape) == (*old[name][:-1], 5), name
    again = type(layer)(**layer.options(), dtype=dtype)
    again.load_state_dict(layer.state_dict())
    torch.testing.assert_close(again.eval()(x), layer(x))


def steps(net, optimizer, gone, *, count=4):
    """Train, with the named components held at zero."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        x = torch.randn(3, 4, 6, 6, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        for layer, components in gone.items():
            zero(layer, *components)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("joint", [False, True])
def test_training_goes_on_as_if_the_pruned_components_had_stayed_at_zero(kind, joint):
    torch.manual_seed(0)
    options = {"rank_norm": "batch", "rank_activation": "relu", "dtype": torch.float64}
    single = nn.Sequential(CPConv(4, 5, (3, 3), rank=7, bias=True, **options), nn.Conv2d(5, 3, 1).double())
    kept = joint_network() if joint else single
    where, gone = ((0, 2, 5), (1, 4)) if joint else ((0,), (0, 2, 6))
    optimizer = OPTIMIZERS[kind](kept.parameters())
    steps(kept, optimizer, {kept[n]: gone for n in where})
    kept(torch.randn(2, 4, 6, 6, dtype=torch.float64)).sum().backward()  # gradients are there when pruning
    pruned, its = copy.deepcopy((kept, optimizer))
    prune_(pruned, its)
    rank = kept[0].rank - len(gone)
    assert pruned[0].rank == rank and all(
        value.shape[-1] == rank
        for p in (*pruned[0].factors, pruned[0].weights)
        for value in (p.grad, *its.state[p].values()) if torch.is_tensor(value) and value.dim()
    )  # fmt: skip
    known = {id(p) for p in pruned.parameters()}
    assert {id(p) for group in its.param_groups for p in group["params"]} == known
    assert {id(p) for p in its.state} <= known
    steps(kept, optimizer, {kept[n]: gone for n in where}, count=5)
    steps(pruned, its, {}, count=5)
    prune_(kept)
    for name, value in kept.state_dict().items():
        torch.testing.assert_close(pruned.state_dict()[name], value, rtol=1e-6, atol=1e-6, msg=name)


def test_frozen_tensors_stay_frozen_and_unknown_to_the_optimizer():
    net = joint_network()
    net[0].factors.requires_grad_(False)
    optimizer = OPTIMIZERS["adam"]([p for p in net.parameters() if p.requires_grad])
    for n in (0, 2, 5):
        zero(net[n], 4)
    count = len(optimizer.param_groups[0]["params"])
    prune_(net, optimizer)
    assert not any(f.requires_grad for f in net[5].factors) and net[5].weights.requires_grad
    assert len(optimizer.param_groups[0]["params"]) == count


def test_an_optimizer_that_remembers_directions_is_refused_and_nothing_changes():
    net = nn.Sequential(CPConv(3, 3, (3,), rank=4))
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)

    def loss():
        optimizer.zero_grad()
        value = net(torch.ones(1, 3, 5)).square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    zero(net[0], 1)
    before = shapes(net)
    with pytest.raises(ValueError, match=r"prune_ cannot shrink .* that LBFGS remembers.*a new optimizer"):
        prune_(net, optimizer)
    assert shapes(net) == before


def test_pruning_all_of_a_layer_or_nothing():
    net = joint_network()
    before = shapes(net)
    ids = [id(p) for p in net.parameters()]
    prune_(net)
    assert shapes(net) == before and [id(p) for p in net.parameters()] == ids
    for n in (0, 2, 5):
        zero(net[n], *range(9))
    prune_(net)
    assert [net[n].rank for n in (0, 2, 4, 5)] == [1, 1, 6, 1]
    assert not net[0](torch.ones(1, 4, 5, 5, dtype=torch.float64)).any()


def scaled(net: nn.Sequential) -> None:
    """Columns of any length."""
    with torch.no_grad():
        for factor in (*net[0].factors, *net[4].factors):
            factor.mul_(torch.rand(factor.shape[1]) * 3 + 0.1)


def test_rebalancing_gives_the_norms_of_shared_factors_to_every_layer():
    net = joint_network().eval()
    scaled(net)
    x = torch.randn(2, 4, 7, 6, dtype=torch.float64)
    before = [net[n](x) for n in (0, 2, 4, 5)]
    rebalance_(net)
    for n, y in zip((0, 2, 4, 5), before, strict=True):
        torch.testing.assert_close(net[n](x), y, rtol=1e-10, atol=1e-10)
        for factor in net[n].factors:
            torch.testing.assert_close(factor.norm(dim=0), torch.ones(net[n].rank, dtype=torch.float64))


def test_layers_that_are_one_and_the_same_tensors_are_scaled_and_penalised_once():
    """Weight tying: two layers of all the same tensors."""
    one, other = (CPConv(3, 3, (3, 3), rank=5, dtype=torch.float64, padding=p) for p in (0, 1))
    other.factors, other.weights = one.factors, one.weights
    net, x = nn.Sequential(one, other), torch.randn(1, 3, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        for factor in one.factors:
            factor.mul_(torch.rand(5) * 3 + 0.1)
        one.weights.copy_(torch.tensor([0.5, -1.0, 2.0, 0.01, -0.02]))
    before = net(x)
    assert float(lasso(net).detach()) == pytest.approx(3.53)
    soft_threshold_(net, 0.0)
    rebalance_(net)
    torch.testing.assert_close(net(x), before, rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        one.weights.copy_(torch.tensor([0.5, -1.0, 2.0, 0.01, -0.02]))
    soft_threshold_(net, 0.1)
    torch.testing.assert_close(one.weights.detach(), torch.tensor([0.4, -0.9, 1.9, 0, 0]).double())
    prune_(net)
    assert one.rank == other.rank == 3 and one.weights is other.weights


def test_a_factor_that_a_layer_without_weights_shares_keeps_its_scale():
    """There is nowhere to put the norms."""
    one = CPConv(3, 3, (3, 3), rank=5, dtype=torch.float64)
    other = CPConv(3, 3, (3, 3), rank=5, dtype=torch.float64, learn_weights=False)
    other.factors[0] = one.factors[0]
    net, x = nn.ModuleList([one, other]), torch.randn(1, 3, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        one.factors[0].mul_(3)
        one.factors[1].mul_(3)
    before = [layer(x) for layer in net]
    rebalance_(net)
    for layer, y in zip(net, before, strict=True):
        torch.testing.assert_close(layer(x), y, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(one.factors[1].norm(dim=0), torch.ones(5, dtype=torch.float64))
    zero(one, 2)
    prune_(net)  # the other layer still needs it
    assert one.rank == other.rank == 5
