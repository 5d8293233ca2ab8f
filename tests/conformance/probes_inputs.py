"""Does the layer treat inputs as torch's own convolutions do?"""

import torch
from kernels import convolve, draw, inputs, kernel_of
from probing import NotOffered, holds, probe, same, sizes
from torch import nn

INPUTS = "Inputs"


def pair(library, form="cp", kernel=(3, 3), **options):
    """Layer with padding 1, and its kernel in float64."""
    tensors = draw(form, kernel)
    dtype = options.get("dtype", torch.float64)
    layer = library.layer(form, [tensor.to(dtype) for tensor in tensors], padding=1)
    return layer, kernel_of(form, tensors)


@probe("I1", INPUTS, "An input without a batch mode", source="torch.nn.Conv2d")
def unbatched(library, form):
    layer, kernel = pair(library, form)
    x = inputs(4, 6, 7)
    same(layer(x), convolve(x[None], kernel, padding=1)[0])


@probe("I2", INPUTS, "An empty batch gives an empty output, and gradients of zero", source="torch.nn.Conv2d")
def empty(library, form):
    layer, _ = pair(library, form)
    x = inputs(0, 4, 6, 7).requires_grad_()
    y = layer(x)
    holds(tuple(y.shape) == (0, 5, 6, 7), f"output {sizes(y)}, expected 0x5x6x7")
    gradients = torch.autograd.grad(y.sum(), [x, *library.numbers(form, layer)], allow_unused=True)
    for gradient in gradients:
        holds(gradient is None or not gradient.any(), "gradients are not zero")


def _in(library, form, dtype, tolerance):
    """dtype and value of the output."""
    layer, kernel = pair(library, form, dtype=dtype)
    x = inputs(2, 4, 6, 7)
    y = layer(x.to(dtype))
    holds(y.dtype == dtype, f"output in {y.dtype}")
    same(y, convolve(x, kernel, padding=1), tolerance=tolerance)


@probe("I3", INPUTS, "float64 stays float64 throughout")
def double(library, form):
    _in(library, form, torch.float64, 1e-12)


@probe("I4", INPUTS, "bfloat16 and float16 stay, and are as near as such numbers allow")
def half(library, form):
    _in(library, form, torch.bfloat16, 0.05)
    _in(library, form, torch.float16, 0.01)


@probe("I5", INPUTS, "Under autocast the output is bfloat16, gradients float32", source="torch.autocast")
def autocast(library, form):
    layer, kernel = pair(library, form, dtype=torch.float32)
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    holds(y.dtype == torch.bfloat16, f"output in {y.dtype}")
    same(y, convolve(x.double(), kernel, padding=1), tolerance=0.05)
    gradients = torch.autograd.grad(y.float().sum(), library.numbers(form, layer))
    holds(all(gradient.dtype == torch.float32 for gradient in gradients), "gradients are not float32")


@probe("I6", INPUTS, "Channels-last input gives channels-last output", source="torch.channels_last")
def channels_last(library):
    for order, layout in ((2, torch.channels_last), (3, torch.channels_last_3d)):
        layer, kernel = pair(library, kernel=(3,) * order, dtype=torch.float32)
        layer = layer.to(memory_format=layout)
        x = inputs(2, 4, *(6, 7, 8)[:order], dtype=torch.float32).to(memory_format=layout)
        y = layer(x)
        same(y, convolve(x.double(), kernel, padding=1), tolerance=1e-5)
        holds(y.is_contiguous(memory_format=layout), f"order {order}: output is not channels-last")


@probe("I7", INPUTS, "Contiguous input gives contiguous output", source="torch.nn.Conv2d")
def contiguous(library, form):
    layer, _ = pair(library, form, dtype=torch.float32)
    holds(
        layer(inputs(2, 4, 6, 7, dtype=torch.float32)).is_contiguous(),
        "output is not contiguous",
    )


@probe("I8", INPUTS, "Strided, expanded and flipped views as input")
def views(library, form):
    layer, kernel = pair(library, form)
    base = inputs(2, 4, 9, 14)
    for x in (base[..., ::2], base.transpose(2, 3), base[:1].expand(3, -1, -1, -1), base.flip(2)):
        same(layer(x), convolve(x.contiguous(), kernel, padding=1))


@probe("I9", INPUTS, "The meta device gives shapes without memory", source="torch: meta device")
def meta(library, form):
    rank = {"cp": 7, "tucker": (5, 4), "tt": (3, 3, 3)}[form]
    layer = library.fresh(form, (4, 6), (3, 3), rank=rank, padding=1, device="meta")
    y = layer(torch.empty(2, 4, 8, 9, device="meta"))
    holds(tuple(y.shape) == (2, 6, 8, 9), f"output {sizes(y)}, expected 2x6x8x9")


@probe("I10", INPUTS, "Moving the layer to another dtype moves all of it", source="torch.nn.Module.to")
def moved(library, form):
    layer, kernel = pair(library, form, dtype=torch.float32)
    x = inputs(2, 4, 6, 7)
    y = layer.double()(x)
    holds(y.dtype == torch.float64, f"output in {y.dtype}")
    same(y, convolve(x, kernel, padding=1), tolerance=1e-6)


@probe("I11", INPUTS, "The input stays as it was, and twice the same call gives the same bits")
def pure(library, form):
    layer, _ = pair(library, form, dtype=torch.float32)
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    before = x.clone()
    first, second = layer(x), layer(x)
    holds(torch.equal(x, before), "the input was changed")
    holds(torch.equal(first, second), "two calls differ")


@probe("I12", INPUTS, "One NaN in the input stays within its window, as in a dense layer")
def nan_stays_local(library, form):
    layer, _ = pair(library, form)
    x = inputs(1, 4, 9, 9)
    x[0, 0, 4, 4] = torch.nan
    spoiled = layer(x).isnan().any(1)[0]
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[3:6, 3:6] = True
    holds(torch.equal(spoiled, expected), f"{int(spoiled.sum())} positions are NaN, expected 9")


@probe("I13", INPUTS, "To a dense torch module with the same output", source="torch.nn.Conv2d")
def dense(library, form):
    layer, _ = pair(library, form)
    module = library.to_dense(layer)
    if not isinstance(module, nn.Conv2d):
        raise NotOffered("no torch module")
    x = inputs(2, 4, 6, 7)
    same(module(x), layer(x))
