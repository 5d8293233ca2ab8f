"""Whole networks: what is replaced, what stays, what is reported, and what is refused."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hocp import networks
from hocp.conv import (
    ConvNd,
    CPConv,
    FactorizationError,
    Factorized,
    Geometry,
    TTConv,
    TuckerConv,
    factorize,
)

CLASSES = {"cp": CPConv, "tucker": TuckerConv, "tt": TTConv}
CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
QUICK = {"iterations": 20, "restarts": 0}


def solver(kind: str) -> dict:
    return QUICK if kind == "cp" else {}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def plain(order: int = 2, **like) -> nn.Sequential:
    """One of each: to be replaced, 1x1, depthwise, norm, head."""
    conv, norm = CONV[order], {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[order]
    net = nn.Sequential(
        conv(3, 8, 3, padding=1, stride=2, bias=False), norm(8), nn.ReLU(),
        conv(8, 8, 1), conv(8, 8, 3, groups=8, padding=1),
        conv(8, 6, 3, padding="same", padding_mode="circular"), norm(6), nn.ReLU(),
        nn.Flatten(2),
    ).to(**like)  # fmt: skip
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net


def low_rank(conv: nn.Module, kind: str, rank) -> nn.Module:
    """The convolution with a kernel of this exact rank."""
    shape = (conv.in_channels, conv.out_channels, tuple(conv.weight.shape[2:]))
    layer = CLASSES[kind](*shape, rank=rank, dtype=conv.weight.dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
        conv.weight.copy_(layer.to_kernel())
    return conv


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def counted(module: nn.Module, x: torch.Tensor) -> int:
    """MACs that torch counts for one sample."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        copy.deepcopy(module).eval()(x)
    return counter.get_total_flops() // 2 // x.shape[0]


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).double().norm() / expected.double().norm()).item()


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_convolutions_with_several_taps_and_one_group_are_replaced_and_nothing_else(order, kind):
    net, x = plain(order), torch.randn(2, 3, *(8,) * order)
    result = factorize(net, rank=2, kind=kind, calibration=x, solver=solver(kind), implementation="chain")
    assert isinstance(result, Factorized)
    classes = [type(module).__name__ for module in result.network]
    expected = [type(module).__name__ for module in net]
    expected[0] = expected[5] = CLASSES[kind].__name__
    assert classes == expected
    assert [row.name for row in result.layers] == ["0", "5"]
    assert (result.network[0].bias is None) and torch.equal(result.network[5].bias, net[5].bias)
    assert (result.parameters_before, result.parameters_after) == (
        parameters(net),
        parameters(result.network),
    )
    assert (result.macs_before, result.macs_after) == (counted(net, x), counted(result.network, x))
    for row in result.layers:
        assert row.parameters_before == parameters(net.get_submodule(row.name))
        assert row.parameters_after == parameters(result.network.get_submodule(row.name))


@pytest.mark.parametrize("kind", CLASSES)
def test_the_original_is_left_as_it_was(kind):
    net, x = plain(), torch.randn(2, 3, 8, 8)
    net.train()
    net[6].eval()
    net[5].weight.requires_grad_(False)
    state, modules = copy.deepcopy(net.state_dict()), dict(net.named_modules())
    torch.manual_seed(5)
    result = factorize(net, parameters=0.8, kind=kind, calibration=[x, x], solver=solver(kind))
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))  # the caller's random numbers go on as if nothing had been
    assert dict(net.named_modules()) == modules
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert not any(
        m._forward_hooks or m._forward_pre_hooks for m in (*net.modules(), *result.network.modules())
    )
    assert [m.training for m in result.network] == [m.training for m in net]
    assert not set(map(id, net.parameters())) & set(map(id, result.network.parameters()))
    result = factorize(net, rank=2, kind=kind, solver=solver(kind))
    assert not result.network[5].bias.is_leaf or result.network[5].bias.requires_grad
    assert not any(p.requires_grad for name, p in result.network[5].named_parameters() if name != "bias")
    assert all(p.requires_grad for p in result.network[0].parameters())


EXACT = {"cp": 3, "tucker": (3, 2), "tt": {1: (2, 3), 2: (2, 3, 2), 3: (2, 3, 3, 2)}}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_true_rank_of_a_kernel_is_found_from_an_error_bound(order, kind):
    net, x = plain(order, dtype=torch.float64).eval(), torch.randn(2, 3, *(8,) * order, dtype=torch.float64)
    rank = EXACT[kind][order] if kind == "tt" else EXACT[kind]
    low_rank(net[5], kind, rank)
    result = factorize(net, max_error=1e-6, kind=kind, calibration=x, layers="5", tolerance=1e-6)
    (row,) = result.layers
    assert row.rank == result.network[5].rank == rank and row.status == "converged"
    assert max(row.kernel_error, row.output_error, result.output_error) < 2e-6
    assert relative(result.network(x), net(x)) < 2e-6


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("max_error", [0.3, 0.7])
def test_an_error_bound_is_kept_or_the_layer_stays_dense(kind, max_error):
    net = plain()
    result = factorize(net, max_error=max_error, kind=kind, solver=solver(kind) and {"iterations": 20})
    for row in result.layers:
        if row.status == "dense":
            assert row.rank is None and "has" in row.reason and "parameters" in row.reason
            assert torch.equal(
                result.network.get_submodule(row.name).weight, net.get_submodule(row.name).weight
            )
        else:
            kernel = result.network.get_submodule(row.name).to_kernel()
            error = relative(kernel, net.get_submodule(row.name).weight)
            assert error == pytest.approx(row.kernel_error, rel=1e-4) and error <= max_error + 1e-5
            assert row.parameters_after < row.parameters_before


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_and_sensitivity_are_what_they_say(kind):
    """Each number computed again by hand, with a layer put into the original network."""
    net, data = plain().eval(), [torch.randn(2, 3, 8, 8), torch.randn(5, 3, 8, 8)]
    result = factorize(net, rank=2, kind=kind, calibration=iter(data), solver=solver(kind))
    inputs = {"0": data, "5": [net[:5](x) for x in data]}
    for row in result.layers:
        old, new = net.get_submodule(row.name), result.network.get_submodule(row.name)
        found, expected = ([layer(x).flatten() for x in inputs[row.name]] for layer in (new, old))
        assert row.kernel_error == pytest.approx(relative(new.to_kernel(), old.weight), rel=1e-5)
        assert row.output_error == pytest.approx(relative(torch.cat(found), torch.cat(expected)), rel=1e-5)
        alone = copy.deepcopy(net)
        alone[int(row.name)] = new
        effect = relative(alone(data[0]), net(data[0]))
        assert row.sensitivity == pytest.approx(effect / row.kernel_error, rel=1e-4)
    found, expected = (torch.cat([n(x).flatten() for x in data]) for n in (result.network, net))
    assert result.output_error == pytest.approx(relative(found, expected), rel=1e-5)


def test_without_data_the_columns_that_need_them_stay_empty():
    result = factorize(plain(), rank=2, solver=QUICK)
    assert result.output_error is None and result.macs_before is None and result.macs_after is None
    for row in result.layers:
        assert row.output_error is None and row.sensitivity is None and row.macs_before is None
        assert row.kernel_error > 0
    sized = factorize(plain(), rank=2, solver=QUICK, input_size=(3, 8, 8))
    assert sized.macs_before == counted(plain(), torch.zeros(1, 3, 8, 8)) and sized.output_error is None


class Shared(nn.Module):
    """One convolution in two places, and a kernel that two convolutions of unlike stride have in common."""

    def __init__(self):
        super().__init__()
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.blocks = nn.ModuleDict({"a": nn.Sequential(self.twice), "b": nn.Sequential(self.twice)})
        self.tied = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, stride=2, bias=False)])
        self.tied[1].weight = self.tied[0].weight

    def forward(self, x):
        x = self.blocks["b"](self.blocks["a"](x).relu()).relu()
        return {"y": self.tied[1](self.tied[0](x).relu()), "x": [x]}


@pytest.mark.parametrize("kind", CLASSES)
def test_what_is_shared_stays_shared(kind):
    net, x = Shared(), torch.randn(2, 4, 9, 9)
    result = factorize(net, rank=2, kind=kind, calibration=x, solver=solver(kind), implementation="chain")
    new = result.network
    assert new.twice is new.blocks["a"][0] is new.blocks["b"][0] and type(new.twice) is CLASSES[kind]
    assert [row.name for row in result.layers] == ["twice", "tied.0"]
    first, second = (dict(layer.named_parameters()) for layer in new.tied)
    assert set(first) - set(second) == {"bias"} and all(first[n] is p for n, p in second.items())
    assert new.tied[1].geometry.stride == (2, 2)
    assert (result.parameters_before, result.parameters_after) == (parameters(net), parameters(new))
    assert (result.macs_before, result.macs_after) == (counted(net, x), counted(new, x))
    dense = copy.deepcopy(net)
    with torch.no_grad():
        dense.twice.weight.copy_(new.twice.to_kernel())
        dense.tied[0].weight.copy_(new.tied[0].to_kernel())
    torch.testing.assert_close(new(x), dense(x), rtol=1e-4, atol=1e-5)
    found, expected = (torch.cat([v(x)["y"].flatten(), v(x)["x"][0].flatten()]) for v in (new, net))
    assert result.output_error == pytest.approx(relative(found, expected), rel=1e-4)


def test_a_single_convolution_is_a_network_too():
    conv, x = nn.Conv2d(4, 6, 3), torch.randn(4, 9, 9)
    result = factorize(conv, rank=3, calibration=x, implementation="chain", solver=QUICK)
    assert type(result.network) is CPConv and result.layers[0].name == ""
    assert result.macs_before == 4 * 6 * 9 * 49 and result.macs_after == counted(result.network, x[None])
    assert "the module" in str(result)


def test_orders_and_paddings_that_torch_has_no_layer_for():
    net = nn.Sequential(
        ConvNd(2, 3, Geometry((3, 1, 3, 2), padding=((2, 0), (0, 0), (1, 1), (0, 1)))), nn.ReLU(),
        ConvNd(3, 2, Geometry((2, 2, 2, 2), stride=(1, 2, 1, 1))),
    )  # fmt: skip
    x = torch.randn(2, 2, 4, 5, 4, 5)
    result = factorize(net, rank=2, kind="tt", calibration=x, implementation="chain")
    assert [type(m).__name__ for m in result.network] == ["TTConv", "ReLU", "TTConv"]
    assert (result.macs_before, result.macs_after) == (counted(net, x), counted(result.network, x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("kind", CLASSES)
def test_other_dtypes_stay(dtype, kind):
    net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=True), nn.ReLU(), nn.Conv2d(8, 4, 3)).to(dtype)
    x = torch.randn(2, 3, 8, 8, dtype=dtype)
    result = factorize(net, rank=20, kind=kind, calibration=x, solver=solver(kind))
    assert {p.dtype for p in result.network.parameters()} == {dtype}
    for row in result.layers:
        stored = copy.deepcopy(result.network.get_submodule(row.name)).double().to_kernel()
        error = relative(stored, net.get_submodule(row.name).weight.double())
        assert error == pytest.approx(row.kernel_error, rel=1e-9, abs=1e-15)
    assert result.network(x).dtype == dtype and result.output_error is not None


def test_named_layers_patterns_and_predicates():
    net = plain()

    def chosen(layers):
        return [row.name for row in factorize(net, rank=1, kind="tt", layers=layers).layers]

    assert chosen("5") == ["5"] and chosen(["5", "0"]) == ["0", "5"] and chosen("[03]") == ["0", "3"]
    assert chosen(lambda name, conv: conv.groups > 1) == ["4"]
    grouped = factorize(net, rank=1, kind="tt", layers="4").network[4]
    assert grouped.groups == 8 and grouped.to_kernel().shape == net[4].weight.shape


def test_ranks_by_layer_share_and_number():
    net = plain()
    result = factorize(net, rank={"0": (2, 1), "[0-9]": (3, 4)}, layers=["0", "5"], kind="tucker")
    assert [row.rank for row in result.layers] == [(2, 1), (3, 4)]
    assert [row.name for row in factorize(net, rank={"5": 2}, solver=QUICK).layers] == ["5"]
    assert [row.rank for row in factorize(net, rank=5, kind="tucker").layers] == [(5, 3), (5, 5)]
    assert [row.rank for row in factorize(net, rank=5, kind="tt").layers] == [(3, 5, 5), (5, 5, 5)]
    for share in (0.2, 0.6):
        for row in factorize(net, rank=share, kind="tucker").layers:
            assert row.parameters_after <= share * row.parameters_before
    tiny = factorize(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(9, 9, 3)), rank=0.5, solver=QUICK)
    assert [row.status for row in tiny.layers][:1] == ["dense"] and tiny.layers[0].rank is None
    assert "rank 1 exceeds 0.5" in tiny.layers[0].reason and type(tiny.network[0]) is nn.Conv2d


def test_refusal_names_exactly_the_layers_that_fail_and_changes_nothing():
    net = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(4)))
    low_rank(net[0], "cp", 2)
    low_rank(net[2], "cp", 2)
    x, state = torch.randn(2, 4, 6, 6), copy.deepcopy(net.state_dict())
    with pytest.raises(FactorizationError) as caught:
        factorize(net, rank=2, calibration=x, tolerance=0.05)
    error = caught.value
    assert isinstance(error, ValueError) and [row.name for row in error.layers] == ["1", "3"]
    text = str(error)
    assert "refuses 2 of 4 layers" in text and "the network was not changed" in text
    for row in error.layers:
        assert row.kernel_error > 0.05 and row.output_error > 0.05
        kernel, output = f"kernel error {row.kernel_error:.4g}", f"output error {row.output_error:.4g}"
        assert f"{row.name} (CPConv, rank 2): {kernel}, above 0.05; {output}, above 0.05" in text
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(type(module) is nn.Conv2d for module in net)


def test_output_error_alone_is_enough_to_refuse():
    """A kernel whose small part is all that the data meet."""
    conv = nn.Conv1d(2, 2, 3, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0], conv.weight[1, 1] = torch.tensor([1.0, 2, 1]), torch.tensor([0.01, 0.03, -0.02])
    x = torch.cat([torch.zeros(1, 1, 9), torch.randn(1, 1, 9)], dim=1)
    assert factorize(conv, rank=1, tolerance=0.1).layers[0].kernel_error < 0.02
    with pytest.raises(FactorizationError, match=r"rank 1\): output error .*, above 0\.1") as caught:
        factorize(conv, rank=1, tolerance=0.1, calibration=x)
    assert "kernel error" not in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("how", [{"rank": 2}, {"max_error": 0.1}, {"parameters": 0.7}])
@pytest.mark.parametrize("kind", CLASSES)
def test_kernels_that_are_no_numbers_are_refused_by_name(bad, how, kind):
    net = nn.Sequential(nn.Conv2d(6, 6, 3), nn.Conv2d(6, 6, 3))
    low_rank(net[0], "cp", 1)
    with torch.no_grad():
        net[1].weight[0, 0, 0, 0] = bad
    with pytest.raises(FactorizationError, match=r"refused: .*finite") as caught:
        factorize(net, kind=kind, **how)
    assert [(row.name, row.status) for row in caught.value.layers] == [("1", "refused")]


def test_a_degenerate_fit_is_refused_without_any_tolerance():
    """a a b + a b a + b a a: of rank 3, but the limit of forms of rank 2 whose terms grow without end."""
    a, b = torch.eye(2, dtype=torch.float64)
    kernel = sum(torch.einsum("i,j,k->ijk", *parts) for parts in ((a, a, b), (a, b, a), (b, a, a)))
    conv = nn.Conv1d(2, 2, 2, bias=False).double()
    with torch.no_grad():
        conv.weight.copy_(kernel)
    net = nn.Sequential(conv, nn.Conv1d(2, 2, 2).double())
    low_rank(net[1], "cp", 2)
    with pytest.raises(FactorizationError, match=r"0 \(CPConv, rank 2\): degenerate: ") as caught:
        factorize(net, rank=2, solver={"iterations": 3000, "max_sensitivity": 5.0})
    assert [row.name for row in caught.value.layers] == ["0"]


def test_a_zero_kernel_is_no_failure():
    net = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))
    nn.init.zeros_(net[0].weight)
    result = factorize(net, rank=2, calibration=torch.randn(1, 3, 8, 8), solver=QUICK)
    assert result.layers[0].kernel_error == 0 and result.layers[0].output_error < 1e-6


@pytest.mark.parametrize("kind", CLASSES)
def test_our_own_networks_run_on_after_it(kind):
    net = networks.build("resnet18", outputs=5, width=0.125)
    x = torch.randn(2, 3, 32, 32)
    result = factorize(net, rank=3, kind=kind, calibration=x, solver=solver(kind))
    assert len(result.layers) == 17 and all(row.kind == CLASSES[kind].__name__ for row in result.layers)
    assert result.network(x).shape == (2, 5)
    lines = str(result).splitlines()
    assert lines[0].split()[:4] == ["layer", "class", "rank", "status"] and "layer4.1.conv2" in lines[17]
    assert max(map(len, lines)) <= 120
    assert any(line.startswith("network: parameters") for line in lines)
