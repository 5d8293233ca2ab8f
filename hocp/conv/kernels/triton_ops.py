"""The depthwise stage on Triton as operators of torch, with shapes for tracing and gradients.

Shapes: B batch, R rank, T output channels; D0, D1, D2 input sizes, O0, O1, O2 output sizes; K taps.
    z        (B, D0, D1, D2, R)
    factors  f0, f1, f2, (K, R) each; the first two may be None, for a mode that is not there
    scale, shift   (R,), or None: the stage sees relu(scale z + shift), or what of that is asked for
    places   stride of the three modes, dilation, padding before and behind: twelve numbers in one list,
             since operators take no nested ones

Compilers and exporters see one opaque operator a stage. Without them a stage is called as a function, since
operators written in Python take the processor as long again as a launch. There are no second derivatives:
torch says so when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hocp.conv.forms.call import is_transformed
from hocp.conv.kernels import triton_launch
from hocp.conv.kernels.triton_tiles import KEPT, Modes

_STAGE = "Tensor z, Tensor? f0, Tensor? f1, Tensor f2, Tensor? scale, Tensor? shift, bool relu, int[] places"
Maybe = Tensor | None


def stage(*arguments: Any) -> Tensor:
    """What `depthwise` computes, by the shorter way where nothing traces it."""
    return depthwise(*arguments) if _traced(arguments[0]) else _Stage.apply(*arguments)


def stage_product(*arguments: Any) -> Tensor:
    """What `depthwise_product` computes, likewise."""
    return depthwise_product(*arguments) if _traced(arguments[0]) else _product(*arguments)


def _traced(z: Tensor) -> bool:
    """Whether a compiler, an exporter, a transform or a mode of torch's dispatcher is to see an operator."""
    looked_at = is_transformed() or type(z) is not Tensor or z.is_meta
    return looked_at or torch._C._len_torch_dispatch_stack() > 0


def _depthwise(z, f0, f1, f2, scale, shift, relu, places):
    """All depthwise 1-D convolutions: (B, O0, O1, O2, R)."""
    return _convolve((z, f0, f1, f2, scale, shift, relu, places), z.shape[-1])


def _product(z, f0, f1, f2, scale, shift, relu, places, weights, matrix, bias):
    """The depthwise stage times weights (R,), a product with a matrix (R, T) and a bias: (B, O0, O1, O2, T).

    In one kernel where that is quicker; without a backward pass, which would need the stage's result.
    """
    stage, weights = (z, f0, f1, f2, scale, shift, relu, places), weights.contiguous()
    if not triton_launch.fusable(z, matrix):
        bias = None if bias is None else bias.to(matrix.dtype)
        return F.linear(_convolve(stage, z.shape[-1], weights=weights), matrix.t(), bias)
    return _convolve(stage, matrix.shape[1], weights=weights, matrix=matrix.contiguous(), bias=bias)


def _input_gradient(dy, z, f0, f1, f2, scale, shift, relu, places):
    """Gradients of z, and of scale and shift in one (2, R): nothing in it where there are none."""
    dz = z.new_empty(z.shape)
    of_affine = z.new_zeros(_affine_shape(z, scale), dtype=triton_launch.accumulator(z.dtype))
    if dz.numel() and dy.numel():
        options = _options((f0, f1, f2), scale, shift, relu, places)
        given = _aligned(dy), _contiguous(f0, f1, f2), dz
        sums = triton_launch.convolve_transposed(*given, z=_aligned(z), **options)
        of_affine = of_affine if sums is None else sums
    elif dz.numel():
        dz.zero_()
    return dz, of_affine


def _factor_gradients(dy, z, f0, f1, f2, scale, shift, relu, places):
    """Gradients of the factors; nothing in that of a factor that is not there."""
    if not dy.numel():
        return tuple(
            z.new_zeros(0) if factor is None else torch.zeros_like(factor) for factor in (f0, f1, f2)
        )
    options = _options((f0, f1, f2), scale, shift, relu, places)
    given = _aligned(z), _aligned(dy), _contiguous(f0, f1, f2)
    gradients = triton_launch.factors_gradients(*given, **options)
    return tuple(z.new_zeros(0) if gradient is None else gradient for gradient in gradients)


def _operator(name: str, function: Callable[..., Any], schema: str) -> Any:
    """The function as an operator of torch, which changes none of its arguments."""
    return torch.library.custom_op(f"hocp::{name}", function, mutates_args=(), schema=schema)


depthwise = _operator("depthwise", _depthwise, f"({_STAGE}) -> Tensor")
depthwise_product = _operator(
    "depthwise_product", _product, f"({_STAGE}, Tensor weights, Tensor matrix, Tensor? bias) -> Tensor"
)
input_gradient = _operator(
    "depthwise_input_gradient", _input_gradient, f"(Tensor dy, {_STAGE}) -> (Tensor, Tensor)"
)
factor_gradients = _operator(
    "depthwise_factor_gradients", _factor_gradients, f"(Tensor dy, {_STAGE}) -> (Tensor, Tensor, Tensor)"
)


@depthwise.register_fake
def _(z, f0, f1, f2, scale, shift, relu, places):
    return _output(z, (f0, f1, f2), places, z.shape[-1])


@depthwise_product.register_fake
def _(z, f0, f1, f2, scale, shift, relu, places, weights, matrix, bias):
    return _output(z, (f0, f1, f2), places, matrix.shape[1])


@input_gradient.register_fake
def _(dy, z, f0, f1, f2, scale, shift, relu, places):
    return z.new_empty(z.shape), z.new_empty(
        _affine_shape(z, scale), dtype=triton_launch.accumulator(z.dtype)
    )


@factor_gradients.register_fake
def _(dy, z, f0, f1, f2, scale, shift, relu, places):
    return tuple(z.new_empty(0) if factor is None else torch.empty_like(factor) for factor in (f0, f1, f2))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Maybe) -> None:
    """The stage's input and the parameters."""
    *tensors, ctx.relu, ctx.places = inputs
    ctx.save_for_backward(*tensors)


def _by_operators(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    return _stage_gradients(ctx, dy, input_gradient, factor_gradients)


def _stage_gradients(
    ctx: Any, dy: Tensor, towards_input: Callable[..., Any], towards_factors: Callable[..., Any]
) -> tuple[Any, ...]:
    """Gradients of the eight arguments of the stage from that of its output."""
    stage = *ctx.saved_tensors, ctx.relu, ctx.places
    f0, f1, f2, scale, shift = ctx.saved_tensors[1:]
    wanted = ctx.needs_input_grad
    dz, of_factors, of_affine = None, [None] * 3, [None] * 2
    if wanted[0] or wanted[4] or wanted[5]:
        dz, sums = towards_input(dy, *stage)
        of_affine = of_affine if scale is None else [sums[0].to(scale.dtype), sums[1].to(shift.dtype)]
    if any(wanted[1:4]):
        gradients = zip((f0, f1, f2), towards_factors(dy, *stage), strict=True)
        of_factors = [None if factor is None else gradient for factor, gradient in gradients]
    return dz, *of_factors, *of_affine, None, None


depthwise.register_autograd(_by_operators, setup_context=_keep)


class _Stage(torch.autograd.Function):
    """The operator `depthwise` without what torch does for operators."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        _keep(ctx, arguments, None)
        return _depthwise(*arguments)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
        if torch.is_grad_enabled() or _traced(dy):  # with gradients of gradients wanted, operators refuse
            return _by_operators(ctx, dy)
        return _stage_gradients(ctx, dy, _input_gradient, _factor_gradients)


def _modes(factors: Sequence[Maybe], places: Sequence[int]) -> Modes:
    """The geometry of three modes."""
    return _modes_of(tuple(1 if factor is None else factor.shape[0] for factor in factors), tuple(places))


@lru_cache(KEPT)
def _modes_of(taps: tuple[int, ...], places: tuple[int, ...]) -> Modes:
    return Modes(taps, places[:3], places[3:6], places[6:9])


def _output(z: Tensor, factors: Sequence[Maybe], places: Sequence[int], channels: int) -> Tensor:
    """Room for the result, (B, O0, O1, O2, channels)."""
    modes, behind = _modes(factors, places), places[9:12]
    reach = [spread * (taps - 1) for taps, spread in zip(modes.taps, modes.dilation, strict=True)]
    ends = zip(z.shape[1:4], modes.before, behind, reach, modes.stride, strict=True)
    sizes = [(size + before + after - span - 1) // step + 1 for size, before, after, span, step in ends]
    return z.new_empty(z.shape[0], *sizes, channels)


def _convolve(stage: tuple[Any, ...], channels: int, **last: Tensor | None) -> Tensor:
    """The stage's eight arguments, weights, and what the last product takes, to the kernel."""
    z, *factors, scale, shift, relu, places = stage
    y = _output(z, factors, places, channels)
    if y.numel():
        options = _options(factors, scale, shift, relu, places)
        triton_launch.convolve(_aligned(z), _contiguous(*factors), y, **options, **last)
    return y


def _options(
    factors: Sequence[Maybe], scale: Maybe, shift: Maybe, relu: bool, places: Sequence[int]
) -> dict[str, Any]:
    """What the launches take besides the large tensors and the factors."""
    scale, shift = _contiguous(scale, shift)
    return {"scale": scale, "shift": shift, "relu": relu, "modes": _modes(factors, places)}


def _affine_shape(z: Tensor, scale: Maybe) -> tuple[int, ...]:
    return (0,) if scale is None else (2, z.shape[-1])


def _contiguous(*tensors: Maybe) -> list[Maybe]:
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _aligned(tensor: Tensor) -> Tensor:
    """Contiguous, from an address on at which two numbers of 16 bits can be loaded as one word."""
    tensor = tensor.contiguous()
    return tensor.clone() if tensor.data_ptr() % 4 else tensor
