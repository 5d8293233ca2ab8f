"""Rank from parameters, multiply-adds or time, against a brute-force search over real layers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hocp.conv import CPConv, TTConv, TuckerConv, latency, layer_cost, matching_rank, rank_for

CLASSES = {"cp": CPConv, "tucker": TuckerConv, "tt": TTConv}


def candidates(kind: str, c: int, t: int, kernel: tuple[int, ...], groups: int) -> list:
    """Every rank of the one-number family, written out, the smallest first."""
    s, taps = c // groups, 1
    for k in kernel:
        taps *= k
    if kind == "cp":
        sizes = sorted([t, s, *kernel])[:-1]
        top = 1
        for size in sizes:
            top *= size
        return list(range(1, top + 1))
    if kind == "tucker":
        m, pairs = max(t, s), []
        for n in range(1, m + 1):
            a, b = (max(1, int(n * size / m + 0.5)) for size in (t, s))
            pairs.append((min(a, b * taps), min(b, a * taps)))
        return pairs
    sizes = [s, *kernel, t]
    bonds = []
    for cut in range(1, len(sizes)):
        left = torch.tensor(sizes[:cut]).prod().item()
        bonds.append(min(left, torch.tensor(sizes[cut:]).prod().item()))
    return [tuple(min(n, bond) for bond in bonds) for n in range(1, max(bonds) + 1)]


def parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_rank_is_the_largest_that_brute_force_finds(data):
    kind, groups = data.draw(st.sampled_from(list(CLASSES))), data.draw(st.sampled_from([1, 2]))
    c, t = (groups * data.draw(st.integers(1, 4)) for _ in range(2))
    kernel = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    options = {"groups": groups, "bias": data.draw(st.booleans()), "stride": data.draw(st.integers(1, 2))}
    skip = data.draw(st.sampled_from([None, "projection"])) if 2 not in kernel else None
    size = (5,) * len(kernel)
    spent = {"parameters": [], "macs": []}
    ranks = candidates(kind, c, t, kernel, groups)
    for rank in ranks:
        layer = CLASSES[kind](c, t, kernel, rank=rank, skip=skip, **options)
        spent["parameters"].append(parameters(layer))
        spent["macs"].append(layer_cost(layer, size).macs)
    for name, costs in spent.items():
        assert costs == sorted(costs)
        budget = data.draw(st.integers(1, max(costs) + 3))
        within = [rank for rank, cost in zip(ranks, costs, strict=True) if cost <= budget]
        call = {"input_size": size, "skip": skip, name: budget, **options}
        if within:
            assert rank_for(kind, c, t, kernel, **call) == within[-1]
        else:
            with pytest.raises(
                ValueError, match=rf"{name}={budget} is not enough for a .*rank .* takes {costs[0]:,}"
            ):
                rank_for(kind, c, t, kernel, **call)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_largest_rank_of_all_holds_any_kernel(kind):
    conv = nn.Conv2d(4, 6, (2, 3)).double()
    rank = rank_for(kind, 4, 6, (2, 3), parameters=10**9)
    layer = CLASSES[kind].from_conv(conv, rank=rank)
    torch.testing.assert_close(layer.to_kernel(), conv.weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", CLASSES)
def test_time_is_measured_on_the_very_layer_and_kept_within(kind):
    """A stand-in for the clock: time is a known function of what is to be timed."""
    seen = []

    def timer(layer, x):
        assert type(layer) is CLASSES[kind] and x.shape == (3, 8, 9, 9) and layer.geometry.stride == (2, 2)
        seen.append(layer.rank)
        return 1e-3 + 1e-9 * 3 * layer_cost(layer, x.shape[2:]).macs

    budget = 1e-3 + 1e-9 * 3 * 200_000
    call = {"input_size": (9, 9), "stride": 2, "padding": 1}
    rank = rank_for(kind, 8, 16, (3, 3), seconds=budget, batch=3, timer=timer, **call)
    assert rank == rank_for(kind, 8, 16, (3, 3), macs=200_000, **call)
    assert len(set(seen)) == len(seen) <= 16  # a search, not a sweep
    with pytest.raises(ValueError, match=r"seconds=0\.0005 is not enough"):
        rank_for(kind, 8, 16, (3, 3), seconds=0.0005, batch=3, timer=timer, **call)


class Ticking(nn.Module):
    """Advances a clock of its own: slow at first, then as told."""

    def __init__(self, times):
        super().__init__()
        self.now, self.times, self.calls = [0.0], list(times), []
        self.weight = nn.Parameter(torch.ones(2))
        self.norm = nn.BatchNorm1d(2)

    def __deepcopy__(self, memo):  # the clock stays the same
        twin = Ticking(self.times)
        twin.now, twin.calls = self.now, self.calls
        return twin

    def forward(self, x):
        self.now[0] += self.times[len(self.calls)]
        self.calls.append((torch.is_grad_enabled(), torch.get_num_threads()))
        return self.norm(x * self.weight)


@pytest.mark.parametrize("backward", [False, True])
def test_latency_is_the_median_after_the_warm_up(backward):
    module = Ticking([100.0, 50.0, 3.0, 1.0, 9.0, 2.0, 4.0])
    x, threads = torch.randn(4, 2), torch.get_num_threads()
    options = {"repeats": 5, "warmup": 2, "threads": 1, "clock": lambda: module.now[0]}
    assert latency(module, x, backward=backward, **options) == 3.0
    assert module.calls == [(backward, 1)] * 7 and torch.get_num_threads() == threads
    assert module.weight.grad is None and x.grad is None and not x.requires_grad
    assert not module.norm.running_mean.any()  # no statistics left behind


def test_latency_takes_inputs_by_name_and_real_time():
    class Two(nn.Module):
        def forward(self, a, b):
            return {"sum": a + b, "parts": (a, [b])}

    batch = {"a": torch.ones(3, requires_grad=True), "b": torch.ones(3)}
    assert latency(Two(), batch, backward=True, repeats=3) > 0


@pytest.mark.parametrize(("kind", "shape"), [
    ("tucker", (64, 64, (3, 3))), ("tucker", (3, 64, (7, 7))), ("tucker", (32, 16, (3, 3, 3))),
    ("tt", (64, 64, (3, 3))), ("tt", (3, 64, (7, 7))), ("tt", (32, 16, (3,))),
])  # fmt: skip
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_matching_rank_is_the_nearest_of_all(kind, shape, share):
    c, t, kernel = shape
    budget = round(share * nn.Conv3d(c, t, kernel if len(kernel) == 3 else (1,) * (3 - len(kernel)) + kernel,
                                     bias=False, device="meta").weight.numel())  # fmt: skip
    rank = matching_rank(c, t, kernel, parameters=budget, kind=kind)

    def distance(rank):
        with torch.device("meta"):
            return abs(parameters(CLASSES[kind](c, t, kernel, rank=rank)) - budget)

    assert distance(rank) == min(map(distance, candidates(kind, c, t, kernel, 1)))
    if share == 1.0:
        assert rank == matching_rank(c, t, kernel, kind=CLASSES[kind])


def test_matching_rank_counts_the_factors_that_groups_share():
    rank = matching_rank(16, 32, (3, 3), groups=4)
    assert rank == round(4 * 32 * 9 / (4 + 32 + 6))
    layer = CPConv(16, 32, (3, 3), rank=rank, groups=4, learn_weights=False)
    assert abs(parameters(layer) - nn.Conv2d(16, 32, 3, groups=4, bias=False).weight.numel()) <= 21


LAYER = ("cp", 4, 6, (3, 3))


@pytest.mark.parametrize(("call", "text"), [
    (lambda: rank_for(*LAYER), "got none; expected exactly one of parameters, macs, seconds"),
    (lambda: rank_for(*LAYER, parameters=9, macs=9), "got parameters=9, macs=9; expected exactly one"),
    (lambda: rank_for(*LAYER, parameters=0), "parameters of rank_for is 0; expected a number above 0"),
    (lambda: rank_for(*LAYER, seconds=float("nan"), input_size=(4, 4)), "seconds of rank_for is nan"),
    (lambda: rank_for(*LAYER, parameters=True), "parameters of rank_for is True"),
    (lambda: rank_for(*LAYER, macs=9), "macs=9 needs input_size"),
    (lambda: rank_for("svd", 4, 6, (3, 3), parameters=9), "kind of rank_for is 'svd'; expected 'cp'"),
    (lambda: rank_for(nn.Conv2d, 4, 6, (3, 3), parameters=9), "kind of rank_for is <class"),
    (lambda: rank_for("cp", 4, 6, (3, 3), groups=3, parameters=9), "in_channels of CPConv is 4, which"),
    (lambda: rank_for("tt", 4, 6, (3, 3), macs=10**6, input_size=(2, 9)), "mode 0 of the input has size 2"),
    (lambda: matching_rank(4, 6, (3, 3), kind="pca"), "kind of matching_rank is 'pca'"),
    (lambda: latency(nn.Identity(), torch.ones(1), repeats=0), "repeats and warmup of latency are 0 and 2"),
])  # fmt: skip
def test_wrong_use_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
