"""Do torch's own tools take the layers?"""

import io
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch
from kernels import inputs
from probes_saving import small
from probing import SINGLE, NotRun, holds, probe, same
from torch import nn
from torch.nn.utils import parametrize

TOOLS = "Tools of torch"


@probe(
    "P1", TOOLS, "torch.compile without a graph break, gradients included", source="torch.compile: fullgraph"
)
def compiled(library, form):
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    layer = small(library, form)
    torch._dynamo.reset()
    fast = torch.compile(layer, fullgraph=True, backend="aot_eager")
    same(fast(x), layer(x), tolerance=SINGLE)
    own = library.numbers(form, layer)
    for mine, right in zip(
        torch.autograd.grad(fast(x).sum(), own), torch.autograd.grad(layer(x).sum(), own), strict=True
    ):
        same(mine, right, tolerance=SINGLE, what="gradient")


@probe("P2", TOOLS, "torch.export with a batch of any size", source="torch.export: dynamic_shapes")
def exported(library, form):
    layer = small(library, form).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(
        layer, (inputs(2, 4, 6, 7, dtype=torch.float32),), dynamic_shapes=({0: batch},)
    )
    x = inputs(5, 4, 6, 7, dtype=torch.float32)
    same(program.module()(x), layer(x), tolerance=SINGLE)


@probe("P3", TOOLS, "ONNX, run in onnxruntime", source="tensorly/torch#11")
def onnx(library, form):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise NotRun(f"{package} is not installed")
    import onnxruntime

    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    layer = small(library, form).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "layer.onnx")
        torch.onnx.export(layer, (x,), path, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    same(torch.from_numpy(found), layer(x), tolerance=1e-4)


@probe("P4", TOOLS, "Traced by torch.jit.trace", source="torch.jit.trace")
def traced(library, form):
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    layer = small(library, form).eval()
    same(torch.jit.trace(layer, (x,))(x), layer(x), tolerance=SINGLE)


@probe("P5", TOOLS, "Data-parallel training, in one process (gloo)", source="DistributedDataParallel")
def data_parallel(library, form):
    if not torch.distributed.is_available():
        raise NotRun("this torch has no torch.distributed")
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    layer = small(library, form)
    expected = torch.autograd.grad(layer(x).square().sum(), list(layer.parameters()))
    with tempfile.TemporaryDirectory() as folder:
        try:
            torch.distributed.init_process_group(
                "gloo", init_method=f"file://{folder}/sync", rank=0, world_size=1
            )
        except RuntimeError as error:
            raise NotRun(f"gloo finds no network here: {error}") from error
        try:
            replica = nn.parallel.DistributedDataParallel(layer)
            for _ in range(2):  # the second forward call notices parameters without a gradient in the first
                layer.zero_grad()
                replica(x).square().sum().backward()
        finally:
            torch.distributed.destroy_process_group()
    for parameter, right in zip(layer.parameters(), expected, strict=True):
        same(parameter.grad, right, tolerance=SINGLE, what="gradient")


@probe("P6", TOOLS, "A parametrization of a factor acts on the output", source="torch.nn.utils.parametrize")
def parametrized(library):
    class Half(nn.Module):
        def forward(self, value):
            return value / 2

    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    layer = small(library)
    with torch.no_grad():
        layer.bias.zero_()
    expected = layer(x) / 2
    weights = library.numbers("cp", layer)[0]
    owner, name = next(
        (module, name)
        for module in layer.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if parameter is weights
    )
    parametrize.register_parametrization(owner, name, Half())
    same(layer(x), expected, tolerance=SINGLE)


@probe(
    "P7",
    TOOLS,
    "Activation checkpointing gives the same gradients",
    source="torch.utils.checkpoint",
)
def checkpointed(library, form):
    x = inputs(2, 4, 6, 7, dtype=torch.float32).requires_grad_()
    layer = small(library, form)
    plain = torch.autograd.grad(layer(x).square().sum(), x)[0]
    again = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
    same(torch.autograd.grad(again.square().sum(), x)[0], plain, tolerance=SINGLE, what="gradient")


@probe("P8", TOOLS, "The exported program goes to a file and back", source="torch.export.save")
def exported_file(library, form):
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    layer = small(library, form).eval()
    file = io.BytesIO()
    torch.export.save(torch.export.export(layer, (x,)), file)
    file.seek(0)
    found = torch.export.load(file).module()(x)
    same(found, layer(x), tolerance=SINGLE)
    holds(found.dtype == x.dtype, "another dtype")
