"""Which form is taken and why: measured before modelled, equal times by memory; tune, calibrate, explain."""

import copy
from collections import Counter
from dataclasses import replace

import pytest
import torch
from conv_oracles import double
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hocp.conv import CPConv, Geometry, TuckerConv, calibrate, channels_last, cp_conv, explain, tune
from hocp.conv.choice import calibrate as calibration
from hocp.conv.choice import measure as measuring
from hocp.conv.choice.choose import choose, read_again, reconsider
from hocp.conv.choice.decide import decide
from hocp.conv.choice.machine import machine
from hocp.conv.choice.model import Model, default_model
from hocp.conv.choice.tuning import Machine, enter, known
from hocp.conv.forms import FORMS, Call, able, triton
from hocp.conv.forms.chain import Chain

IMAGE = Call(8, 64, 64, 1, 64, (28, 28), Geometry((3, 3), padding=1))
CLIP = Call(2, 64, 64, 1, 64, (8, 28, 28), Geometry((3, 3, 3), padding=1))


def enter_times(call: Call, **times: float) -> None:
    """Times of some forms; all others take a second."""
    all_times = dict.fromkeys(able(call), 1.0) | times
    enter(machine(call.processor), Machine(times={str(call): all_times}))
    reconsider()


@pytest.mark.parametrize("form", ["chain", "merged", "views", "dense"])
def test_what_was_measured_counts_whatever_the_model_says(tuning_file, form):
    enter_times(IMAGE, **{form: 0.5})
    decision = decide(IMAGE)
    assert choose(IMAGE).name == decision.taken == form
    assert decision.why.startswith("fastest as measured")
    for other in (IMAGE._replace(rank=65), IMAGE._replace(training=True), IMAGE._replace(threads=2)):
        assert decide(other).why == decide(other._replace(batch=8)).why
        assert "model" in decide(other).why  # exactly this call, or none


def test_among_equal_times_the_one_that_keeps_least_is_taken(tuning_file):
    call = CLIP._replace(training=True)
    enter_times(call, chain=0.100, views=0.101, dense=0.103)
    assert decide(call).taken == "views"
    assert decide(call).why.startswith("as fast as any, and keeps the least memory, as measured")
    enter_times(call, chain=0.100, views=0.103)
    assert decide(call).taken == "chain"


def test_a_form_that_came_after_the_measurement_sends_back_to_the_model(tuning_file):
    enter(machine(), Machine(times={str(IMAGE): {"chain": 1e-9}}))
    assert "model" in decide(IMAGE).why


def test_times_of_forms_that_are_gone_are_passed_over(tuning_file):
    enter_times(IMAGE, merged=0.5, magic=0.1)
    assert decide(IMAGE).taken == "merged"


def test_the_model_of_this_machine_counts_before_the_shipped_one(tuning_file):
    assert decide(IMAGE).model == default_model().machine
    mine = replace(default_model(), machine="mine, 2 threads", threads=2)
    other = replace(default_model(), machine="mine, 8 threads", threads=8)
    enter(machine(), Machine(models={2: mine, 8: other}))
    assert decide(IMAGE).model == "mine, 2 threads"
    assert decide(IMAGE._replace(threads=7)).model == "mine, 8 threads"


@pytest.mark.parametrize("call", [
    IMAGE._replace(device="meta"), Call(1, 4, 4, 1, 3, (5, 5, 5, 5), Geometry((3, 3, 3, 3))),
    Call(1, 4, 4, 1, 3, (5, 5, 5, 5), Geometry((3, 3, 3, 3)), device="cuda", processor="NVIDIA H200"),
])  # fmt: skip
def test_where_nothing_is_known_views_is_taken_and_said_so(call):
    decision = decide(call)
    assert decision.taken == "views" and decision.why.startswith("nothing is known")


@pytest.mark.parametrize(("installed", "taken"), [(True, "triton"), (False, "views")])
def test_where_nothing_is_known_of_a_gpu_its_own_form_is_taken_if_it_can_be(monkeypatch, installed, taken):
    monkeypatch.setattr(triton, "INSTALLED", installed)
    monkeypatch.setattr("hocp.conv.choice.decide.default_model", lambda device: Model("", device, 1, {}))
    decision = decide(IMAGE._replace(device="cuda", processor="another GPU"))
    assert decision.taken == taken and decision.why.startswith("nothing is known")


CHAINS = ("fused", "views")  # the first where there is a compiler


@pytest.mark.parametrize(("call", "forms"), [
    # The other forms take at least 1.4 times as long in every measurement that we made.
    (CLIP._replace(training=True), CHAINS),
    (CLIP._replace(training=True, channels_last=True), CHAINS),
    (IMAGE._replace(size=(56, 56), rank=512, training=True), ("dense",)),
    (IMAGE._replace(size=(56, 56), rank=512), ("dense",)),
    (Call(4, 512, 512, 1, 3072, (7, 7), Geometry((3, 3), padding=1), training=True), CHAINS),
    (Call(4, 512, 512, 1, 3072, (7, 7), Geometry((3, 3), padding=1), channels_last=True), CHAINS),
    (Call(4, 16, 16, 1, 128, (28, 28), Geometry((3, 3), padding=1), training=True), ("dense",)),
])  # fmt: skip
def test_the_shipped_model_knows_the_clear_cases(call, forms):
    assert decide(call).taken in forms
    assert decide(call._replace(psi="other")).taken not in ("dense", "fused")


@given(
    training=st.booleans(), last=st.booleans(), rank=st.integers(1, 600), side=st.integers(1, 60),
    order=st.integers(1, 5), psi=st.sampled_from(["", "batch norm", "relu", "other"]), kept=st.booleans(),
    batch=st.integers(0, 40),
    groups=st.sampled_from([1, 2]), threads=st.integers(1, 64),
)  # fmt: skip
def test_every_call_gets_a_form_that_can_compute_it(
    training, last, rank, side, order, psi, kept, batch, groups, threads
):
    geometry = Geometry((3,) * order, padding=1)
    call = Call(
        batch, 16, 32, groups, rank, (side,) * order, geometry, training=training, channels_last=last,
        psi=psi, kept=kept, threads=threads,
    )  # fmt: skip
    assert choose(call).supports(call) is None
    assert all(other == call or str(other) != str(call) for other in (
        call._replace(rank=rank + 1), call._replace(kept=not kept), call._replace(training=not training),
        call._replace(geometry=Geometry((3,) * order, padding=1, stride=2)), call._replace(psi=f"{psi}!"),
        call._replace(geometry=Geometry((3,) * order, padding=1, padding_mode="circular")),
        call._replace(channels_last=not last), call._replace(threads=threads + 1), call._replace(groups=4),
        call._replace(dtype=torch.float64), call._replace(batch=batch + 1), call._replace(device="cuda"),
        call._replace(geometry=Geometry((3,) * order, padding=((1, 0),) * order)),
        call._replace(geometry=Geometry((3,) * order, padding=1, dilation=2)),
    ))  # fmt: skip


def test_a_call_tells_what_torch_is_set_to():
    layer, x = (
        CPConv(4, 6, (3, 3), rank=5, padding=1, rank_activation="relu", groups=2),
        torch.randn(3, 4, 8, 9),
    )
    call = layer.call_of(x)
    assert call.training and call.psi and not call.kept and not call.channels_last
    assert (call.batch, call.in_channels, call.out_channels, call.groups, call.rank) == (3, 4, 6, 2, 5)
    assert (call.size, call.dtype, call.device) == ((8, 9), torch.float32, "cpu")
    assert call.threads == torch.get_num_threads()
    assert layer.call_of(channels_last(x)).channels_last
    assert layer.call_of(x[0]) == call._replace(batch=1)
    with torch.no_grad():
        assert not layer.call_of(x).training and not layer.call_of(x).kept
        assert layer.eval().call_of(x).kept
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer.call_of(x).dtype == torch.bfloat16
    assert layer.requires_grad_(False).call_of(x.requires_grad_()).training


def test_auto_computes_by_the_form_that_was_fastest(tuning_file, monkeypatch):
    layer, x, seen = CPConv(4, 6, (3, 3), rank=5, padding=1), torch.randn(2, 4, 6, 6), []
    compute = Chain.compute
    monkeypatch.setattr(Chain, "compute", lambda *a, **k: (seen.append(1), compute(*a, **k))[1])
    enter_times(layer.call_of(x), merged=0.5)
    layer(x)
    assert not seen
    enter_times(layer.call_of(x), chain=0.5)
    layer(x)
    cp_conv(x, layer.weights, list(layer.factors), padding=1)
    assert len(seen) == 2


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        CPConv(3, 8, (3, 3), rank=6, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        CPConv(8, 8, (3, 3), rank=6, padding=1, rank_norm="batch"), CPConv(8, 8, (3, 3), rank=6, padding=1),
        CPConv(8, 8, (3, 3), rank=6, padding=1),
    )  # fmt: skip


def test_forms_close_to_the_fastest_are_measured_twice_as_often(monkeypatch):
    seconds, asked = {"views": 1.0, "merged": 1.2, "chain": 2.0, "dense": 9.0}, Counter()

    def timed(call, repeats, clock):
        asked[call()] += 1
        return seconds[call()]

    monkeypatch.setattr(measuring, "_caller", lambda layer, x, name, backward: lambda: name)
    monkeypatch.setattr(measuring, "_check_agreement", lambda outputs: None)
    monkeypatch.setattr(measuring, "_seconds", timed)
    assert measuring.measure(nn.Identity(), torch.ones(1), seconds, backward=False, rounds=3) == seconds
    assert asked == {"views": 7, "merged": 7, "chain": 4, "dense": 1}  # each once before the rounds


@pytest.mark.parametrize("backward", [False, True])
def test_tune_measures_every_distinct_call_and_leaves_the_network_as_it_was(tuning_file, backward):
    net, x = network().train(backward), torch.randn(2, 3, 8, 8)
    before = copy.deepcopy(net.state_dict())
    decisions = tune(net, x, backward=backward, rounds=1)
    assert [decision.call.psi for decision in decisions] == ["", "batch norm", ""]  # the last two are alike
    assert all(decision.why.endswith("as measured on this machine") for decision in decisions)
    assert all(decision.call.training == backward for decision in decisions)
    assert decisions[0].call == decisions[0].call._replace(kept=not backward)
    for decision in decisions:
        times = {each.name: each.measured for each in decision.candidates if each.refusal is None}
        assert min(times.values()) > 0
        assert times[decision.taken] <= 1.02 * min(times.values())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_pre_hooks for module in net.modules())
    read_again()
    with torch.set_grad_enabled(backward):
        assert choose(net[0].call_of(x)).name == decisions[0].taken
    assert set(known()[machine()].times) == {str(decision.call) for decision in decisions}


def test_tune_refuses_networks_without_cp_layers_and_forms_that_disagree(tuning_file, monkeypatch):
    with pytest.raises(ValueError, match="tune got a ReLU that called no CPConv"):
        tune(nn.ReLU(), torch.ones(1, 3, 8, 8))
    compute = Chain.compute
    monkeypatch.setattr(Chain, "compute", lambda *a, **k: 1.01 * compute(*a, **k))
    with pytest.raises(ValueError, match=r"'chain' and 'merged' differ by"):
        tune(network(), torch.randn(2, 3, 8, 8))
    assert not tuning_file.exists()


def test_calibrate_fits_prices_that_are_used_from_then_on(tuning_file, monkeypatch):
    monkeypatch.setattr(calibration, "SHAPES", ((1, 4, 6, 6), (2, 8, 5, 5), (1, 4, 3, 5, 5)))
    model = calibrate(rounds=1)
    assert {kind.form for kind in model.prices} == set(able(IMAGE))
    read_again()
    stored = known()[machine()].models[torch.get_num_threads()]
    assert stored.prices.keys() == model.prices.keys()
    assert decide(IMAGE).model == machine()


def test_explain_shows_every_form_and_what_is_taken(tuning_file):
    layer = CPConv(64, 64, (3, 3), rank=64, padding=1)
    enter_times(IMAGE._replace(training=True), views=0.0123)
    text = str(explain(layer, (8, 64, 28, 28), training=True)).splitlines()
    assert text[0] == str(IMAGE._replace(training=True))
    assert text[1].split() == ["form", "predicted", "measured", "kept", "for", "backward"]
    rows = text[2:-2]
    assert [line[2:].split()[0] for line in rows] == list(FORMS)
    (taken,) = [line for line in rows if line[0] == "*"]
    assert taken.split()[1] == "views" and "12.30 ms" in taken
    assert "fastest as measured" in text[-2] and default_model().machine in text[-1]
    assert len({len(line) for line in text[1:-2] if "cannot" not in line}) == 1
    block = CPConv(64, 64, (3, 3), rank=64, padding=1, rank_norm="batch")
    assert "dense   cannot: with a rank-space norm" in str(explain(block, (8, 64, 28, 28)))


def test_explain_takes_a_tensor_for_what_it_is():
    layer, x = CPConv(4, 6, (3, 3), rank=5, padding=1).double(), channels_last(double(2, 4, 6, 6))
    call = explain(layer, x).call
    assert call.channels_last and call.kept and not call.training and call.dtype == torch.float64
    assert explain(layer, (4, 6, 6)).call.batch == 1
    with pytest.raises(ValueError, match="explain got a TuckerConv; expected a CPConv"):
        explain(TuckerConv(4, 6, (3, 3), rank=2), (1, 4, 6, 6))
    with pytest.raises(ValueError, match="CPConv got an input of shape"):
        explain(layer, (1, 5, 6, 6))
