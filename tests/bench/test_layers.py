"""Time of single layers side by side: dense, ours, Tucker, TensorLy-Torch; what is timed is checked too.

    HOCP_BENCH_SIZE=demo python -m pytest tests/bench --benchmark-only --benchmark-json=OUT

One thread. Sizes: smoke, demo (the default), full. Without --benchmark-only, tiny layers are only checked.
"""

import pytest
import torch
from bench_layers import SIZES, build, example, macs, parameters, reference

from hocp.contracts import record


def forward(layer, x):
    """Inference: the output."""
    with torch.no_grad():
        return layer(x), None


def forward_backward(layer, x):
    """Training: the output, and the gradients of its sum; the first, for the input, is returned."""
    x = x.detach().requires_grad_()
    y = layer(x)
    gradient, *_ = torch.autograd.grad(y, [x, *layer.parameters()], torch.ones_like(y))
    return y.detach(), gradient


CALLS = {"forward": forward, "forward + backward": forward_backward}


@pytest.mark.parametrize("call", CALLS)
def test_time(benchmark, shape, kind, call, rounds):
    layer, x = _layer(kind, shape), example(shape)
    benchmark.group = f"{shape}, {call}"
    benchmark.extra_info.update(
        layer=str(shape),
        call=call,
        kind=kind,
        shape=list(x.shape),
        rank={"dense": None, "tltorch": shape.rank}.get(kind, getattr(layer, "rank", None)),
        parameters=parameters(layer),
        macs=macs(kind, shape),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        processor=record.environment("cpu")["processor"],
    )
    _check(benchmark.pedantic(CALLS[call], (layer, x), rounds=rounds, warmup_rounds=2), kind, shape)


@pytest.mark.parametrize("call", CALLS)
def test_value(shape, kind, call):
    _check(CALLS[call](_layer(kind, shape), example(shape)), kind, shape)


def _layer(kind, shape):
    if kind == "tltorch":
        pytest.importorskip("tltorch")
    return build(kind, shape)


def _check(result, kind, shape):
    """The first sample against a dense convolution in float64."""
    for found, expected in zip(result, reference(kind, shape), strict=True):
        if found is not None:
            error = (found[:1].double() - expected).norm() / expected.norm()
            assert error < 1e-5


@pytest.mark.parametrize("size", [size for size in SIZES if size != "tiny"])
def test_tucker_has_the_parameters_of_the_cp_layer(size):
    """What is compared is of one size, as far as whole ranks allow."""
    for shape in SIZES[size]:
        with torch.device("meta"):
            tucker, cp = (parameters(build(kind, shape)) for kind in ("tucker", "hocp chain"))
        assert tucker == pytest.approx(cp, rel=0.03), shape
