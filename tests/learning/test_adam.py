"""Our Adam against PyTorch's."""

import pytest
import torch
from torch import nn

from hocp.conv import adam_scales
from hocp.learning.adam import Adam


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)).double()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_are_those_of_pytorch(decay):
    ours, theirs = _network(), _network()
    kernels = [p for p in theirs.parameters() if p.ndim > 1]
    biases = [p for p in theirs.parameters() if p.ndim == 1]
    groups = [{"params": kernels, "weight_decay": decay}, {"params": biases}]
    adam, reference = (
        Adam(ours.parameters(), betas=(0.8, 0.99), weight_decay=decay),
        torch.optim.Adam(groups, betas=(0.8, 0.99)),
    )
    for step in range(20):
        x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        rate = 0.01 / (1 + step)
        for network, optimizer in ((ours, adam), (theirs, reference)):
            optimizer.zero_grad()
            network(x).square().sum().backward()
        for group in reference.param_groups:
            group["lr"] = rate
        adam.step(rate)
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    scales, wanted = adam.scales(), adam_scales(reference)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(scales[a], wanted[b], rtol=1e-10, atol=1e-12)


def test_parameters_without_gradient_stay():
    network = _network()
    before = [p.clone() for p in network.parameters()]
    adam = Adam(network.parameters(), weight_decay=0.5)
    network[2](torch.ones(1, 7, dtype=torch.float64)).sum().backward()
    adam.step(0.1)
    after = list(network.parameters())
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    assert not torch.equal(before[2], after[2])
    network.zero_grad()
    adam.step(0.1)  # nothing to move
