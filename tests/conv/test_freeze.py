"""Stage one trains the temporal factors and leaves everything else bit-identical; stage two trains all."""

from copy import deepcopy

import pytest
import torch
from test_transduce import network
from torch import nn

from hocp.conv import freeze_except_temporal, temporal_parameters, transduce, unfreeze

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1, weight_decay=0.1),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1),
}


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
    state = {name: value.clone() for name, value in moving.state_dict().items()}
    return {n: state[n] for n in names}, {n: v for n, v in state.items() if n not in names}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["cp", "cp-psi", "tucker", "tucker-psi", "tt", "tt-psi", "separable"])
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
    assert all(torch.equal(old_after[name], value) for name, value in old.items())
    assert all(not torch.equal(new_after[name], value) for name, value in new.items())


def test_stage_two_changes_everything_again():
    moving = transduce(network("cp"))
    freeze_except_temporal(moving)
    train(moving, OPTIMIZERS["adam"](moving.parameters()))
    unfreeze(moving)
    before = {name: value.clone() for name, value in moving.state_dict().items()}
    train(moving, OPTIMIZERS["adam"](moving.parameters()), steps=1)
    assert all(not torch.equal(moving.state_dict()[name], value) for name, value in before.items())
    assert all(module.training for module in moving.modules())
    moving.eval()
    assert not any(module.training for module in moving.modules())


def test_unfreeze_brings_back_the_users_own_choice_of_frozen_parameters():
    moving = transduce(network("cp"))
    moving[0].weight.requires_grad_(False)
    before = {name: parameter.requires_grad for name, parameter in moving.named_parameters()}
    freeze_except_temporal(moving)
    unfreeze(moving)
    assert before == {name: parameter.requires_grad for name, parameter in moving.named_parameters()}


def test_a_copy_of_a_frozen_network_is_frozen_on_its_own():
    moving = transduce(network("cp"))
    freeze_except_temporal(moving)
    copy = deepcopy(moving)
    unfreeze(moving)
    copy.train()
    norms = [m for m in copy.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms and not any(norm.training for norm in norms)
    unfreeze(copy)
    assert all(norm.train() is norm and norm.training for norm in norms)


def test_wrong_use_is_refused():
    moving = transduce(network("cp"))
    with pytest.raises(ValueError, match="not frozen"):
        unfreeze(moving)
    freeze_except_temporal(moving)
    with pytest.raises(ValueError, match="frozen already"):
        freeze_except_temporal(moving)
    for kind in ("cp", "dense"):
        with pytest.raises(ValueError, match="no temporal factors"):
            freeze_except_temporal(network(kind))
    with pytest.raises(ValueError, match="no temporal factors"):
        freeze_except_temporal(transduce(network("dense")))
