"""Batch norms beside our layers get right gradients, whatever the memory format and however few positions.

Torch's batch norm on a processor takes a gradient in another memory format than its input's for wrong numbers
if a spatial mode has one position, so layers must not hand one back.
"""

import pytest
import torch
from conv_oracles import EXACT, double
from torch import nn

from hocp.conv import ConvNd, CPConv, Geometry, SeparableDepthwise, TTConv, TuckerConv, cp_conv

NORMS = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
PSI = {"rank_norm": "batch", "rank_activation": "relu"}
LAYERS = {
    **{f"cp {form}": lambda n, form=form: CPConv(4, 4, (3,) * n, rank=5, padding=1, implementation=form)
       for form in ("chain", "merged", "views", "dense")},
    "cp circular": lambda n: CPConv(4, 4, (1,) * n, rank=5, padding_mode="circular"),
    "cp skip": lambda n: CPConv(4, 4, (3,) * n, rank=5, padding=1, skip="projection"),
    "cp groups": lambda n: CPConv(4, 4, (3,) * n, rank=5, padding=1, groups=2),
    "cp psi": lambda n: CPConv(4, 4, (3,) * n, rank=5, padding=1, **PSI),
    "tucker": lambda n: TuckerConv(4, 4, (3,) * n, rank=3, padding=1),
    "tucker separate": lambda n: TuckerConv(4, 4, (3,) * n, rank=3, padding=1, separate_modes=1, **PSI),
    "tt": lambda n: TTConv(4, 4, (3,) * n, rank=3, padding=1, **PSI),
    "separable": lambda n: SeparableDepthwise(4, (3,) * n, padding=1, norm="batch"),
    "dense": lambda n: ConvNd(4, 4, Geometry((3,) * n, padding=((0, 2),) + ((1, 1),) * (n - 1))),
}  # fmt: skip


class WrittenOut(nn.Module):
    """A batch norm by its definition."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        modes = [0, *range(2, x.dim())]
        mean = x.mean(modes, keepdim=True) if self.norm.training else self._wide(self.norm.running_mean, x)
        variance = self._wide(self.norm.running_var, x)
        if self.norm.training:
            variance = (x - mean).square().mean(modes, keepdim=True)
        y = (x - mean) / (variance + self.norm.eps).sqrt()
        return y * self._wide(self.norm.weight, x) + self._wide(self.norm.bias, x)

    @staticmethod
    def _wide(values, x):
        return values.reshape(1, -1, *(1,) * (x.dim() - 2))


def written_out(layer):
    """The layer with its own norms by definition; shares all tensors."""
    for path, module in list(layer.named_modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            parent, _, name = path.rpartition(".")
            setattr(layer.get_submodule(parent), name, WrittenOut(module))
    return layer


def check(layer, x, norm, probe):
    """Gradients of norm, layer, norm against the same with all norms written out."""
    norms = norm, NORMS[x.dim()](4, dtype=torch.float64).train(norm.training)
    leaves = [x, *norms[0].parameters(), *layer.parameters(), *norms[1].parameters()]
    y = norms[1](layer(norms[0](x)))
    found = torch.autograd.grad((y * probe).sum(), leaves)
    before, after = map(WrittenOut, norms)
    expected = after(written_out(layer)(before(x)))
    torch.testing.assert_close(y, expected, **EXACT)
    for mine, wanted in zip(found, torch.autograd.grad((expected * probe).sum(), leaves), strict=True):
        torch.testing.assert_close(mine, wanted, **EXACT)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("size", [(1, 3), (3, 1), (1, 1), (1, 1, 3), (3, 1, 1), (1, 3, 1), (2, 2, 1)])
@pytest.mark.parametrize("kind", LAYERS)
def test_norms_before_inside_and_behind(kind, size, last, training):
    torch.manual_seed(0)
    layer = LAYERS[kind](len(size)).double().train(training)
    for module in layer.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eps = 0.1  # few values a channel: little noise, and no division by nearly zero
    x = double(3, 4, *size)
    x = (x.contiguous(memory_format=LAST[x.dim()]) if last else x).requires_grad_()
    norm = NORMS[x.dim()](4, dtype=torch.float64, eps=0.1).train(training)
    with torch.no_grad():
        probe = double(*layer(x).shape)
    check(layer, x, norm, probe)


@pytest.mark.parametrize("last", [True, False])
def test_the_function_hands_back_gradients_in_the_format_of_its_input(last):
    layer = CPConv(4, 4, (3, 3), rank=5, padding=1)
    x = torch.randn(2, 4, 1, 6)
    x = (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()
    y = cp_conv(x, layer.weights, tuple(layer.factors), padding=1)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient.stride() == x.stride()
