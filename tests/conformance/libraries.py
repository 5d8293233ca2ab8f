"""What the probes may ask of a library, in torch's words; a library overrides what it has means for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from probing import NotOffered
from torch import Tensor, nn


class Gated(NamedTuple):
    """A CP layer under the lasso: the gates, all one at first, and the penalty as the library computes it."""

    layer: nn.Module
    gates: nn.Parameter
    penalty: object  # callable () -> Tensor, after a forward call


class Library:
    """Nothing is offered here.

    `form` is 'cp', 'tucker' or 'tt'; `tensors` are those of `kernels`; `options` are stride, padding,
    dilation, groups and padding_mode as in ``torch.nn.ConvNd``, and device and dtype.
    """

    name: str
    #: What an import statement says, and what a package index calls it.
    module: str
    distribution: str

    def layer(
        self, form: str, tensors: Sequence[Tensor], *, bias: Tensor | None = None, **options
    ) -> nn.Module:
        """A layer with these numbers."""
        raise NotOffered("no layer from given factors")

    def from_factors(
        self, form: str, tensors: Sequence[Tensor], *, bias: Tensor | None = None, **options
    ) -> nn.Module:
        """The same through the library's own door for factors, which may check them."""
        raise NotOffered("no layer from given factors")

    def numbers(self, form: str, layer: nn.Module) -> list[nn.Parameter]:
        """The layer's own tensors, in the order of `layer`."""
        raise NotOffered("no access to the factors")

    def fresh(
        self, form: str, channels: tuple[int, int], kernel: tuple[int, ...], *, rank, **options
    ) -> nn.Module:
        """A layer (inputs, outputs) straight from its constructor."""
        raise NotOffered("no layer from shape and rank")

    def initialised(self, *args, **options) -> nn.Module:
        """A fresh layer after the initialisation that the library documents."""
        raise NotOffered("no initialisation")

    def reset(self, layer: nn.Module) -> None:
        """Initialise in place."""
        raise NotOffered("no initialisation in place")

    def from_conv(self, form: str, conv: nn.Module, *, rank) -> nn.Module:
        """A dense convolution, factorized."""
        raise NotOffered("no import of a dense convolution")

    def kernel_error(self, layer: nn.Module) -> float:
        """Relative error of an imported kernel, as the library reports it."""
        raise NotOffered("no error is reported")

    def import_within(self, conv: nn.Module, *, rank, tolerance: float) -> nn.Module:
        """Import that must be refused above this relative kernel error."""
        raise NotOffered("no error bound")

    def from_convs(self, form: str, convs: Sequence[nn.Module], *, rank) -> list[nn.Module]:
        """Layers that share one joint tensor."""
        raise NotOffered("no joint tensors")

    def to_dense(self, layer: nn.Module) -> nn.Module:
        """The equal torch module."""
        raise NotOffered("no way back to a dense layer")

    def gated(self, tensors: Sequence[Tensor], *, penalty: float) -> Gated:
        """A CP layer with the lasso attached."""
        raise NotOffered("no lasso")

    def drop_components(self, tensors: Sequence[Tensor], *, chance: float) -> nn.Module:
        """A CP layer whose components are dropped at random while it trains."""
        raise NotOffered("no dropout of components")

    def prune(self, layer: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> nn.Module:
        """The layer without its components of weight zero, which the optimizer forgets."""
        raise NotOffered("no pruning")

    def rank_for(
        self, channels: tuple[int, int], kernel: tuple[int, ...], *, share: float, of: str
    ) -> nn.Module:
        """A CP layer with this share of the dense 'parameters' or 'multiply-adds'."""
        raise NotOffered("no rank from a budget")

    def transduce(self, module: nn.Module, *, taps=3, init: str = "identity") -> nn.Module:
        """One more mode in front, or one for each entry of `taps`; every parameter stays trainable."""
        raise NotOffered("no transduction")

    def transduce_network(self, network: nn.Module, *, taps=3) -> nn.Module:
        """All layers of a network at once."""
        raise NotOffered("no transduction of networks")

    def freeze_old(self, layer: nn.Module) -> nn.Module:
        """Stage one: only what transduction added is trained."""
        raise NotOffered("no freezing")

    def unfreeze(self, layer: nn.Module) -> None:
        """Stage two: everything that was trainable before is so again."""
        raise NotOffered("no way back from freezing")

    def reported_sizes(self, layer: nn.Module) -> list[tuple[int, ...]]:
        """Kernel shapes (T, C / g, K0, ...) as the layer's attributes tell them."""
        raise NotOffered("no shape is reported")

    def save(self, layer: nn.Module, path: Path) -> None:
        """The whole layer, not only its numbers, to a file."""
        raise NotOffered("no file format; torch.save of a module pickles code")

    def load(self, path: Path) -> nn.Module:
        """Read it back without executing anything that the file says."""
        raise NotOffered("no file format")

    def there_and_back(self, layer: nn.Module) -> nn.Module:
        """To a layer of the other library, and from that to an own one."""
        raise NotOffered("no exchange with other libraries")

    def requirements(self) -> list[str]:
        """Distributions that the package says it needs."""
        raise NotOffered("no metadata")
