"""Stage one trains the temporal factors and leaves everything else bit-identical; stage two trains all."""

import io
from copy import deepcopy

import pytest
import torch
from conv_oracles import EXACT
from test_transduce import KINDS, network
from torch import nn
from torch.nn.utils import parametrizations

from hocp.conv import CPConv, TuckerConv, freeze_except_temporal, temporal_parameters, transduce, unfreeze

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda parameters: torch.optim.SGD(
        parameters, lr=0.01, momentum=0.9, weight_decay=0.1, nesterov=True, foreach=True
    ),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1, weight_decay=0.1),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1),
    "fused": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1, fused=True),
}
FACTORIZED = [kind for kind in KINDS if kind not in ("dense", "resnext")]


def train(moving: nn.Module, optimizer: torch.optim.Optimizer, *, steps: int = 3) -> None:
    """Some steps of an ordinary loop, which calls train() every time."""
    for _ in range(steps):
        moving.train()
        optimizer.zero_grad()
        moving(torch.randn(2, 3, 4, 17, 17, dtype=torch.float64)).square().mean().backward()
        optimizer.step()


def split(moving: nn.Module) -> tuple[dict, dict]:
    """Copies of the temporal and of all other tensors, buffers included."""
    names = {name for name, _ in temporal_parameters(moving)}
    everything = [*moving.named_parameters(), *moving.named_buffers()]  # also what no state dict holds
    state = {name: value.detach().clone() for name, value in everything}
    return {n: state[n] for n in names}, {n: v for n, v in state.items() if n not in names}


def bits(value: torch.Tensor) -> torch.Tensor:
    """So that 0 and -0 differ and NaN equals itself."""
    return value.view(torch.int64) if value.dtype == torch.float64 else value


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", FACTORIZED)
def test_stage_one_changes_the_temporal_factors_and_nothing_else(kind, optimizer):
    moving = transduce(network(kind))
    optimize = OPTIMIZERS[optimizer](moving.parameters())
    train(moving, optimize, steps=1)  # leaves gradients and momentum behind that stage one must not use
    new, old = split(moving)
    freeze_except_temporal(moving)
    optimize.step()
    train(moving, optimize)
    train(moving, OPTIMIZERS[optimizer](moving.parameters()))  # a new one of all parameters
    new_after, old_after = split(moving)
    assert len(new) == (4 if kind == "separable" else 2) and len(old) > 20
    assert all(torch.equal(bits(old_after[name]), bits(value)) for name, value in old.items())
    assert all(not torch.equal(new_after[name], value) for name, value in new.items())


@pytest.mark.parametrize("kind", FACTORIZED)
def test_stage_two_changes_everything_again(kind):
    moving = transduce(network(kind))
    freeze_except_temporal(moving)
    train(moving, OPTIMIZERS["adam"](moving.parameters()))
    unfreeze(moving)
    before = {name: value.clone() for name, value in moving.state_dict().items()}
    train(moving, OPTIMIZERS["adamw"](moving.parameters()), steps=1)
    assert all(not torch.equal(moving.state_dict()[name], value) for name, value in before.items())
    assert all(module.training for module in moving.modules())
    moving.eval()
    assert not any(module.training for module in moving.modules())


@pytest.mark.parametrize("kind", ["cp-psi", "tucker-psi", "tt-psi", "separable"])
def test_norms_normalise_by_the_statistics_of_the_images_in_stage_one(kind):
    """At its start the network in train mode, too, is the image network on every frame (dropout apart)."""
    static = network(kind)
    static[6].p = 0.0
    moving = transduce(static)
    clip = torch.randn(2, 3, 3, 17, 17, dtype=torch.float64)
    expected = moving.eval()(clip)
    freeze_except_temporal(moving)
    torch.testing.assert_close(moving.train()(clip), expected, **EXACT)
    unfreeze(moving)
    assert not torch.allclose(moving(clip), expected)


def test_dropout_follows_the_loop_in_stage_one():
    moving = transduce(network("cp"))
    freeze_except_temporal(moving)
    moving.train()
    assert moving[6].training and not moving[1].training
    moving.eval()
    assert not moving[6].training


def test_all_layers_with_buffers_keep_them():
    """Also instance norms that track statistics, and spectral norms, which iterate in training."""
    static = nn.Sequential(
        TuckerConv(3, 4, (3, 3), rank=2, padding=1),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.Flatten(),
        parametrizations.spectral_norm(nn.Linear(4 * 17 * 17, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)),
    )
    moving = transduce(static.double().train())
    before = split(moving)[1]
    train(moving, OPTIMIZERS["sgd"](moving.parameters()), steps=1)
    changed = {name for name, value in split(moving)[1].items() if not torch.equal(value, before[name])}
    changed.add("1.module.num_batches_tracked")  # an instance norm does not count
    assert changed == set(before)  # without freezing
    freeze_except_temporal(moving)
    before = split(moving)[1]
    train(moving, OPTIMIZERS["sgd"](moving.parameters()))
    after = split(moving)[1]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    unfreeze(moving)
    train(moving, OPTIMIZERS["sgd"](moving.parameters()), steps=1)
    after = split(moving)[1]
    still = {name for name, value in after.items() if torch.equal(value, before[name])}
    assert still == {"1.module.num_batches_tracked"}


def test_several_new_modes_are_all_trained():
    moving = transduce(CPConv(3, 4, (3,), rank=5, padding=1).double(), kernel_size=(3, 3))
    freeze_except_temporal(moving)
    assert [n for n, p in moving.named_parameters() if p.requires_grad] == ["factors.2", "factors.3"]
    new, old = split(moving)
    train(moving, OPTIMIZERS["sgd"](moving.parameters()))
    assert all(torch.equal(value, old[name]) for name, value in split(moving)[1].items())
    assert not any(torch.equal(value, new[name]) for name, value in split(moving)[0].items())


def test_unfreeze_brings_back_the_users_own_choice_of_frozen_parameters():
    moving = transduce(network("cp"))
    moving[0].weight.requires_grad_(False)
    before = {name: parameter.requires_grad for name, parameter in moving.named_parameters()}
    freeze_except_temporal(moving)
    unfreeze(moving)
    assert before == {name: parameter.requires_grad for name, parameter in moving.named_parameters()}


def test_a_head_added_in_stage_one_is_left_alone():
    moving = transduce(network("cp"))
    freeze_except_temporal(moving)
    moving.add_module("extra", nn.Sequential(nn.Linear(2, 2), nn.Identity()).double())
    moving.extra[0].bias.requires_grad_(False)
    train(moving, OPTIMIZERS["sgd"](moving.parameters()))
    unfreeze(moving)
    assert moving.extra[0].weight.requires_grad and not moving.extra[0].bias.requires_grad


@pytest.mark.parametrize("kind", FACTORIZED)
def test_a_copy_of_a_frozen_network_is_frozen_on_its_own(kind):
    moving = transduce(network(kind))
    freeze_except_temporal(moving)
    copy = deepcopy(moving)
    unfreeze(moving)
    copy.train()
    norms = [m for m in copy.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms and not any(norm.training for norm in norms)
    assert all(m.training for m in moving.train().modules())
    unfreeze(copy)
    assert all(norm.train() is norm and norm.training for norm in norms)


@pytest.mark.parametrize("kind", FACTORIZED)
def test_stage_one_goes_on_from_a_saved_state(kind):
    """State dicts know nothing of the stage: weights move between frozen and unfrozen networks."""
    moving = transduce(network(kind))
    freeze_except_temporal(moving)
    train(moving, OPTIMIZERS["sgd"](moving.parameters()))
    file = io.BytesIO()
    torch.save(moving.state_dict(), file)
    file.seek(0)
    fresh = transduce(network(kind))
    fresh.load_state_dict(torch.load(file, weights_only=True))
    freeze_except_temporal(fresh)
    for each in (moving, fresh):
        torch.manual_seed(3)
        train(each, torch.optim.SGD(each.parameters(), lr=0.01))
    assert all(torch.equal(a, b) for a, b in zip(moving.parameters(), fresh.parameters(), strict=True))


def test_wrong_use_is_refused():
    moving = transduce(network("cp"))
    with pytest.raises(ValueError, match="not frozen"):
        unfreeze(moving)
    freeze_except_temporal(moving)
    with pytest.raises(ValueError, match="the module is frozen already; call unfreeze"):
        freeze_except_temporal(moving)
    with pytest.raises(ValueError, match="0 is frozen already"):
        freeze_except_temporal(nn.Sequential(moving))
    for kind in ("cp", "dense"):
        with pytest.raises(ValueError, match=r"no temporal factors.*transduce.*CPConv, TuckerConv"):
            freeze_except_temporal(network(kind))
    with pytest.raises(ValueError, match="no temporal factors"):
        freeze_except_temporal(transduce(network("dense")))
