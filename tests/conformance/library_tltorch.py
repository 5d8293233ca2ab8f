"""TensorLy-Torch as the probes see it, always in the form that serves it best."""

from __future__ import annotations

from importlib import metadata

import tltorch
import torch
from kernels import kernel_of
from libraries import Gated, Library
from probing import NotOffered
from torch import nn


class TensorLyTorch(Library):
    """``tltorch.FactorizedConv``; groups, padding modes and one-sided padding are no options of it."""

    name, module, distribution = "tensorly-torch", "tltorch", "tensorly-torch"

    def layer(self, form, tensors, *, bias=None, **options):
        """From shape and rank, then filled: a layer from a factorization holds its tensor twice."""
        kernel = kernel_of(form, tensors)
        layer = self.fresh(
            form, (kernel.shape[1], kernel.shape[0]), tuple(kernel.shape[2:]), rank=_rank(form, tensors),
            bias=bias is not None, dtype=kernel.dtype, **options,
        )  # fmt: skip
        given = [*tensors, *_eyes(form, tensors)]
        own = [layer.weight.core, *layer.weight.factors] if form == "tucker" else self.numbers(form, layer)
        with torch.no_grad():
            for parameter, value in zip(own, given, strict=True):
                parameter.copy_(value)
            if bias is not None:
                layer.bias.copy_(bias)
        return layer

    def from_factors(self, form, tensors, *, bias=None, **options):
        own = [nn.Parameter(tensor.clone()) for tensor in [*tensors, *_eyes(form, tensors)]]
        weight = (
            tltorch.TTTensor(own) if form == "tt"
            else {"cp": tltorch.CPTensor, "tucker": tltorch.TuckerTensor}[form](own[0], own[1:])
        )  # fmt: skip
        return tltorch.FactorizedConv.from_factorization(
            weight, implementation="factorized", bias=bias, **_supported(options)
        )

    def numbers(self, form, layer):
        weight = layer.weight
        if form == "cp":
            return [weight.weights, *weight.factors]
        return [weight.core, *list(weight.factors)[:2]] if form == "tucker" else list(weight.factors)

    def fresh(self, form, channels, kernel, *, rank, **options):
        if isinstance(rank, tuple):  # ours names only the ranks that are free
            rank = [*rank, *kernel] if form == "tucker" else [1, *rank, 1]
        return tltorch.FactorizedConv(
            *channels,
            kernel,
            rank=rank,
            factorization=form,
            implementation="factorized",
            **_supported(options),
        )

    def initialised(self, *args, **options):
        layer = self.fresh(*args, **options)
        layer.reset_parameters()
        return layer

    def reset(self, layer):
        layer.reset_parameters()

    def from_conv(self, form, conv, *, rank):
        if isinstance(rank, tuple):
            taps = conv.kernel_size
            rank = [*rank, *taps] if form == "tucker" else [1, *rank, 1]
        return tltorch.FactorizedConv.from_conv(
            conv, rank=rank, factorization=form, implementation="factorized"
        )

    def from_convs(self, form, convs, *, rank):
        joint = tltorch.FactorizedConv.from_conv_list(
            convs, rank=rank, factorization=form, implementation="factorized"
        )
        return [joint[index] for index in range(len(convs))]

    def gated(self, tensors, *, penalty):
        layer = self.layer("cp", tensors)
        lasso = tltorch.tensor_hooks.tensor_lasso("CP", penalty=penalty, normalize_loss=False)
        lasso.apply(layer.weight)
        return Gated(layer, layer.weight.lasso_weights, lambda: lasso.loss)

    def drop_components(self, tensors, *, chance):
        layer = self.layer("cp", tensors)
        tltorch.tensor_hooks.tensor_dropout(layer.weight, p=chance)
        return layer

    def rank_for(self, channels, kernel, *, share, of):
        if of != "parameters":
            raise NotOffered("parameters only")
        return self.fresh("cp", channels, kernel, rank=share)

    def transduce(self, module, *, taps=3, init="identity"):
        if init != "identity" or not isinstance(taps, int):
            raise NotOffered("one initial factor, one mode at a time")
        if isinstance(module, nn.ModuleList):
            module[0].main_conv.transduct(taps, padding=taps // 2, fine_tune_transduction_only=False)
            return module
        return module.transduct(taps, padding=taps // 2, fine_tune_transduction_only=False)

    def freeze_old(self, layer):
        """Freezing is part of `transduct` here."""
        return layer.transduct(3, padding=1)

    def reported_sizes(self, layer):
        return [tuple(sizes) for sizes in (layer.kernel_shape, layer.shape, layer.weight.shape)]

    def requirements(self):
        return metadata.requires(self.distribution) or []


def _rank(form: str, tensors):
    """What `fresh` takes."""
    if form == "cp":
        return tensors[0].numel()
    return tuple(tensors[0].shape[:2]) if form == "tucker" else tuple(core.shape[-1] for core in tensors[:-1])


def _eyes(form: str, tensors) -> list[torch.Tensor]:
    """Spatial factors of Tucker that do nothing: ours has none, theirs has one a mode."""
    sizes = tensors[0].shape[2:] if form == "tucker" else ()
    return [torch.eye(size, dtype=tensors[0].dtype) for size in sizes]


def _supported(options: dict) -> dict:
    """Only what the class documents or takes an argument for."""
    options = dict(options)
    if options.pop("groups", 1) != 1:
        raise NotOffered("no groups")
    if options.pop("padding_mode", "zeros") != "zeros":
        raise NotOffered("no padding_mode")
    padding = options.get("padding", 0)
    if isinstance(padding, str) or (
        isinstance(padding, tuple) and not all(isinstance(p, int) for p in padding)
    ):
        raise NotOffered("padding in numbers only, equal on both sides")
    return options
