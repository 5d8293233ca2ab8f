"""A network's budget: kept, used, and spent where the output needs it."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hocp import networks
from hocp.conv import CPConv, FactorizationError, factorize, latency, layer_macs, network_cost

CLASSES = ("cp", "tucker", "tt")
QUICK = {"iterations": 10, "restarts": 0}


def solver(kind: str) -> dict:
    return QUICK if kind == "cp" else {}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def smooth(conv: nn.Module, decay: float = 0.5) -> nn.Module:
    """A kernel whose singular values fall, as those of trained layers do."""
    with torch.no_grad():
        left, values, right = torch.linalg.svd(conv.weight.flatten(1), full_matrices=False)
        values = values[0] * (1 + torch.arange(len(values))) ** -decay
        conv.weight.copy_((left * values @ right).reshape(conv.weight.shape))
    return conv


def network(width: int = 16) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, stride=2), nn.BatchNorm2d(width), nn.ReLU(),
        smooth(nn.Conv2d(width, width, 3, padding=1)), nn.ReLU(),
        smooth(nn.Conv2d(width, 2 * width, 3, padding=1, stride=2), 1.0), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 5),
    )  # fmt: skip


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def counted(module: nn.Module, x: torch.Tensor) -> int:
    """MACs that torch counts for one sample."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops() // 2 // x.shape[0]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("data", [True, False])
def test_parameters_are_kept_and_used(kind, share, data):
    net, x = network(), torch.randn(4, 3, 16, 16)
    calibration = x if data else None
    result = factorize(net, parameters=share, kind=kind, calibration=calibration, solver=solver(kind))
    used, budget = parameters(result.network), share * parameters(net)
    assert 0.9 * budget <= used <= budget and result.parameters_after == used
    assert all(row.parameters_after < row.parameters_before for row in result.layers if row.rank)
    same = factorize(net, parameters=f"{100 * share:g}%", kind=kind, calibration=x, solver=solver(kind))
    assert parameters(same.network) <= budget


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("data", [True, False])
def test_multiply_adds_are_kept_and_used(kind, share, data):
    net, x = network().eval(), torch.randn(2, 3, 16, 16)
    call = {"calibration": x} if data else {"input_size": (3, 16, 16)}
    result = factorize(net, macs=share, kind=kind, solver=solver(kind), implementation="chain", **call)
    used, budget = counted(result.network, x), share * counted(net, x)
    assert 0.9 * budget <= used <= budget and result.macs_after == used
    assert all(row.macs_after < row.macs_before for row in result.layers if row.rank)


def test_a_budget_as_a_number_is_kept_to_the_last():
    net = network()
    for budget in (4000, 4001, 5555):
        result = factorize(net, parameters=budget, kind="tt")
        assert 0.95 * budget <= parameters(result.network) <= budget


class Branches(nn.Module):
    """Two branches alike, of which the output hardly sees the second."""

    def __init__(self):
        super().__init__()
        self.loud, self.quiet = smooth(nn.Conv2d(12, 12, 3)), nn.Conv2d(12, 12, 3)
        self.quiet.load_state_dict(self.loud.state_dict())

    def forward(self, x):
        return self.loud(x) + 0.01 * self.quiet(x)


@pytest.mark.parametrize("kind", CLASSES)
def test_ranks_go_where_the_output_minds(kind):
    net, x = Branches(), torch.randn(8, 12, 6, 6)
    result = factorize(net, parameters=0.5, kind=kind, calibration=x, solver=solver(kind))
    loud, quiet = result.layers
    assert loud.sensitivity > 20 * quiet.sensitivity
    assert loud.parameters_after > 4 * quiet.parameters_after
    even = factorize(net, rank=0.5, kind=kind, calibration=x, solver=solver(kind))
    assert result.output_error < 0.8 * even.output_error


def test_where_no_rank_saves_anything_the_layer_stays_dense_and_says_so():
    net = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Conv2d(1, 16, 3), smooth(nn.Conv2d(16, 16, 3), 1.5))
    result = factorize(net, parameters=0.6, solver=QUICK)
    first, _, last = result.layers
    assert (first.status, first.kind, first.rank) == ("dense", "Conv2d", None)
    assert (
        first.reason == "no rank saves parameters" and first.parameters_after == first.parameters_before == 5
    )
    assert last.kind == "CPConv" and "no rank saves parameters: 0" in str(result)
    assert type(result.network[0]) is nn.Conv2d and type(result.network[2]) is CPConv


def test_a_budget_that_is_no_limit_leaves_all_as_it_is():
    net = network()
    result = factorize(net, parameters=1.0, solver=QUICK)
    assert result.parameters_after == result.parameters_before
    assert [row.status for row in result.layers] == ["dense"] * 3
    assert "as the budget allows: 0, 3, 5" in str(result)


def timer(module: nn.Module, x: torch.Tensor) -> float:
    """A machine on which a multiply-add takes a nanosecond, and each call of a layer ten microseconds."""
    if isinstance(module, (nn.Conv2d, CPConv)):
        return 1e-5 + 1e-9 * layer_macs(module, tuple(x.shape), ())
    cost = network_cost(module, tuple(x.shape[1:]), device="cpu")
    return 1e-5 * len(cost.layers) + 1e-9 * x.shape[0] * cost.macs


@pytest.mark.parametrize("share", [0.4, 0.6, 0.9])
@pytest.mark.parametrize("slow", [1.0, 1.3])
def test_a_time_is_kept_by_what_the_whole_network_takes(share, slow):
    """`slow`: the network takes longer than its layers do alone, as networks do."""
    net, x = network(24), torch.randn(8, 3, 16, 16)
    seen = []

    def watched(module, batch):
        seconds = timer(module, batch)
        if isinstance(module, nn.Sequential):
            assert not module.training
            seconds = slow * seconds
            seen.append(seconds)
        return seconds

    before = slow * timer(net, x)
    goal = share * before if slow == 1.0 else f"{100 * share:g}%"
    result = factorize(net, seconds=goal, calibration=x, timer=watched, solver=QUICK)
    taken = slow * timer(result.network.eval(), x)
    assert result.seconds_before == pytest.approx(before) and result.seconds_after == pytest.approx(taken)
    assert 0.9 * share * before <= taken <= share * before
    assert len(seen) <= 9 and "time" in str(result)


def test_a_time_is_measured_by_the_clock_of_this_machine_unless_told_otherwise():
    """What is kept is what was measured; nothing is said of how long it was."""
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3))
    result = factorize(net, seconds=10.0, input_size=(3, 12, 12), solver=QUICK)
    assert 0 < result.seconds_after == result.seconds_before < 10
    assert all(row.status == "dense" for row in result.layers)
    assert latency(net, torch.randn(1, 3, 12, 12), repeats=1) > 0


def test_a_refused_layer_in_a_budget_is_named():
    net = network()
    with pytest.raises(FactorizationError, match="refuses 2 of 3 layers") as caught:
        factorize(net, parameters=0.3, tolerance=1e-3, solver=QUICK)
    assert [row.name for row in caught.value.layers] == ["3", "5"]  # the first stays dense


@pytest.mark.parametrize("kind", CLASSES)
def test_half_of_a_resnet(kind):
    net, x = networks.build("resnet18", outputs=4, width=0.125), torch.randn(2, 3, 32, 32)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            smooth(module, 1.0)
    result = factorize(net, macs="50%", kind=kind, calibration=x, solver=solver(kind))
    assert 0.45 <= result.macs_after / result.macs_before <= 0.5
    assert result.network(x).shape == (2, 4)


NET = network()
X = torch.randn(1, 3, 16, 16)


@pytest.mark.parametrize(("call", "text"), [
    ({}, "factorize got none; expected exactly one of rank, max_error, parameters, macs, seconds"),
    ({"rank": 2, "macs": 0.5}, "factorize got rank and macs; expected exactly one"),
    ({"parameters": 100}, r"parameters=100 cannot be reached: with every .* at its cheapest [\d,]+ of"),
    ({"parameters": 0.01}, "cannot be reached"),
    ({"parameters": 1.5}, "parameters of factorize is 1.5; expected a whole number, a share between 0 and 1"),
    ({"parameters": 0}, "parameters of factorize is 0; expected"),
    ({"parameters": True}, "parameters of factorize is True"),
    ({"parameters": "half"}, "parameters of factorize is 'half'; expected .* or a share such as '50%'"),
    ({"parameters": "x%"}, "parameters of factorize is 'x%'"),
    ({"macs": "150%", "calibration": X}, "macs of factorize is '150%'"),
    ({"macs": 0.5}, "factorize with macs=0.5 needs calibration data or input_size"),
    ({"seconds": 1.0}, "factorize with seconds=1.0 needs calibration data or input_size"),
    ({"seconds": -1.0, "input_size": (3, 16, 16)}, "seconds of factorize is -1.0; expected seconds above 0"),
    ({"seconds": 1e-9, "calibration": X, "timer": timer}, r"seconds=1e-09 cannot be reached.*cheapest"),
    ({"rank": 0}, "rank of factorize is 0; expected a whole number of at least 1"),
    ({"rank": True}, "rank of factorize is True"),
    ({"rank": 1.0}, "rank of factorize is 1.0; expected a whole number, or a share"),
    ({"rank": "8"}, "rank of factorize is '8'"),
    ({"rank": {"0": 2}, "layers": ["0", "3"]}, "rank has no entry for layer '3'"),
    ({"rank": {"7": 2}}, "layers has '7', which fits no convolution; there are '0', '3'"),
    ({"rank": 2, "layers": "stem"}, "layers has 'stem', which fits no convolution"),
    ({"rank": 2, "layers": lambda name, conv: False}, "found no convolution to replace in this Sequential"),
    ({"rank": 2, "kind": "svd"}, "kind of factorize is 'svd'; expected 'cp', 'tucker', 'tt'"),
    ({"rank": 2, "tolerance": -1}, "tolerance of factorize is -1; expected a number of at least 0"),
    ({"rank": 2, "tolerance": float("nan")}, "tolerance of factorize is nan"),
    ({"rank": 2, "stride": 2}, "factorize got stride=2; expected of CPConv's options only implementation"),
    ({"rank": 2, "kind": "tt", "learn_weights": False}, "factorize got learn_weights=False"),
    ({"rank": 2, "skip": "identity"}, "factorize got skip='identity'"),
    ({"rank": 2, "kind": "tucker", "solver": {"restarts": 1}}, "solver of factorize has restarts=1"),
    ({"rank": 2, "calibration": []}, "calibration has no batch"),
    ({"rank": 2, "calibration": 3}, "calibration is a int; expected a tensor"),
    ({"rank": 2, "calibration": [(X, 1)]}, r"calibration batch 0 is a tuple; .*\(x for x, _ in loader\)"),
    ({"max_error": 1.5}, "max_error.* 1.5"),
    ({"max_error": "small"}, "max_error.*small"),
])  # fmt: skip
def test_wrong_use_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        factorize(NET, **call)


class Odd(nn.Conv2d):
    """A convolution that is more than that."""


def hooked() -> nn.Conv2d:
    conv = nn.Conv2d(3, 3, 3)
    conv.register_forward_hook(lambda *args: None)
    return conv


def tied() -> nn.ModuleList:
    net = nn.ModuleList([nn.Conv1d(3, 3, 3), nn.ConvTranspose1d(3, 3, 3)])
    net[1].weight = net[0].weight
    return net


CASES = [
    (lambda: nn.Sequential(Odd(3, 3, 3)), "layer '0' cannot be factorized: it is a Odd"),
    (lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 3))), "ParametrizedConv2d"),
    (lambda: nn.Sequential(hooked()), "it has hooks, which its replacement would lose"),
    (lambda: tied(), "it shares parameters with a ConvTranspose1d"),
    (lambda: nn.Sequential(nn.LazyConv2d(3, 3)), "it is a LazyConv2d"),
]


@pytest.mark.parametrize(("make", "text"), CASES)
def test_what_cannot_be_replaced_is_refused_by_name_and_passed_over_otherwise(make, text):
    net = make()
    with pytest.raises(ValueError, match=text):
        factorize(net, rank=1, layers="*")
    if not isinstance(net, nn.ModuleList) and not hasattr(net[0], "cls_to_become"):
        both = nn.Sequential(net[0], nn.Conv2d(3, 3, 3))
        result = factorize(both, rank=1, solver=QUICK)
        assert [row.name for row in result.layers] == ["1"] and type(result.network[0]) is type(net[0])
