"""Networks that a file does not fit stay as they were; what a file cannot hold is not saved."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from hocp.conv import CPConv, SeparableDepthwise, TTConv, TuckerConv
from hocp.conv.exchange import load, save


@pytest.fixture
def path(tmp_path):
    """A file with one layer."""
    save(CPConv(3, 4, (3, 3), rank=5, bias=True, rank_norm="batch"), tmp_path / "layer.safetensors")
    return tmp_path / "layer.safetensors"


def net(first: nn.Module, second: nn.Module | None = None) -> nn.Module:
    return nn.Sequential(first, nn.BatchNorm2d(4), nn.Identity() if second is None else second)


SAVED = net(CPConv(3, 4, (3, 3), rank=5, padding=1), TuckerConv(4, 4, (3, 3), rank=2, groups=2))
FITTING = net(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 3, groups=2, bias=False))


def net_without_norm() -> nn.Module:
    return nn.Sequential(deepcopy(FITTING[0]), nn.Identity(), deepcopy(FITTING[2]))


TARGETS = {
    "fewer modules": (nn.Sequential(deepcopy(FITTING[0])), "'2': the network has no module of this name"),
    "another module": (net(nn.Linear(3, 4)), "has there got a Linear; expected nn.Conv1d"),
    "transposed": (net(nn.ConvTranspose2d(3, 4, 3, padding=1)), "has there got a ConvTranspose2d"),
    "stride": (net(nn.Conv2d(3, 4, 3, padding=1, stride=2)), r"Conv2d with stride \(2, 2\) instead of"),
    "padding": (net(CPConv(3, 4, (3, 3), rank=2)), r"CPConv with padding .* instead of"),
    "mode": (net(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")), "padding_mode circular instead"),
    "order": (net(nn.Conv1d(3, 4, 3, padding=1)), r"kernel_size \(3,\) instead of \(3, 3\)"),
    "groups": (net(deepcopy(FITTING[0]), nn.Conv2d(4, 4, 3)), "groups 1 instead of 2"),
    "channels": (net(SeparableDepthwise(3, (3, 3), padding=1)), "out_channels 3 instead of 4; groups 3"),
    "a norm more": (nn.Sequential(*deepcopy(FITTING), nn.BatchNorm2d(4)), "lacks 3.weight, .* and 1 more"),
    "a norm less": (net_without_norm(), "has 1.bias, 1.num_batches_tracked, .* and 1 more, for which"),
    "width": (deepcopy(FITTING)[:1].append(nn.BatchNorm2d(5)).append(deepcopy(FITTING[2])),
              r"1.weight is \(4,\) float32, but the module wants \(5,\)"),
    "dtype": (deepcopy(FITTING).double(), r"1.weight is \(4,\) float32, but the module has \(4,\) float64"),
    "no memory": (deepcopy(FITTING).to("meta"), "0.weight is a tensor without memory.*to_empty"),
    "lazy": (nn.Sequential(deepcopy(FITTING), nn.LazyLinear(2)), "without memory; .*run lazy layers once"),
    "layer": (CPConv(3, 4, (3, 3), rank=5, padding=1), "the network has no module of this name"),
}  # fmt: skip


@pytest.mark.parametrize("target, text", TARGETS.values(), ids=TARGETS)
def test_a_network_that_does_not_fit_is_refused_and_stays_as_it_was(tmp_path, target, text):
    save(SAVED, tmp_path / "net.safetensors")
    before = contents(target)
    with pytest.raises(ValueError, match=text) as refusal:
        load(tmp_path / "net.safetensors", into=target)
    assert "net.safetensors" in str(refusal.value)
    assert contents(target) == before


def contents(module: nn.Module) -> tuple:
    """The very modules and tensors, and the numbers of those that have some."""
    state = module.state_dict(keep_vars=True)
    numbers = {
        name: tensor.tolist()
        for name, tensor in state.items()
        if not tensor.is_meta and not nn.parameter.is_lazy(tensor)
    }
    return list(map(id, module.modules())), {name: id(tensor) for name, tensor in state.items()}, numbers


def test_the_fitting_network_fits(tmp_path):
    save(SAVED, tmp_path / "net.safetensors")
    load(tmp_path / "net.safetensors", into=deepcopy(FITTING))


def test_one_tensor_cannot_take_two(tmp_path):
    def pair() -> nn.Module:
        return nn.Sequential(CPConv(4, 4, (3,), rank=2), CPConv(4, 4, (3,), rank=2))

    save(pair(), tmp_path / "two.safetensors")
    joint = pair()
    joint[1].factors[0] = joint[0].factors[0]
    with pytest.raises(
        ValueError, match=r"1\.factors\.0 and 0\.factors\.0 are two tensors, but one and the same in"
    ):
        load(tmp_path / "two.safetensors", into=joint)


def test_a_layer_built_otherwise_is_not_loaded_into_one(path):
    with pytest.raises(ValueError, match="built otherwise; leave out into"):
        load(path, into=CPConv(3, 4, (3, 3), rank=4, bias=True, rank_norm="batch"))


def _parametrized() -> nn.Module:
    layer = TTConv(3, 4, (3,), rank=2)
    parametrizations.weight_norm(layer.cores, "0")
    return layer


def _fixed_weights() -> nn.Module:
    layer = CPConv(3, 4, (3,), rank=2, learn_weights=False)
    layer.weights.mul_(2)
    return layer


def _other_activation() -> nn.Module:
    layer = CPConv(3, 4, (3,), rank=2, rank_activation="relu")
    layer.rank_activation = nn.GELU()
    return layer


class Stateful(nn.Linear):
    """A layer with state that is no tensor."""

    def get_extra_state(self) -> dict:
        return {"epoch": 3}


UNSAVED = {
    "parametrized": (
        _parametrized,
        "cores.0, .* of this TTConv are not what its options make; undo parametrizations",
    ),
    "scaled fixed weights": (_fixed_weights, r"weights are not one throughout.*multiply factors\[0\]"),
    "another activation": (_other_activation, "rank_activation of this CPConv are not what its options make"),
    "extra state": (lambda: Stateful(2, 2), "_extra_state is a dict; a file holds tensors only"),
    "lazy": (lambda: nn.LazyConv2d(3, 3), "weight is a tensor without memory"),
    "meta": (lambda: TuckerConv(3, 4, (3,), rank=2, device="meta"), "core is a tensor without memory"),
    "sparse": (lambda: _with_buffer(torch.eye(2).to_sparse()), "extra is a tensor sparse or quantized"),
}


def _with_buffer(buffer: torch.Tensor) -> nn.Module:
    module = nn.Module()
    module.register_buffer("extra", buffer)
    return module


@pytest.mark.parametrize("make, text", UNSAVED.values(), ids=UNSAVED)
def test_what_a_file_cannot_hold_is_not_saved(tmp_path, make, text):
    with pytest.raises(ValueError, match=text):
        save(make(), tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_layers_of_derived_classes_belong_to_the_network(tmp_path):
    class Derived(CPConv):
        """Somebody's own."""

    saved, into = nn.Sequential(Derived(3, 4, (3,), rank=2)), nn.Sequential(Derived(3, 4, (3,), rank=2))
    save(saved, tmp_path / "net.safetensors")
    assert torch.equal(load(tmp_path / "net.safetensors", into=into)[0].weights, saved[0].weights)
    save(saved[0], tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match="into=network"):
        load(tmp_path / "own.safetensors")
