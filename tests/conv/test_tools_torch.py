"""What torch does to modules works on every layer: copies, function transforms, memory, half precision."""

from copy import deepcopy

import pytest
import torch
from tool_cases import KINDS, gradients, image, make
from torch import nn
from torch.func import functional_call, grad, jacrev, vmap
from torch.utils.checkpoint import checkpoint

DOUBLE = torch.float64
LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
ORDERS = (1, 2, 3, 4)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def each(order: int, **options):
    """Every layer of an order with its name."""
    return ((name, make(name, order, **options)) for name in KINDS)


@pytest.mark.parametrize("order", ORDERS)
def test_copies_and_state_dicts_are_equal_and_independent(order):
    x = image(order)
    for name, layer in each(order):
        layer.eval()
        copy, other, y = deepcopy(layer), make(name, order).eval(), layer(x)
        other.load_state_dict(layer.state_dict())
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
        assert torch.equal(copy(x), y) and torch.equal(other(x), y), name
        assert not torch.equal(layer(x), y), name


@pytest.mark.parametrize("order", ORDERS)
def test_functional_calls_gradients_and_vectors_of_parameters(order):
    x = image(order, dtype=DOUBLE)
    for name, layer in each(order, dtype=DOUBLE):
        layer.eval()
        own = {key: parameter.detach() for key, parameter in layer.named_parameters()}
        doubled = {key: 2 * parameter for key, parameter in own.items()}
        y, other = functional_call(layer, doubled, (x,)), deepcopy(layer)
        vector = nn.utils.parameters_to_vector(layer.parameters())
        nn.utils.vector_to_parameters(2 * vector, other.parameters())
        torch.testing.assert_close(other(x), y)
        slopes = grad(lambda values, layer=layer: functional_call(layer, values, (x,)).square().sum())(own)
        wanted = gradients(layer, x)[1:]
        torch.testing.assert_close(
            list(slopes.values()), wanted, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("order", ORDERS)
def test_vmap_over_an_ensemble_and_over_samples(order):
    x = image(order, batch=3, dtype=DOUBLE)
    for name, _ in each(order):
        members = [make(name, order, dtype=DOUBLE).eval() for _ in range(2)]
        stacked, buffers = torch.func.stack_module_state(members)
        found = vmap(lambda p, b, m=members[0]: functional_call(m, (p, b), (x,)))(stacked, buffers)
        torch.testing.assert_close(found, torch.stack([member(x) for member in members]))
        one = vmap(members[0], randomness="error")(x)  # every sample without its batch mode
        torch.testing.assert_close(one, members[0](x), msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("name", KINDS)
def test_per_sample_gradients_and_the_jacobian(name):
    layer, x = make(name, 1, dtype=DOUBLE).eval(), image(1, dtype=DOUBLE)
    own = {key: parameter.detach() for key, parameter in layer.named_parameters()}

    def loss(values, sample):
        return functional_call(layer, values, (sample[None],)).square().sum()

    each_sample = vmap(grad(loss), in_dims=(None, 0))(own, x)
    torch.testing.assert_close([g.sum(0) for g in each_sample.values()], gradients(layer, x)[1:])
    jacobian = jacrev(layer)(x[:1])
    direction = torch.randn_like(x[:1])
    _, along = torch.func.jvp(layer, (x[:1],), (direction,))
    torch.testing.assert_close(torch.einsum("abcijk,ijk->abc", jacobian, direction), along)


@pytest.mark.parametrize("order", ORDERS)
def test_checkpointed_gradients_are_the_same_bits(order):
    x = image(order)
    for name, layer in each(order):
        layer.eval()  # a batch norm would see the input twice
        again = gradients_through(lambda z, layer=layer: checkpoint(layer, z, use_reentrant=False), layer, x)
        assert all(map(torch.equal, again, gradients(layer, x))), name


def gradients_through(call, module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.detach().requires_grad_()
    return list(torch.autograd.grad(call(x).square().sum(), [x, *module.parameters()]))


@pytest.mark.parametrize("order", ORDERS)
def test_memory_may_be_shared_moved_and_cast(order):
    x = image(order)
    for name, layer in each(order):
        layer.eval()
        y = layer(x)
        assert torch.equal(layer.share_memory()(x), y), name
        assert all(parameter.is_shared() for parameter in layer.parameters()), name
        assert torch.equal(layer.to("cpu")(x), y), name
        for dtype, near in ((torch.bfloat16, 0.1), (torch.float16, 0.02)):
            half = deepcopy(layer).to(dtype)(x.to(dtype))
            assert half.dtype == dtype and (half.float() - y).norm() <= near * y.norm(), (name, dtype)
        meta = deepcopy(layer).to("meta")(x.to("meta"))
        assert meta.is_meta and meta.shape == y.shape, name


@pytest.mark.parametrize("order", ORDERS)
def test_autocast_computes_in_half_precision_and_stays_near(order):
    x = image(order)
    for name, layer in each(order):
        layer.eval()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = layer(x)
        error = (y.float() - layer(x)).norm() / layer(x).norm()
        assert y.dtype == torch.bfloat16 and error < 0.05, (name, y.dtype, float(error))
        y.float().sum().backward()
        assert all(p.grad is not None and p.grad.dtype == p.dtype for p in layer.parameters()), name


@pytest.mark.parametrize("order", ORDERS)
def test_the_memory_format_of_the_input_is_that_of_the_output(order):
    x = image(order)
    for name, layer in each(order):
        y = layer(x)
        assert y.is_contiguous(), name
        if order in LAST:
            last = layer(x.contiguous(memory_format=LAST[order]))
            assert last.is_contiguous(memory_format=LAST[order]) and not last.is_contiguous(), name
            torch.testing.assert_close(last, y)
            if "norm" not in name and "block" not in name:
                converted = layer.to(memory_format=LAST[order])(x)
                torch.testing.assert_close(converted, y)


@pytest.mark.parametrize("order", ORDERS)
def test_no_batch_mode_and_an_empty_batch(order):
    x = image(order)
    for name, layer in each(order):
        layer.eval()
        y = layer(x)
        torch.testing.assert_close(layer(x[0]), y[0], msg=lambda text, name=name: f"{name}: {text}")
        empty = image(order, batch=0).requires_grad_()
        assert layer(empty).shape == (0, *y.shape[1:]), name
        layer(empty).sum().backward()
        assert empty.grad.shape == empty.shape, name
        assert all(p.grad is None or not p.grad.any() or p.ndim == 0 for p in layer.parameters()), name


@pytest.mark.parametrize("order", [1, 2, 4])
def test_first_and_second_derivatives(order):
    """Along random directions, which is as telling as entry by entry."""
    x = torch.randn(1, 4, *(2, 3, 2, 2)[:order], dtype=DOUBLE, requires_grad=True)
    for name, layer in each(order, dtype=DOUBLE):
        if "activation" in KINDS[name][1] or "block" in name:
            layer.rank_activation = None  # ReLU has no derivative where a sample may fall
        if "reflect" in str(layer):
            x_ = torch.randn(1, 4, *(2, 3, 2, 2)[:order], dtype=DOUBLE, requires_grad=True)
        else:
            x_ = x
        names, values = zip(*layer.eval().named_parameters(), strict=True)

        def call(z, *parameters, layer=layer, names=names):
            return functional_call(layer, dict(zip(names, parameters, strict=True)), (z,))

        assert torch.autograd.gradcheck(call, (x_, *values), fast_mode=True), name
        assert torch.autograd.gradgradcheck(call, (x_, *values), fast_mode=True), name
