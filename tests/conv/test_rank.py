"""Lasso on the CP weights: the penalty bites, zeros are exact, pruning shrinks and changes nothing."""

import pytest
import torch
from torch import nn

from hocp.conv import (
    CPConv,
    adam_scales,
    lasso,
    matching_rank,
    network_cost,
    prune_,
    rebalance_,
    soft_threshold_,
    sparsity,
    transduce,
)


def network(*, psi: bool = False, dtype=torch.float32, bias: bool = True) -> nn.Module:
    """Two CP layers and a dense one."""
    torch.manual_seed(0)
    options = {"rank_norm": "batch", "rank_activation": "relu"} if psi else {}
    net = nn.Sequential(
        CPConv(3, 8, (3, 3), rank=12, padding=1, bias=bias, dtype=dtype, **options),
        nn.ReLU(),
        nn.Conv2d(8, 8, 1, dtype=dtype),
        CPConv(8, 4, (3, 3), rank=20, padding=1, dtype=dtype, **options),
        CPConv(4, 4, (3, 3), rank=6, padding=1, dtype=dtype, learn_weights=False),
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net.eval()


def set_weights(net: nn.Module) -> None:
    """Weights of both signs and known sizes."""
    with torch.no_grad():
        net[0].weights.copy_(torch.linspace(-1.1, 1.1, 12))
        net[3].weights.copy_(torch.linspace(-2, 2, 20))


def test_penalty_is_the_sum_of_absolute_weights_once():
    net = network()
    set_weights(net)
    by_hand = sum(abs(w) for layer in (net[0], net[3]) for w in layer.weights.tolist())
    assert float(lasso(net).detach()) == pytest.approx(by_hand)
    lasso(net).backward()
    torch.testing.assert_close(net[0].weights.grad, net[0].weights.detach().sign())
    assert net[4].factors[0].grad is None


def test_weights_gate_the_output_and_the_task_gradient_reaches_them():
    """The probe that tensorly-torch's lasso fails: zero gates there leave the output as it was."""
    net = network(bias=False)
    x = torch.randn(2, 3, 6, 6)
    net(x).sum().backward()
    assert net[3].weights.grad.abs().min() > 0
    with torch.no_grad():
        net[3].weights.zero_()
    assert not net(x).any()


def test_soft_threshold_is_the_proximal_map_of_the_penalty():
    net = network()
    set_weights(net)
    old = net[3].weights.detach().clone()
    soft_threshold_(net, 0.3)
    grid = torch.linspace(-3, 3, 6001)
    for before, after in zip(old, net[3].weights.detach(), strict=True):
        best = grid[(0.5 * (grid - before) ** 2 + 0.3 * grid.abs()).argmin()]
        assert abs(float(best - after)) < 2e-3
    # Exactly the weights within 0.3 of zero are gone, whatever their sign.
    assert torch.equal(net[3].weights == 0, old.abs() <= 0.3) and (net[3].weights == 0).sum() == 2


def test_the_largest_component_survives_any_amount():
    net = network()
    set_weights(net)
    soft_threshold_(net, 100.0)
    assert [row.zeroed for row in sparsity(net)] == [11, 19]
    assert float(net[0].weights.detach().abs().max()) == pytest.approx(1.1)


@pytest.mark.parametrize("psi", [False, True])
@pytest.mark.parametrize("mode", [True, False])
def test_rebalancing_changes_no_output_and_leaves_unit_columns(psi, mode):
    net = network(psi=psi, dtype=torch.float64).train(mode)
    with torch.no_grad():
        for layer in (net[0], net[3]):
            for factor in layer.factors:
                factor.mul_(torch.rand(layer.rank) * 5)
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    before = net(x)
    rebalance_(net)
    torch.testing.assert_close(net(x), before, rtol=1e-10, atol=1e-10)
    for layer in (net[0], net[3]):
        for index, factor in enumerate(layer.factors):
            if not (psi and index == 1):
                torch.testing.assert_close(factor.norm(dim=0), torch.ones(layer.rank, dtype=torch.float64))


def test_scaling_a_factor_up_and_the_weight_down_does_not_dodge_the_penalty():
    net = network()
    rebalance_(net)
    honest = float(lasso(net).detach())
    with torch.no_grad():
        net[0].weights.mul_(1e-3)
        net[0].factors[2].mul_(1e3)
    assert float(lasso(net).detach()) < 0.9 * honest
    rebalance_(net)
    assert float(lasso(net).detach()) == pytest.approx(honest, rel=1e-5)


def test_zero_columns_make_zero_weights_not_nan():
    net = network()
    with torch.no_grad():
        net[0].factors[2][:, 3] = 0
    rebalance_(net)
    assert net[0].weights[3] == 0 and all(p.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("psi", [False, True])
@pytest.mark.parametrize("clip", [False, True])
def test_pruning_shrinks_every_tensor_and_keeps_the_output(psi, clip):
    net = network(psi=psi)
    net = transduce(net) if clip else net
    set_weights(net)
    soft_threshold_(net, 0.6)
    x = torch.randn(2, 3, *([4] if clip else []), 6, 6)
    size, rows = network_cost(net, x.shape[1:]), sparsity(net)
    before = net(x)
    prune_(net)
    torch.testing.assert_close(net(x), before, rtol=1e-5, atol=1e-6)
    assert (net[0].rank, net[3].rank) == tuple(row.rank - row.zeroed for row in rows) == (6, 14)
    taps = 9 if clip else 6
    norm = 2 if psi else 0
    removed = 6 * (3 + 8 + taps + 1 + norm) + 6 * (8 + 4 + taps + 1 + norm)
    after = network_cost(net, x.shape[1:])
    assert size.parameters - after.parameters == removed
    assert after.macs < size.macs
    assert [row.zeroed for row in sparsity(net)] == [0, 0]
    net.train()(x).sum().backward()  # still trains, norms included
    assert all(p.grad is not None and p.grad.shape == p.shape for p in net.parameters())


def test_pruned_layer_loads_into_one_built_at_its_rank():
    net = network()
    set_weights(net)
    soft_threshold_(net, 0.6)
    prune_(net)
    other = CPConv(3, 8, (3, 3), rank=net[0].rank, padding=1, bias=True)
    other.load_state_dict(net[0].state_dict())
    x = torch.randn(1, 3, 5, 5)
    torch.testing.assert_close(other(x), net[0](x))


def test_a_dead_layer_keeps_one_component_and_its_output():
    net = network()
    with torch.no_grad():
        net[0].weights.zero_()
    x = torch.randn(1, 3, 5, 5)
    before = net(x)
    prune_(net)
    assert net[0].rank == 1
    torch.testing.assert_close(net(x), before)


OPTIMIZERS = {
    "sgd": lambda layer: torch.optim.SGD([layer.weights], lr=0.01),
    "adam": lambda layer: torch.optim.Adam([layer.weights], lr=0.01),
    "adamw": lambda layer: torch.optim.AdamW([layer.weights], lr=0.01, weight_decay=0),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_training_with_the_proximal_step_ends_at_the_minimum_of_the_lasso(kind):
    """0.5 sum_r c_r (w_r - a_r)^2 + gamma |w|_1 has its minimum where a_r is shrunk by gamma / c_r."""
    torch.manual_seed(0)
    layer, gamma = CPConv(2, 2, (3,), rank=8), 0.5
    a, c = torch.linspace(-1.5, 1.4, 8), torch.tensor([0.5, 3.0]).repeat(4)
    optimizer = OPTIMIZERS[kind](layer)
    for _ in range(1500):
        optimizer.zero_grad()
        (0.5 * c * (layer.weights - a).square()).sum().backward()
        optimizer.step()
        scales = None if kind == "sgd" else adam_scales(optimizer)
        soft_threshold_(layer, 0.01 * gamma, scales=scales)
    minimum = a.sign() * (a.abs() - gamma / c).clamp_min(0)
    torch.testing.assert_close(layer.weights.detach(), minimum, rtol=0, atol=0.01)
    assert torch.equal(layer.weights == 0, minimum == 0) and (minimum == 0).any()


def test_layers_that_the_optimizer_does_not_train_are_passed_over():
    net = network()
    set_weights(net)
    before = net[3].weights.detach().clone()
    soft_threshold_(net, 0.3, scales={net[0].weights: torch.full((12,), 0.5)})
    assert torch.equal(net[3].weights, before)
    assert (net[0].weights == 0).sum() == 6  # 0.3 / 0.5 = 0.6


def test_the_recipe_finds_the_true_rank():
    """A layer of rank 12 learns a kernel of rank 3: hardly more than the true components are left."""
    torch.manual_seed(0)
    truth = CPConv(4, 4, (3, 3), rank=3, padding=1)
    layer = CPConv(4, 4, (3, 3), rank=12, padding=1)

    def learn(steps: int, penalty: float) -> None:
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
        for _ in range(steps):
            x = torch.randn(16, 4, 6, 6)
            optimizer.zero_grad()
            (layer(x) - truth(x).detach()).square().mean().backward()
            optimizer.step()
            rebalance_(layer)
            soft_threshold_(layer, 0.02 * penalty, scales=adam_scales(optimizer))

    learn(500, penalty=0.01)
    (row,) = sparsity(layer)
    assert 3 <= row.rank - row.zeroed <= 6, row
    prune_(layer)
    learn(100, penalty=0)  # takes the bias of the penalty out
    x = torch.randn(16, 4, 6, 6)
    error = (layer(x) - truth(x)).norm() / truth(x).norm()
    assert error < 0.1


@pytest.mark.parametrize(("shape", "rank"), [
    (((64, 64), (3, 3)), 275), (((64, 128), (3, 3)), 372), (((512, 512), (3, 3)), 2291),
    (((1, 1), (1,)), 1),
])  # fmt: skip
def test_matching_rank_gives_the_parameters_of_the_dense_layer(shape, rank):
    (c, t), kernel = shape
    assert matching_rank(c, t, kernel) == rank
    taps = 1
    for k in kernel:
        taps *= k
    assert abs(rank * (c + t + sum(kernel)) - c * t * taps) <= (c + t + sum(kernel)) / 2 or rank == 1


def test_matching_rank_of_a_budget_counts_lambda_if_asked():
    assert matching_rank(10, 20, (3, 3), parameters=360) == 10
    assert matching_rank(10, 20, (3, 3), parameters=370, weights=True) == 10


@pytest.mark.parametrize(("call", "text"), [
    (lambda: lasso(nn.Linear(2, 2)), "Linear has no CPConv.*learn_weights=True"),
    (lambda: sparsity(CPConv(2, 2, (3,), rank=2, learn_weights=False)), "no rank to select"),
    (lambda: prune_(nn.Conv2d(2, 2, 3)), "no CPConv"),
    (lambda: rebalance_(nn.Conv2d(2, 2, 3)), "no CPConv"),
    (lambda: soft_threshold_(CPConv(2, 2, (3,), rank=2), -0.1), "amount.*-0.1.*at least 0"),
    (lambda: soft_threshold_(CPConv(2, 2, (3,), rank=2), float("nan")), "amount.*nan"),
])  # fmt: skip
def test_wrong_use_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
