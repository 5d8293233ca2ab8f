"""Rank-space norm and activation against the three stages written out: orders 1 to 5, all classes, groups.

Shapes: B batch, g groups, S channels of the rank space, R those that the last stage takes; D0, ... sizes.
"""

from math import prod

import torch
from conv_builds import build, implementations, make_input
from conv_cases import cases, examples
from conv_loops import loop_conv
from conv_oracles import EXACT, double
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

KINDS = ("cp", "cp without weights", "tucker", "train")
PSI = [(None, "relu"), ("batch", None), ("batch", "relu")]
LETTERS = "ijklm"


def first_matrix(layer):
    """(C / g, S)."""
    return layer.cores[0][0] if hasattr(layer, "cores") else layer.factors[1]


def middle_kernel(layer):
    """The kernel between the 1x1 stages, (R, S or 1, K0, ...)."""
    letters = LETTERS[: layer.order]
    if hasattr(layer, "cores"):
        bonds = "abcdefgh"
        terms = [f"{bonds[n]}{letter}{bonds[n + 1]}" for n, letter in enumerate(letters)]
        return torch.einsum(f"{','.join(terms)}->{bonds[layer.order]}a{letters}", *layer.cores[1:-1])
    if hasattr(layer, "core"):
        separate = letters[: len(layer.mode_factors)]
        terms = [f"AB{letters[len(separate) :]}", *(f"{letter}B" for letter in separate)]
        return torch.einsum(f"{','.join(terms)}->AB{letters}", layer.core, *layer.mode_factors)
    terms = ",".join(f"{letter}r" for letter in letters)
    return torch.einsum(f"{terms}->r{letters}", *layer.factors[2:]).unsqueeze(1)


def last_matrix(layer):
    """(T, R)."""
    if hasattr(layer, "cores"):
        return layer.cores[-1][:, :, 0].t()
    return layer.factors[0] if hasattr(layer, "core") else layer.factors[0] * layer.weights


def written_out(case, layer, x, norm):
    """First stage, norm and activation, padding and middle, last stage, bias, shortcut."""
    groups = case.groups
    apart = x.reshape(x.shape[0] * groups, case.channels[0] // groups, prod(case.size))
    z = torch.einsum("bcp,cs->bsp", apart, first_matrix(layer))
    z = z if norm is None else norm(z)
    z = z.clamp_min(0) if layer.rank_activation else z
    z = z.reshape(*z.shape[:2], *case.size)
    middle = middle_kernel(layer)
    z = loop_conv(z, middle, None, taps=case.taps, groups=z.shape[1] // middle.shape[1])
    rows = last_matrix(layer).reshape(groups, case.channels[1] // groups, -1)
    apart = z.reshape(x.shape[0], groups, z.shape[1], prod(z.shape[2:]))
    y = torch.einsum("bgrp,gtr->bgtp", apart, rows).reshape(x.shape[0], case.channels[1], *z.shape[2:])
    y = y if layer.bias is None else y + layer.bias.reshape(-1, *(1,) * case.order)
    return y if case.skip is None else y + shortcut(case, layer, x)


def shortcut(case, layer, x):
    """A convolution with one tap."""
    own = case.channels[0] // case.groups
    matrix = layer.skip_factor
    if matrix is None:
        matrix = torch.eye(own, dtype=torch.float64).repeat(case.groups, 1)
    kernel = torch.zeros(case.channels[1], own, *case.kernel, dtype=torch.float64)
    kernel[(..., *case.shortcut)] = 1
    kernel = kernel * matrix.reshape(*matrix.shape, *(1,) * case.order)
    return loop_conv(x, kernel, None, taps=case.taps, groups=case.groups)


@examples(150)
@given(cases(kinds=KINDS), st.sampled_from(PSI), st.booleans())
def test_psi_stands_between_the_first_stage_and_the_others(case, psi, training):
    """Padding comes after psi, so padded zeros stay zeros; groups share the norm's statistics."""
    x = make_input(case).requires_grad_()
    batched = x if x.dim() == case.order + 2 else x.unsqueeze(0)
    values = batched.shape[0] * case.groups * prod(case.size)
    assume(values > 1 or not training or psi[0] is None)  # torch's norms need two values to have a variance
    layer = build(case, rank_norm=psi[0], rank_activation=psi[1]).train(training)
    norm = None
    if layer.rank_norm is not None:
        layer.rank_norm.running_mean.normal_()
        layer.rank_norm.running_var.uniform_(0.5, 2)
        norm = nn.BatchNorm1d(layer.rank_norm.num_features, dtype=torch.float64).train(training)
        norm.load_state_dict(layer.rank_norm.state_dict())
        norm.weight, norm.bias = layer.rank_norm.weight, layer.rank_norm.bias
    before = None if norm is None else {name: value.clone() for name, value in norm.named_buffers()}
    leaves = [x, *layer.parameters()]
    expected = written_out(case, layer, batched, norm)
    expected = expected if batched is x else expected.squeeze(0)
    probe = double(*expected.shape)
    wanted = torch.autograd.grad((expected * probe).sum(), leaves)
    for name in implementations(layer, x):
        layer.implementation = name
        if norm is not None:
            layer.rank_norm.load_state_dict(before, strict=False)
        y = layer(x)
        torch.testing.assert_close(y, expected, **EXACT)
        for mine, theirs in zip(torch.autograd.grad((y * probe).sum(), leaves), wanted, strict=True):
            torch.testing.assert_close(mine, theirs, **EXACT)
        if norm is not None:
            for mine, theirs in zip(layer.rank_norm.buffers(), norm.buffers(), strict=True):
                torch.testing.assert_close(mine, theirs, **EXACT)
