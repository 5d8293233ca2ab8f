"""Libraries with known faults: a probe that notices none of them, nor the reference's, is worthless."""

from __future__ import annotations

import torch
from library_hocp import Hocp
from torch import nn


def blur(_layer, _arguments, output):
    """Scale the output by another number from 1 to 2 at every call."""
    return output * (1 + torch.rand((), dtype=output.dtype).to(output.device))


def spread(_layer, _arguments, output):
    """Right values, except that one NaN is everywhere; in an unusual layout."""
    return (output + 0 * output.sum()).transpose(-1, -2).contiguous().transpose(-1, -2)


def crop(_layer, _arguments, output):
    """Lose a position."""
    return output[..., 1:]


class Blurred(Hocp):
    """Every layer's output is a little off, and never twice the same."""

    def layer(self, *args, **options):
        return _hooked(super().layer(*args, **options), blur)

    def fresh(self, *args, **options):
        return _hooked(super().fresh(*args, **options), crop)

    def from_conv(self, *args, **options):
        return _hooked(super().from_conv(*args, **options), blur)

    def from_convs(self, *args, **options):
        return [_hooked(layer, blur) for layer in super().from_convs(*args, **options)]

    def drop_components(self, *args, **options):
        return _hooked(super().drop_components(*args, **options), blur)

    def transduce(self, *args, **options):
        return _hooked(super().transduce(*args, **options), blur)

    def there_and_back(self, layer):
        return _hooked(super().there_and_back(layer), blur)

    def transduce_network(self, *args, **options):
        return _hooked(super().transduce_network(*args, **options), blur)


class Careless(Hocp):
    """Values are right, everything around them is not."""

    module = "this"  # of the standard library; it prints a poem

    def layer(self, *args, **options):
        layer = _hooked(super().layer(*args, **options), spread)
        layer.load_state_dict = lambda *_, **__: None
        layer.extra_repr = lambda: ""
        return layer

    def fresh(self, *args, dtype=None, **options):
        torch.manual_seed(0)
        layer = super().fresh(*args, **options)
        next(layer.parameters()).data.fill_(torch.nan)
        return layer

    def reset(self, layer):
        """Leave the memory as it is."""

    def from_conv(self, form, conv, *, rank):
        """Forget the bias, keep the original's mode, and take memory that nobody needs."""
        torch.empty(8 * 2**30, dtype=torch.uint8)
        layer = super().from_conv(form, conv, rank=rank)
        layer.bias = None
        return layer

    def kernel_error(self, layer):
        return 0.0

    def import_within(self, conv, *, rank, tolerance):
        return self.from_conv("cp", conv, rank=rank)

    def rank_for(self, channels, kernel, *, share, of):
        return super().rank_for(channels, kernel, share=1.0, of=of)

    def transduce(self, module, *, taps=3, init="identity"):
        return super().transduce(module, taps=taps, init=init).requires_grad_(False)

    def freeze_old(self, layer):
        return super().transduce(layer)

    def unfreeze(self, layer):
        layer.requires_grad_(True)


class Deaf(Hocp):
    """Whatever is asked, the input comes back."""

    def layer(self, *args, **options):
        return nn.Identity()

    from_factors = fresh = from_conv = layer

    def from_convs(self, form, convs, *, rank):
        return [nn.Identity() for _ in convs]


def _hooked(layer: nn.Module, hook) -> nn.Module:
    layer.register_forward_hook(hook)
    return layer


#: The one that most probes notice first.
BROKEN = (Blurred(), Careless(), Deaf())
