"""hocp.conv as the probes see it."""

from __future__ import annotations

import tomllib
from importlib.util import find_spec
from pathlib import Path

from libraries import Gated, Library
from probing import NotRun
from torch import nn

import hocp.conv

ROOT = Path(__file__).resolve().parents[2]


class Hocp(Library):
    """``CPConv``, ``TuckerConv``, ``TTConv`` and the functions around them."""

    name, module, distribution = "hocp.conv", "hocp.conv", "hocp"

    @staticmethod
    def kind(form: str) -> type[nn.Module]:
        """The class of a form."""
        return getattr(hocp.conv, {"cp": "CPConv", "tucker": "TuckerConv", "tt": "TTConv"}[form])

    def layer(self, form, tensors, *, bias=None, **options):
        parts = {
            "cp": (tensors[0], tensors[1:]),
            "tucker": (tensors[0], tuple(tensors[1:])),
            "tt": (tensors,),
        }
        return self.kind(form).from_factors(*parts[form], bias=bias, **options)

    def from_factors(self, form, tensors, *, bias=None, **options):
        return self.layer(form, tensors, bias=bias, **options)

    def numbers(self, form, layer):
        if form == "cp":
            return [layer.weights, *layer.factors]
        return [layer.core, *layer.factors] if form == "tucker" else list(layer.cores)

    def fresh(self, form, channels, kernel, *, rank, **options):
        return self.kind(form)(*channels, kernel, rank=rank, **options)

    def initialised(self, *args, **options):
        """Construction initialises."""
        return self.fresh(*args, **options)

    def reset(self, layer):
        layer.reset_parameters()

    def from_conv(self, form, conv, *, rank):
        return self.kind(form).from_conv(conv, rank=rank)

    def kernel_error(self, layer):
        return layer.fit.relative_error

    def import_within(self, conv, *, rank, tolerance):
        network = nn.Sequential(conv)
        return hocp.conv.factorize(network, rank=rank, tolerance=tolerance).network[0]

    def from_convs(self, form, convs, *, rank):
        return self.kind(form).from_convs(convs, rank=rank)

    def to_dense(self, layer):
        return layer.to_dense()

    def gated(self, tensors, *, penalty):
        """The gates are the weights themselves."""
        layer = self.layer("cp", tensors)
        return Gated(layer, layer.weights, lambda: penalty * hocp.conv.lasso(layer))

    def drop_components(self, tensors, *, chance):
        layer = self.layer("cp", tensors)
        hocp.conv.drop_components_(layer, chance)
        return layer

    def prune(self, layer, optimizer=None):
        hocp.conv.prune_(layer, optimizer)
        return layer

    def rank_for(self, channels, kernel, *, share, of):
        dense = nn.Conv2d(*channels, kernel, bias=False, device="meta").weight.numel()
        budgets = {
            "parameters": {"parameters": round(share * dense)},
            "multiply-adds": {"macs": round(share * dense * 64), "input_size": (8, 8), "padding": 1},
        }
        rank = hocp.conv.rank_for("cp", *channels, kernel, **budgets[of])
        return self.fresh("cp", channels, kernel, rank=getattr(rank, "rank", rank))

    def transduce(self, module, *, taps=3, init="identity"):
        return hocp.conv.transduce(module, kernel_size=taps, init=init)

    def transduce_network(self, network, *, taps=3):
        return hocp.conv.transduce(network, kernel_size=taps)

    def freeze_old(self, layer):
        layer = hocp.conv.transduce(layer, kernel_size=3)
        hocp.conv.freeze_except_temporal(layer)
        return layer

    def unfreeze(self, layer):
        hocp.conv.unfreeze(layer)

    def reported_sizes(self, layer):
        geometry = layer.geometry
        return [
            (layer.out_channels, layer.in_channels, *geometry.kernel_size),
            tuple(layer.to_kernel().shape),
        ]

    def save(self, layer, path):
        hocp.conv.save(layer, path.with_suffix(".safetensors"))

    def load(self, path):
        return hocp.conv.load(path.with_suffix(".safetensors"))

    def there_and_back(self, layer):
        if find_spec("tltorch") is None:
            raise NotRun("tensorly-torch is not installed")
        return hocp.conv.from_tltorch(hocp.conv.to_tltorch(layer))

    def requirements(self):
        """From where the package's metadata are made, since it is used in place."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        return project["dependencies"]
