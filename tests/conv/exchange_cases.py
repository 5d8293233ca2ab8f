"""What the tests of exchange share."""

from collections import OrderedDict

import torch
from torch import nn

from hocp.conv import CPConv


def same_bits(one: nn.Module, other: nn.Module) -> bool:
    """Equal names, dtypes, shapes and bits; NaNs and signed zeros count."""

    def bits(module: nn.Module) -> dict:
        return {
            name: (tensor.dtype, tensor.shape, tensor.contiguous().reshape(-1).view(torch.uint8).tolist())
            for name, tensor in module.state_dict().items()
        }

    return bits(one) == bits(other)


def network(*, rank: int = 5, factorized: bool = True) -> nn.Module:
    """A network with a convolution, norms, a shared and a plain layer; its factorized or its dense form."""

    def conv(c_in: int, c_out: int) -> nn.Module:
        if factorized:
            return CPConv(c_in, c_out, (3, 3), rank=rank, padding=1, bias=True)
        return nn.Conv2d(c_in, c_out, 3, padding=1)

    block = nn.Sequential(OrderedDict(first=conv(4, 4), norm=nn.BatchNorm2d(4)))
    parts = OrderedDict(stem=nn.Conv2d(3, 4, 1), block=block, again=block, last=conv(4, 6), head=nn.Flatten())
    return nn.Sequential(parts)
