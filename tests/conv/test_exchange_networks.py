"""Networks saved and loaded: into dense ones, other ranks, themselves; joint and transduced layers."""

import json
import struct

import pytest
import torch
from exchange_cases import network, same_bits
from torch import nn

from hocp.conv import (
    CPConv,
    SeparableDepthwise,
    TTConv,
    TuckerConv,
    freeze_except_temporal,
    prune_,
    temporal_parameters,
    transduce,
)
from hocp.conv.exchange import load, save


@pytest.mark.parametrize("target", ["dense", "other rank", "alike"])
def test_a_network_is_loaded_into_its_dense_form_another_rank_or_itself(tmp_path, target):
    torch.manual_seed(0)
    saved = network().eval()
    save(saved, tmp_path / "net.safetensors")
    into = network(factorized=target != "dense", rank=5 if target == "alike" else 2).eval()
    assert load(tmp_path / "net.safetensors", into=into) is into
    assert same_bits(saved, into)
    assert into.block is into.again and into.block.first is into.again.first
    assert isinstance(into.last, CPConv) and into.last.rank == 5 and not into.last.training
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(saved(x), into(x))


def test_what_is_built_alike_is_loaded_in_place(tmp_path):
    saved, into = network(), network()
    save(saved, tmp_path / "net.safetensors")
    before = {name: id(parameter) for name, parameter in into.named_parameters()}
    load(tmp_path / "net.safetensors", into=into)
    assert {name: id(parameter) for name, parameter in into.named_parameters()} == before
    assert same_bits(saved, into)


def test_layers_stay_trainable_or_frozen_as_what_they_replace(tmp_path):
    save(network(), tmp_path / "net.safetensors")
    into = network(factorized=False)
    into.block.requires_grad_(False)
    into.last.bias.requires_grad_(False)
    load(tmp_path / "net.safetensors", into=into)
    assert not any(parameter.requires_grad for parameter in into.block.parameters())
    assert {name for name, p in into.last.named_parameters() if not p.requires_grad} == {"bias"}
    assert all(parameter.requires_grad for parameter in into.stem.parameters())


@pytest.mark.parametrize("kind, rank", [(CPConv, 3), (TuckerConv, (2, 2)), (TTConv, 2)])
def test_joint_layers_are_stored_once_and_shared_again(tmp_path, kind, rank):
    torch.manual_seed(0)
    convs = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(3)]
    saved = nn.ModuleList(kind.from_convs(convs, rank=rank))
    save(saved, tmp_path / "joint.safetensors")
    into = load(tmp_path / "joint.safetensors", into=nn.ModuleList(convs))

    def sharing(module: nn.Module) -> list[tuple[str, int]]:
        names: dict[int, str] = {}
        return [
            (name, names.setdefault(id(p), name)) for name, p in module.state_dict(keep_vars=True).items()
        ]

    assert same_bits(saved, into) and sharing(into) == sharing(saved)
    assert sum(p.numel() for p in into.parameters()) == sum(p.numel() for p in saved.parameters())
    with (tmp_path / "joint.safetensors").open("rb") as file:
        table = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    assert len(table) - 1 == len(list(saved.parameters()))
    assert [layer.fit for layer in into] == [layer.fit for layer in saved]


def test_fresh_layers_share_no_memory_with_each_other_or_the_file(tmp_path):
    save(network(), tmp_path / "net.safetensors")
    into = load(tmp_path / "net.safetensors", into=network(factorized=False))
    storages = [p.untyped_storage() for p in into.parameters()]
    assert len({storage.data_ptr() for storage in storages}) == len(storages)
    assert all(p.untyped_storage().nbytes() == p.nbytes for p in into.parameters())


def test_a_transduced_network_loads_into_the_transduced_dense_one_and_freezes(tmp_path):
    torch.manual_seed(0)
    image = nn.Sequential(
        CPConv(3, 4, (3, 3), rank=4, padding=1),
        nn.BatchNorm2d(4),
        SeparableDepthwise(4, (3, 3), padding=1, norm="batch"),
    )
    saved = transduce(image).eval()
    for _, parameter in temporal_parameters(saved):
        nn.init.normal_(parameter)
    save(saved, tmp_path / "clip.safetensors")
    dense = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        SeparableDepthwise(4, (3, 3), padding=1, norm="batch"),
    )
    into = load(tmp_path / "clip.safetensors", into=transduce(dense)).eval()
    assert same_bits(saved, into)
    names = [name for name, _ in temporal_parameters(saved)]
    assert names and [name for name, _ in temporal_parameters(into)] == names
    freeze_except_temporal(into)
    assert [name for name, p in into.named_parameters() if p.requires_grad] == names
    with pytest.raises(
        ValueError, match=r"kernel_size \(3, 3\) instead of \(3, 3, 3\).*transduce\(network\)"
    ):
        load(tmp_path / "clip.safetensors", into=dense)


def test_a_pruned_network_loads_into_the_one_before_pruning(tmp_path):
    saved = network()
    with torch.no_grad():
        saved.last.weights[1:4] = 0
    prune_(saved)
    save(saved, tmp_path / "net.safetensors")
    assert load(tmp_path / "net.safetensors", into=network()).last.rank == 2


def test_a_compiled_network_is_saved_and_loaded_as_the_network_inside(tmp_path):
    inner, into = network(), network()
    save(torch.compile(inner, backend="eager"), tmp_path / "net.safetensors")
    load(tmp_path / "net.safetensors", into=torch.compile(into, backend="eager"))
    assert same_bits(inner, into)
