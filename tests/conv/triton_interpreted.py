"""The form and its operators on a GPU, or in Triton's interpreter: `test_triton.py` runs this file so.

Oracle: the dense convolution, in float64, of the kernel that an einsum rebuilds from the factors.
"""

import pytest
import torch
from conv_oracles import CONV, EXACT, differentiable_kernel
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from triton.runtime.interpreter import InterpretedFunction

from hocp.conv import CPConv
from hocp.conv.kernels import triton_launch, triton_ops, triton_tiles
from hocp.conv.layer import RankSpace

DEVICE = "cpu" if triton_launch.INTERPRETED else "cuda"


@pytest.fixture(autouse=True)
def on_the_device():
    before = torch.get_default_device()
    torch.set_default_device(DEVICE)
    yield
    torch.set_default_device(before)


@pytest.fixture(autouse=True)
def patched_once_a_launch(monkeypatch):
    """The interpreter patches Triton's language once more at every call inside a kernel: half of its time."""
    if not triton_launch.INTERPRETED:
        return
    whole = InterpretedFunction.__call__

    def call(function, *args, **given):
        ours = function.fn.__module__.startswith("hocp.")
        return function.rewrite()(*args, **given) if ours else whole(function, *args, **given)

    monkeypatch.setattr(InterpretedFunction, "__call__", call)


LAYERS = {
    "video": ((3, 3, 4), {"kernel_size": (3, 3, 3), "padding": 1}),
    "strided": ((4, 5, 5), {"kernel_size": (3, 3, 3), "padding": 1, "stride": 2}),
    "uneven": ((4, 4, 5), {
        "kernel_size": (2, 3, 1), "padding": (1, 0, 2), "dilation": (2, 1, 1), "stride": (1, 2, 3),
    }),
    "one-sided": ((3, 4, 3), {"kernel_size": (3, 2, 3), "padding": ((2, 0), (0, 1), (1, 1))}),
    "long": ((5, 1, 4), {"kernel_size": (5, 1, 4), "padding": ((4, 0), (0, 0), (2, 1))}),
    "pointwise": ((2, 2, 2), {"kernel_size": (1, 1, 1)}),
    "image": ((4, 5), {"kernel_size": (3, 3), "padding": 1}),
    "image, strided": ((4, 5), {"kernel_size": (3, 3), "padding": 1, "stride": 2, "dilation": (1, 2)}),
    "signal": ((9,), {"kernel_size": (4,), "padding": ((3, 0),), "stride": 2}),
    "reflected": ((4, 5), {"kernel_size": (3, 3), "padding": 1, "padding_mode": "reflect"}),
    "uneven rank": ((4, 5), {"kernel_size": (3, 3), "padding": 1, "rank": 30}),
    "grouped": ((3, 4), {"kernel_size": (3, 3), "padding": 1, "groups": 2}),
}  # fmt: skip


def layer_and_input(name, dtype=torch.float64, batch=2):
    torch.manual_seed(0)
    size, options = LAYERS[name]
    layer = CPConv(4, 6, bias=True, dtype=dtype, implementation="triton", **{"rank": 5} | options)
    nn.init.normal_(layer.bias)
    nn.init.normal_(layer.weights)
    return layer, torch.randn(batch, 4, *size, dtype=dtype, requires_grad=True)


def dense(layer, x):
    """The definition, in float64."""
    geometry = layer.geometry
    kernel = differentiable_kernel(layer.weights.double(), [factor.double() for factor in layer.factors])
    mode = "constant" if geometry.padding_mode == "zeros" else geometry.padding_mode
    padded = F.pad(x.double(), geometry.fill(), mode=mode)
    bias, places = layer.bias.double(), (geometry.stride, 0, geometry.dilation, layer.groups)
    return CONV[layer.order](padded, kernel, bias, *places)


def both(layer, x, direction):
    """Output and all gradients, by the form and by the definition."""
    given = [x, *layer.parameters()]
    for y in (layer(x), dense(layer, x)):
        yield [y, *torch.autograd.grad(y, given, direction.to(y))]


@pytest.mark.parametrize("name", LAYERS)
def test_output_and_gradients_are_those_of_the_dense_convolution(name):
    layer, x = layer_and_input(name)
    found, expected = both(layer, x, torch.randn(dense(layer, x).shape))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_without_gradients_the_last_product_is_in_the_kernel(name):
    """In float32: the kernel of float64 has none."""
    layer, x = layer_and_input(name, torch.float32)
    expected = dense(layer, x)
    with torch.no_grad():
        assert (layer(x) - expected).norm() <= 1e-6 * expected.norm()


@pytest.mark.parametrize("ahead", [False, True])
def test_several_programs_share_the_work(monkeypatch, ahead):
    """Of every axis, with a last one that is not full."""
    small = triton_launch.Tile(rows=1, columns=2, channels=16, frames=2, warps=4, block=(1, 2), ahead=ahead)
    monkeypatch.setattr(triton_launch, "tiles", lambda *_, **__: [small])
    monkeypatch.setattr(triton_launch, "gradient_tile", lambda *_, **__: small)
    monkeypatch.setattr(triton_launch, "_EACH", 2)
    torch.manual_seed(0)
    layer = CPConv(4, 6, (3, 1, 3), rank=20, bias=True, padding=(1, 0, 1), dtype=torch.float64)
    layer.implementation = "triton"
    x = torch.randn(1, 4, 3, 2, 5, dtype=torch.float64, requires_grad=True)
    found, expected = both(layer, x, torch.randn(1, 6, 3, 2, 5))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, **EXACT)


@pytest.mark.parametrize(("name", "dtype", "bound"), [
    ("video", torch.float32, 1e-6), ("video", torch.bfloat16, 2e-2),
    ("image", torch.float32, 1e-6), ("image", torch.float16, 2e-3),
])  # fmt: skip
def test_rounds_no_more_than_its_dtype(name, dtype, bound):
    """Relative to the norm. But for bfloat16 in the interpreter, the last product is inside the kernel."""
    layer, x = layer_and_input(name, dtype)
    found, expected = both(layer, x, torch.randn(dense(layer, x).shape))
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.double() - theirs.double()).norm() <= bound * theirs.double().norm()


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_rounds_no_more_in_blocks_for_tall_planes(monkeypatch, dtype, bound):
    monkeypatch.setattr(triton_tiles, "_TALL", 1)
    layer, x = layer_and_input("video", dtype)
    found, expected = both(layer, x, torch.randn(dense(layer, x).shape))
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.double() - theirs.double()).norm() <= bound * theirs.double().norm()


@pytest.mark.parametrize("batch", [0, 1])
def test_batches_of_none_and_one(batch):
    layer, x = layer_and_input("image", batch=batch)
    y = layer(x)
    assert y.shape == (batch, 6, 4, 5)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.autograd.grad(dense(layer, x).sum(), x)[0], **EXACT)
    assert all(p.grad.isfinite().all() and p.grad.shape == p.shape for p in layer.parameters())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("norm", [None, "batch"])
def test_rank_space_norm_and_activation(norm, activation, training):
    if not (norm or activation):
        return
    torch.manual_seed(0)
    options = {"rank": 5, "padding": 1, "rank_norm": norm, "rank_activation": activation}
    layer = CPConv(4, 6, (3, 3), dtype=torch.float64, **options).train(training)
    if norm:
        for numbers in (layer.rank_norm.weight, layer.rank_norm.bias, layer.rank_norm.running_mean):
            nn.init.uniform_(numbers, 0.5, 1.5)  # zero padding must not become relu(shift)
    results = []
    for form in ("triton", "chain"):
        layer.implementation = form
        torch.manual_seed(1)
        x = torch.randn(2, 4, 4, 5, dtype=torch.float64)
        y = layer(x.requires_grad_())
        results.append([y, *torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, **EXACT)


def test_of_the_norm_and_activation_nothing_is_computed_outside_the_kernel_in_eval_mode(monkeypatch):
    layer = CPConv(4, 6, (3, 3), rank=5, rank_norm="batch", rank_activation="relu", implementation="triton")
    monkeypatch.setattr(RankSpace, "__call__", None)
    monkeypatch.setattr(RankSpace, "normalised", None)
    layer.eval()(torch.randn(1, 4, 4, 4))
    with pytest.raises(TypeError):
        layer.train()(torch.randn(1, 4, 4, 4))


def test_what_is_not_a_number_is_not_hidden_by_the_fused_relu():
    layer = CPConv(4, 6, (3, 3), rank=5, padding=1, rank_activation="relu", implementation="triton")
    assert layer(torch.full((1, 4, 2, 2), torch.nan)).isnan().all()


def test_two_rank_wide_tensors_are_kept():
    """What enters the depthwise stage and what leaves it, besides the input."""
    layer, x = layer_and_input("image", torch.float32)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        layer(x)
    wide = {t.untyped_storage().data_ptr(): t for t in kept if t.numel() >= 2 * 4 * 4 * 5}
    assert sorted(t.numel() for t in wide.values()) == [2 * 4 * 4 * 5, 2 * 5 * 4 * 5, 2 * 5 * 4 * 5]


def test_any_gradient_layout_will_do():
    layer, x = layer_and_input("image")
    direction = torch.randn(5, 6, 4, 2, dtype=torch.float64).permute(
        3, 1, 2, 0
    )  # a layout that nothing writes
    found, expected = both(layer, x, direction)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, **EXACT)
    layer(x).sum().backward()  # an expanded gradient
    torch.testing.assert_close(x.grad, torch.autograd.grad(dense(layer, x).sum(), x)[0], **EXACT)


def test_under_autocast_the_products_round_and_the_gradients_keep_their_dtype():
    layer, x = layer_and_input("image", torch.float32)
    with torch.autocast(DEVICE, torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    expected = torch.autograd.grad(dense(layer, x).sum(), layer.factors[2])[0]
    assert layer.factors[2].grad.dtype == torch.float32
    assert (layer.factors[2].grad - expected).norm() <= 2e-2 * expected.norm()


PLACES = [1, 1, 2, 1, 1, 1, 1, 0, 1, 0, 0, 1]


def stage(requires_grad=True, relu=True):
    """Arguments of the depthwise operator: middle mode absent, affine and ReLU in front."""
    torch.manual_seed(3)
    like = {"dtype": torch.float64, "requires_grad": requires_grad}
    z, f0, f2 = (torch.randn(shape, **like) for shape in ((1, 3, 1, 4, 2), (2, 2), (3, 2)))
    scale, shift = (torch.randn(2, **like) for _ in range(2))
    return z, f0, None, f2, scale, shift, relu, PLACES


def last():
    """Weights of the terms, matrix and bias."""
    return [torch.randn(shape, dtype=torch.float64) for shape in ((2,), (2, 3), (3,))]


def test_gradients_against_finite_differences():
    assert torch.autograd.gradcheck(triton_ops.depthwise, stage(), fast_mode=True)


def test_operators_keep_the_rules_of_torch():
    """Schema, shapes for tracing and registration of gradients, as torch's own checker sees them."""
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    dy = triton_ops.depthwise(*stage(False)).clone()
    for operator, arguments in (
        (triton_ops.depthwise, stage()),
        (triton_ops.depthwise_product, (*stage(False), *last())),
        (triton_ops.input_gradient, (dy, *stage(False))),
        (triton_ops.factor_gradients, (dy, *stage(False))),
    ):
        torch.library.opcheck(operator, arguments, test_utils=tests)


@pytest.mark.parametrize("function", [triton_ops.depthwise, triton_ops.stage])
def test_second_derivatives_are_refused(function):
    (gradient,) = torch.autograd.grad(function(*(given := stage())).sum(), given[0], create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        gradient.sum().backward()


def test_a_stage_is_a_function_unless_something_traces_it():
    """Function and operator give the same gradients; modes, transforms and meta tensors meet the operator."""

    class Names(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            names.add(func.name())
            return func(*args, **kwargs or {})

    names = set()
    found, expected = (
        torch.autograd.grad(
            function(*(given := stage())).square().sum(), [t for t in given[:6] if t is not None]
        )
        for function in (triton_ops.stage, triton_ops.depthwise)
    )
    assert all(map(torch.equal, found, expected))
    assert type(triton_ops.stage(*stage()).grad_fn).__name__ == "_StageBackward"
    product = triton_ops.depthwise_product(*(given := (*stage(False), *last())))
    assert torch.equal(triton_ops.stage_product(*given), product)
    with Names(), torch.no_grad():
        triton_ops.stage(*stage(False))
        triton_ops.stage_product(*given)
    assert {"hocp::depthwise", "hocp::depthwise_product"} <= names
    meta = [t.to("meta") if isinstance(t, torch.Tensor) else t for t in stage(False)]
    assert triton_ops.stage(*meta).shape == triton_ops.stage(*stage(False)).shape


def test_compilers_and_exporters_see_one_operator():
    layer, x = layer_and_input("image", torch.float32)
    with torch.no_grad():
        program = torch.export.export(layer, (x.detach(),))
        names = [str(node.target) for node in program.graph.nodes if "hocp" in str(node.target)]
        assert names == ["hocp.depthwise_product.default"]
        torch.testing.assert_close(program.module()(x), layer(x))
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    found, expected = (torch.autograd.grad(f(x).sum(), [x, *layer.parameters()]) for f in (compiled, layer))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_sums_over_many_programs_are_repeatable(monkeypatch):
    tile = triton_launch.Tile(rows=1, columns=2, channels=16, frames=2, warps=4)
    monkeypatch.setattr(triton_launch, "gradient_tile", lambda *_, **__: tile)
    z, f0, f1, f2, scale, shift, relu, places = stage(False)
    z = torch.randn(2, 5, 1, 6, 2)
    arguments = (z, f0.float(), f1, f2.float(), scale.float(), shift.float(), relu, places)
    dy = torch.randn_like(triton_ops.depthwise(*arguments))
    first, again = (triton_ops.factor_gradients(dy, *arguments) for _ in range(2))
    assert all(map(torch.equal, first, again))
    monkeypatch.undo()
    whole = triton_ops.factor_gradients(dy, *arguments)
    for parts, one in zip(first, whole, strict=True):
        torch.testing.assert_close(parts, one)


@pytest.mark.parametrize("rank", [6, 7])
@pytest.mark.parametrize("offset", [0, 1])
def test_pairs_of_bfloat16_wherever_they_lie_in_memory(rank, offset):
    """An even rank is loaded two numbers at a time; of small integers, results are those of float32."""

    def integers(*shape):
        count = torch.Size(shape).numel() + offset
        return torch.randint(-2, 3, (count,), dtype=torch.bfloat16)[offset:].view(shape)

    torch.manual_seed(0)
    z, dy = integers(1, 3, 4, 5, rank), integers(1, 3, 4, 5, rank)
    stage = *(integers(3, rank).sign().float() for _ in range(3)), None, None, False, [1] * 12
    for operator, tensors in (
        (triton_ops.depthwise, (z,)),
        (triton_ops.input_gradient, (dy, z)),
        (triton_ops.factor_gradients, (dy, z)),
    ):
        found, expected = operator(*tensors, *stage), operator(*(x.float() for x in tensors), *stage)
        if operator is triton_ops.depthwise:
            found, expected = [found], [expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert torch.equal(ours.float(), theirs)
        assert found[0].abs().max() > 2
