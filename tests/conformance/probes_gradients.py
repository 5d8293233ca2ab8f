"""Are the derivatives those of the reconstructed kernel?"""

from collections.abc import Callable

import torch
from kernels import convolve, draw, inputs, kernel_of
from probing import Failed, holds, probe, same
from torch.func import functional_call, grad, jvp, vmap

GRADIENTS = "Gradients"


def functional(library, form, kernel=(3, 2), **options):
    """The layer as a function of its tensors, those tensors, and the oracle."""
    tensors = draw(form, kernel, outputs=3, inputs=2, rank=2)
    layer = library.layer(form, tensors, **options)
    own = {id(parameter): index for index, parameter in enumerate(library.numbers(form, layer))}
    names = {name: own[id(p)] for name, p in layer.named_parameters() if id(p) in own}

    def call(x, *given):
        return functional_call(layer, {name: given[index] for name, index in names.items()}, (x,))

    def oracle(x, *given):
        return convolve(x, kernel_of(form, given), **options)

    return call, oracle, tensors


@probe("D1", GRADIENTS, "Gradients of input and factors are the dense layer's")
def first(library, form):
    tensors = draw(form, (3, 2, 3))
    layer = library.layer(form, tensors, padding=1, stride=2)
    x = inputs(2, 4, 5, 6, 7).requires_grad_()
    leaves = [tensor.requires_grad_() for tensor in tensors]
    expected = convolve(x, kernel_of(form, leaves), padding=1, stride=2)
    cotangent = inputs(*expected.shape)
    own = library.numbers(form, layer)
    found = torch.autograd.grad(layer(x), [x, *own], cotangent)
    for mine, right in zip(found, torch.autograd.grad(expected, [x, *leaves], cotangent), strict=True):
        same(mine, right, what="gradient")


@probe("D2", GRADIENTS, "Second derivatives are right", source="torch.autograd.gradgradcheck")
def second(library, form):
    call, _, tensors = functional(library, form, padding=1)
    x = inputs(1, 2, 3, 3)
    arguments = [tensor.clone().requires_grad_() for tensor in (x, *tensors)]
    right = torch.autograd.gradgradcheck(call, arguments, fast_mode=True, raise_exception=False)
    holds(right, "gradgradcheck fails")


@probe("D3", GRADIENTS, "Forward-mode derivatives are right", source="torch.func.jvp")
def forward_mode(library, form):
    call, oracle, tensors = functional(library, form, padding=1)
    point = (inputs(1, 2, 4, 4), *tensors)
    direction = tuple(torch.cos(tensor) for tensor in point)
    same(jvp(call, point, direction)[1], jvp(oracle, point, direction)[1], what="derivative")


@probe("D4", GRADIENTS, "Gradients of single samples by vmap", source="torch.func.vmap")
def per_sample(library, form):
    call, oracle, tensors = functional(library, form, padding=1)
    x = inputs(3, 2, 4, 4)

    def loss(function):
        return lambda sample, *given: function(sample[None], *given).square().sum()

    axes = (0, *[None] * len(tensors))
    wanted = tuple(range(1, len(tensors) + 1))
    found = vmap(grad(loss(call), argnums=wanted), in_dims=axes)(x, *tensors)
    expected = vmap(grad(loss(oracle), argnums=wanted), in_dims=axes)(x, *tensors)
    for mine, right in zip(found, expected, strict=True):
        same(mine, right, what="gradient")


@probe("D5", GRADIENTS, "Every parameter gets a gradient, the bias included")
def all_parameters(library, form):
    layer = library.layer(form, draw(form, (3, 3)), bias=inputs(5), padding=1)
    layer(inputs(2, 4, 5, 5)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        if parameter.grad is None or not parameter.grad.any():
            raise Failed(f"{name} gets none")


@probe("D6", GRADIENTS, "Frozen factors get none, and the rest is as before")
def frozen(library, form):
    tensors = draw(form, (3, 3))
    layer = library.layer(form, tensors)
    *_, last = library.numbers(form, layer)
    for parameter in layer.parameters():
        parameter.requires_grad_(parameter is last)
    x = inputs(2, 4, 5, 5)
    layer(x).sum().backward()
    leaf = tensors[-1].requires_grad_()
    convolve(x, kernel_of(form, tensors)).sum().backward()
    same(last.grad, leaf.grad, what="gradient")
    if any(parameter.grad is not None for parameter in layer.parameters() if parameter is not last):
        raise Failed("a frozen factor got a gradient")


@probe("D7", GRADIENTS, "A few steps of gradient descent follow the oracle's")
def descent(library, form):
    tensors = draw(form, (3, 3), rank=2)
    layer = library.layer(form, tensors, padding=1)
    leaves = [tensor.requires_grad_() for tensor in tensors]

    def oracle(x, form=form, leaves=leaves):
        return convolve(x, kernel_of(form, leaves), padding=1)

    x = inputs(2, 4, 5, 5)
    _descend(layer, library.numbers(form, layer), x)
    _descend(oracle, leaves, x)
    same(layer(x), oracle(x), tolerance=1e-8)


def _descend(function: Callable, parameters: list, x: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9)
    for _ in range(5):
        optimizer.zero_grad()
        function(x).square().mean().backward()
        optimizer.step()
