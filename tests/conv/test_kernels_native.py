"""The compiled kernel against the dense convolution in float64, in every corner of its bands and panels."""

from copy import deepcopy
from itertools import product

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hocp.conv import CPConv, Geometry
from hocp.conv.forms import kruskal_kernel
from hocp.conv.kernels import build, native
from hocp.conv.kernels import plan as plan_module
from hocp.conv.kernels.plan import plan_of

pytestmark = pytest.mark.skipif(build.unavailable() is not None, reason=str(build.unavailable()))

NORM, RELU = {"rank_norm": "batch"}, {"rank_activation": "relu"}
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def numbers(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def channels_last(x):
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def close(found, expected, tolerance=1e-10):
    """Relative to the largest entry."""
    assert found.shape == expected.shape
    if not found.numel():
        return True
    error, scale = (found.double() - expected).abs().max(), expected.abs().max()
    return float(error) <= tolerance * max(1.0, float(scale))


def gradients(y, tensors, grad):
    return torch.autograd.grad(y, tensors, grad)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def spoil_working_memory():
    """Fill it with NaN, which reaches every result that reads what the call has not written."""
    if held := getattr(plan_module._own, "scratch", None):
        held[0].fill_(255)


@st.composite
def problems(draw):
    """Sizes, geometry and numbers of threads; some planes take several bands or slabs."""
    order = draw(st.integers(1, 3))
    sizes = [draw(st.sampled_from((1, 2, 5, 9, 40) if order < 3 else (1, 2, 5, 7))) for _ in range(order)]
    if order > 1 and draw(st.booleans()):
        sizes[-2:] = draw(st.sampled_from(((61, 300), (150, 130))))
        sizes[:-2] = [draw(st.integers(1, 3)) for _ in sizes[:-2]]
    taps = [draw(st.integers(1, 4)) for _ in range(order)]
    dilation = [draw(st.integers(1, 2)) for _ in range(order)]
    stride = [draw(st.integers(1, 3)) for _ in range(order)]
    padding = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(order)]
    if draw(st.booleans()):  # what slabs know, or nearly
        taps[-1], stride[-1], dilation[-1] = 3, 1, draw(st.sampled_from((1, 1, 1, 2)))
    for mode in range(order):  # the window has to fit
        short = dilation[mode] * (taps[mode] - 1) + 1 - sizes[mode] - sum(padding[mode])
        sizes[mode] += max(short, 0)
    channels = draw(st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20)))
    geometry = Geometry(tuple(taps), tuple(stride), tuple(padding), tuple(dilation))
    return draw(st.integers(0, 3)), channels, tuple(sizes), geometry, draw(st.integers(1, 3))


FOUR_TAPS_DOWN = Geometry((4, 3), padding=1)
ROWS_THAT_NO_OUTPUT_READS = Geometry((1, 3), stride=(3, 1), padding=((0, 0), (1, 1)))


@example((2, (4, 5, 6), (9, 9), FOUR_TAPS_DOWN, 2))
@example((2, (4, 5, 6), (61, 300), ROWS_THAT_NO_OUTPUT_READS, 1))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_output_and_gradients_equal_those_of_the_dense_convolution(problem):
    batch, (c, t, rank), size, geometry, threads = problem
    x, bias = numbers(batch, c, *size, seed=1).requires_grad_(), numbers(t, seed=2)
    u, v = numbers(c, rank, seed=3).requires_grad_(), numbers(t, rank, seed=4).requires_grad_()
    factors = [numbers(k, rank, seed=5 + n).requires_grad_() for n, k in enumerate(geometry.kernel_size)]
    weights = numbers(rank, seed=8).requires_grad_()
    kernel = kruskal_kernel(weights, (v, u, *factors))
    dense = CONV[geometry.order](
        F.pad(x, geometry.fill()), kernel, bias, geometry.stride, 0, geometry.dilation
    )
    grad = numbers(*dense.shape, seed=9)
    expected = gradients(dense, [x, weights, v, u, *factors], grad)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            plan = plan_of(x.shape, geometry, out_channels=t, rank=rank, dtype=x.dtype)
            for keep, last, grad_last in product((True, False), repeat=3):
                z, given = plan.new_z() if keep else None, channels_last(x) if last else x
                spoil_working_memory()
                y = native.forward(plan, given, weights, (v, u, *factors), bias, z)
                assert close(y, dense.detach())
                behind = channels_last(grad) if grad_last else grad
                spoil_working_memory()
                found = native.backward(plan, given, weights, (v, u, *factors), z, behind, wants_x=True)
                assert all(close(a, b) for a, b in zip(found, expected, strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", [2, 3])
def test_many_samples_are_taken_some_at_a_time(order, dtype, monkeypatch):
    """The rank space of 40 samples does not fit the memory that the products share at once."""
    layer = CPConv(3, 4, (3,) * order, rank=35, padding=1, dtype=dtype, implementation="fused")
    x = numbers(40, 3, *(8, 40, 40)[-order:], seed=0).to(dtype).requires_grad_()
    tensors = [x, *layer.parameters()]
    y = layer(x)
    grad = numbers(*y.shape, seed=1).to(dtype)
    twin = CONV[order](x.double(), deepcopy(layer).double().to_kernel(), padding=1)
    assert close(y.detach(), twin.detach(), 1e-10 if dtype == torch.float64 else 1e-5)
    layer.implementation = "chain"
    expected = gradients(layer(x), tensors, grad)
    layer.implementation = "fused"
    found = gradients(y, tensors, grad)
    assert all(
        close(a, b.double(), 1e-9 if dtype == torch.float64 else 1e-4)
        for a, b in zip(found, expected, strict=True)
    )


def test_a_long_clip_of_narrow_frames():
    """Bands of one row of one position: neighbours in time then stand further apart than the row is long."""
    layer = CPConv(2, 3, (3, 3, 3), rank=5, padding=1, dtype=torch.float64, implementation="fused")
    x = numbers(1, 2, 1700, 3, 1, seed=0).requires_grad_()
    y = layer(x)
    dense = F.conv3d(x, layer.to_kernel(), padding=1)
    grad, tensors = numbers(*y.shape, seed=1), [x, *layer.parameters()]
    assert close(y.detach(), dense.detach())
    pairs = zip(gradients(y, tensors, grad), gradients(dense, tensors, grad), strict=True)
    assert all(close(found, expected) for found, expected in pairs)


@pytest.mark.parametrize("batch", [1, 4], ids=["staged", "slabs"])
def test_same_bits_on_every_call(batch, two_threads):
    """Threads take what is next, but what they add up does not depend on who did it."""
    layer = CPConv(16, 16, (3, 3, 3), rank=64, padding=1, implementation="fused")
    x = torch.randn(batch, 16, 4, 20, 20, requires_grad=True)
    results = [(y := layer(x), *gradients(y.sum(), [x, *layer.parameters()], None)) for _ in range(5)]
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize(("recompute", "tensors"), [(False, 2), (True, 1)])
def test_keeps_the_input_and_one_tensor_of_the_rank_for_the_backward_pass(recompute, tensors):
    """Or the input alone, where asked to recompute; beside the factors. All are of one size here."""
    layer = CPConv(32, 32, (3, 3), rank=32, padding=1, implementation="fused", recompute=recompute)
    x, kept = torch.randn(2, 32, 12, 12, requires_grad=True), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = layer(x)
    assert y.requires_grad
    own = {parameter.untyped_storage().data_ptr() for parameter in layer.parameters()}
    assert [size for at, size in kept.items() if at not in own] == [x.numel()] * tensors


def test_one_layer_after_another_with_shared_factors_has_second_gradients():
    """The input depends on the factors, which the second derivative must follow once, not twice."""
    layer = CPConv(3, 3, (3, 3), rank=4, padding=1, dtype=torch.float64, implementation="fused")
    x = numbers(1, 3, 4, 5, seed=0).requires_grad_()

    def second(form):
        layer.implementation = form
        first = torch.autograd.grad(
            layer(layer(x)).square().sum(), [x, *layer.parameters()], create_graph=True
        )
        return torch.autograd.grad(sum(g.square().sum() for g in first), [x, *layer.parameters()])

    assert all(close(a, b, 1e-9) for a, b in zip(second("fused"), second("chain"), strict=True))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("psi", [NORM, RELU, NORM | RELU], ids=["norm", "relu", "norm and relu"])
def test_norm_and_activation_in_rank_space(psi, order, training):
    """Output, first and second gradients, and the running statistics are those of torch's own batch norm."""
    layer = CPConv(
        5, 7, (3,) * order, rank=19, bias=True, padding=1, stride=2, dtype=torch.float64, **psi
    ).train(training)
    if layer.rank_norm is not None:
        with torch.no_grad():
            layer.rank_norm.weight.uniform_(0.5, 1.5)
            layer.rank_norm.running_var.uniform_(0.5, 2)
    x = numbers(3, 5, *(6, 7, 5)[-order:], seed=0).requires_grad_()

    def results(form):
        own = deepcopy(layer)
        own.implementation = form
        y, tensors = own(x), [x, *own.parameters()]
        grad = numbers(*y.shape, seed=1)
        plain = gradients(own(x), tensors, grad)
        first = torch.autograd.grad(y, tensors, grad, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), tensors, allow_unused=True)
        return [y, *plain, *first, *(g for g in second if g is not None), *own.buffers()]

    for found, expected in zip(results("fused"), results("views"), strict=True):
        assert close(found.detach(), expected.detach().double(), 1e-9)


def test_a_norm_with_a_hook_is_left_to_torch():
    """A hook sees the norm's input and output, which the kernel never has as tensors."""
    layer = CPConv(4, 4, (3, 3), rank=5, padding=1, rank_norm="batch")
    x = torch.randn(2, 4, 6, 6)
    layer.rank_norm.register_forward_hook(lambda *_: None)
    layer.implementation = "fused"
    with pytest.raises(ValueError, match=r"'fused' cannot be used: .* hooks"):
        layer(x)
    layer.implementation = "auto"
    layer(x)


@pytest.mark.parametrize(
    ("order", "options", "dtype", "reason"),
    [
        (2, {"groups": 2}, torch.float32, "groups"),
        (4, {}, torch.float32, "orders 1 to 3"),
        (2, {"padding": 1, "padding_mode": "circular"}, torch.float32, "zeros"),
        (2, {}, torch.bfloat16, "bfloat16"),
    ],
)
def test_what_it_does_not_know_is_said(order, options, dtype, reason):
    layer = CPConv(4, 4, (3,) * order, rank=2, dtype=dtype, implementation="fused", **options)
    with pytest.raises(ValueError, match=f"'fused' cannot be used: .*{reason}"):
        layer(torch.zeros(1, 4, *[5] * order, dtype=dtype))
